/** Entries of the audit as the API lists them, and their place in the list. */
import { z } from 'zod';
import type { Json } from '../compiler/types.ts';
import { auditLogs } from '../prisma/audit-chains.ts';
import type { AuditEntry, EntryKey } from '../prisma/audit-entries.ts';
import { momentOf } from './pages.ts';
import { isHeld } from './plugins/text.ts';
import type { auditEntry } from './routes/audit/schemas.ts';

export function viewOfEntry({ at, what, person, about, body, ...row }: AuditEntry): z.infer<typeof auditEntry> {
  const { log, thing, seq, hash } = row;
  return {
    at: at.toISOString(),
    log,
    thing,
    seq,
    kind: what,
    ...(person === null ? {} : { person }),
    ...(about === null ? {} : { about }),
    ...(body === null ? {} : { detail: detailOf(body) }),
    hash,
  };
}

/** What is no JSON any more was tampered with: shown as it stands, for `waymark audit verify` to say so. */
function detailOf(body: string): Json {
  try {
    return JSON.parse(body) as Json;
  } catch {
    return body;
  }
}

const place = z.tuple([
  z.enum(auditLogs),
  z.string().refine(isHeld),
  z
    .int()
    .min(-(2 ** 31))
    .max(2 ** 31 - 1),
]);

export const cursorOf = ({ at, log, thing, seq }: EntryKey): [string, string] => [
  at.toISOString(),
  JSON.stringify([log, thing, seq]),
];

/** Undefined of a cursor that is of another list. */
export function keyOf(cursor: [string, string] | undefined): EntryKey | undefined {
  const at = cursor && momentOf(cursor);
  const read = cursor && place.safeParse(jsonOf(cursor[1]));
  if (at === undefined || !read?.success) return undefined;
  const [log, thing, seq] = read.data;
  return { at, log, thing, seq };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
