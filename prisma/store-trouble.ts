/** What the failures of a store that will work again look like: to Prisma, to pg beneath it and to the network. */
import { z } from 'zod';

/**
 * `away`: the database cannot be reached, ends or starts; nobody knows whether a commit under way was made. `busy`: no connection was free in
 * time. `undone`: it rolled back in favour of another transaction, and the same again may be done. `conflict`: another has made the same row.
 */
export type StoreTrouble = 'away' | 'busy' | 'undone' | 'conflict';

// 53300: more connections than the server takes. 57Pxx: it shuts down, ended another connection's process, or starts. 08xxx: connection.
const away = /^(P1\d{3}|ECONN\w+|ETIMEDOUT|EPIPE|53300|57P\d\d|08\w{3})$/;
const busy = /^(P2024|P2028)$/;
const undone = /^(P2034|40\w{3})$/;
const conflict = /^P2002$/;

/** Of the adapter between Prisma and pg, where it gives no code of the server's. */
const kinds: Record<string, StoreTrouble> = {
  DatabaseNotReachable: 'away',
  ConnectionClosed: 'away',
  SocketTimeout: 'away',
  TooManyConnections: 'away',
  TransactionWriteConflict: 'undone',
  UniqueConstraintViolation: 'conflict',
};

/** pg gives a connection that was lost in the middle of a question no code at all. */
const wordsOfPg = /^(Connection terminated|Client has encountered a connection error and is not queryable)/;

const text = z.string().optional().catch(undefined);
const causeShape = z.object({ kind: text, originalCode: text });
const problemShape = z.object({
  code: text,
  meta: z
    .object({ driverAdapterError: z.object({ cause: causeShape }) })
    .optional()
    .catch(undefined),
  cause: causeShape.optional().catch(undefined),
});

/** Undefined for what trying again cannot cure, and for what is no failure of the store. */
export function storeTrouble(problem: unknown): StoreTrouble | undefined {
  if (!(problem instanceof Error)) return undefined;
  if (problem.name === 'PrismaClientInitializationError' || wordsOfPg.test(problem.message)) return 'away';
  const { code, meta, cause } = problemShape.parse(problem);
  const inner = meta?.driverAdapterError.cause ?? (problem.name === 'DriverAdapterError' ? cause : undefined);
  // Of a raw query, and of what Prisma has no code for, only the cause tells the server's own.
  for (const one of [code, inner?.originalCode]) {
    if (one === undefined) continue;
    if (away.test(one)) return 'away';
    if (busy.test(one)) return 'busy';
    if (undone.test(one)) return 'undone';
    if (conflict.test(one)) return 'conflict';
  }
  return inner?.kind === undefined ? undefined : kinds[inner.kind];
}
