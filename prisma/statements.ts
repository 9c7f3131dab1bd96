/**
 * Statements by hand in a transaction of `actAs`, for what is asked all the time: they cost an eighth of a query of Prisma's
 * client, and those that are sent together are on their way together.
 */
import type { PoolClient } from 'pg';
import type { Tx } from './act-as.ts';

/** A connection with a transaction open on it. */
export interface HeldConnection {
  connection: PoolClient;
  /** Rejects when the transaction, or its role and tenant, could not be set. What is sent after it waits for nothing. */
  begun: Promise<unknown>;
  nameOf(query: { sql: string }): string;
}

type Value = string | number | boolean | Date | Uint8Array | null | readonly string[] | readonly number[];

const heldBy = new WeakMap<Tx, HeldConnection>();

/** For `actAs`: from now on statements of `tx` go to this connection. */
export function bindConnection(tx: Tx, held: HeldConnection): void {
  heldBy.set(tx, held);
}

/** For `actAs`: the transaction has ended. */
export function unbindConnection(tx: Tx): void {
  heldBy.delete(tx);
}

/** A statement never changes its text, only its values. */
const texts = new WeakMap<TemplateStringsArray, string>();
const columns = new WeakMap<TemplateStringsArray, string[]>();

/**
 * The rows of one statement: ask<Row>(tx)`SELECT ... WHERE id = ${id}`. Columns have the names of the generated models, so that
 * `SELECT *` gives the model's row. Throws what pg throws. Several may be sent before the first is answered; they are done
 * in the order in which they were sent.
 */
export function ask<Row extends object>(tx: Tx): (strings: TemplateStringsArray, ...values: Value[]) => Promise<Row[]> {
  return async (strings, ...values) => {
    const held = heldBy.get(tx);
    if (held === undefined) throw new Error('a statement was asked outside the transaction of an actAs');
    const sql = texts.get(strings) ?? textOf(strings);
    const answer = held.connection.query<unknown[]>({
      name: held.nameOf({ sql }),
      text: sql,
      values,
      rowMode: 'array',
    });
    const [result] = await Promise.all([answer, held.begun]);
    const names = columns.get(strings) ?? result.fields.map(({ name }) => modelName(name));
    columns.set(strings, names);
    return result.rows.map((row) => Object.fromEntries(row.map((value, index) => [names[index], value])) as Row);
  };
}

function textOf(strings: TemplateStringsArray): string {
  const text = strings.reduce((before, part, index) => `${before}$${index}${part}`);
  texts.set(strings, text);
  return text;
}

/** `tenant_id` is `tenantId` in every model. */
const modelName = (column: string) => column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
