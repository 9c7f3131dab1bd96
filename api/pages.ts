/** Lists come in pages. A cursor names the last row of a page by its sort key, so rows that come and go shift nothing. */
import { z } from 'zod';
import { isHeld } from './plugins/text.ts';

const decoded = z.tuple([z.string(), z.string()]);

const cursorSchema = z.string().transform((text, context): [string, string] => {
  try {
    const parsed = decoded.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
    if (parsed.success && parsed.data.every(isHeld)) return parsed.data;
  } catch {
    // Told below, like every other text that is no cursor.
  }
  context.addIssue({ code: 'custom', message: 'Expected the `next` of an earlier page' });
  return z.NEVER;
});

export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: cursorSchema.optional(),
};

export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({
    items: z.array(item),
    next: z.string().optional().describe('Cursor of the next page; absent on the last'),
  });

/** `rows` were asked for with one more than `limit`: its presence says that there is a next page. */
export function page<Row, Item>(
  rows: Row[],
  limit: number,
  keyOf: (row: Row) => [string, string],
  itemOf: (row: Row) => Item,
): { items: Item[]; next?: string } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? encode(keyOf(last)) : undefined;
  return { items: shown.map(itemOf), ...(next === undefined ? {} : { next }) };
}

const encode = (key: [string, string]): string => Buffer.from(JSON.stringify(key)).toString('base64url');

/** The moment of a cursor over time. One that was made for another list is no cursor here. */
export function momentOf(cursor: [string, string]): Date | undefined {
  const moment = new Date(cursor[0]);
  // The database's calendar is shorter than JavaScript's; no row of ours is older or younger.
  return moment.getUTCFullYear() >= 1 && moment.getUTCFullYear() <= 9999 ? moment : undefined;
}

/** Where rows that are listed newest first go on after the cursor: the part of a condition on them, empty on the first page. */
export function olderThan(cursor: [string, string] | undefined) {
  const before = cursor && momentOf(cursor);
  if (cursor === undefined || before === undefined) return {};
  return { OR: [{ createdAt: { lt: before } }, { createdAt: before, id: { lt: cursor[1] } }] };
}

/** The key of such a row. */
export const keyOfNewest = (row: { createdAt: Date; id: string }): [string, string] => [
  row.createdAt.toISOString(),
  row.id,
];
