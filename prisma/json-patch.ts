/** JSON Patches (RFC 6902) of a proposal's state: what one may say, and applying it to a copy, all of it or nothing. */
import { applyPatch } from 'rfc6902';
import { z } from 'zod';
import type { Json } from '../compiler/types.ts';

const reserved = new Set(['__proto__', 'constructor', 'prototype']);
const pointer = z
  .string()
  .max(1_000)
  .regex(/^(\/([^~/]|~[01])*)*$/, 'Expected a JSON pointer')
  .refine((path) => !path.split('/').some((token) => reserved.has(token)), 'Expected no name of Object.prototype');

/** A patch whose values are of the schema `json`: of any JSON, in the form that its reader can show. */
export function patchSchemaOf<Value extends z.ZodType>(json: Value) {
  return z
    .array(
      z.discriminatedUnion('op', [
        z.strictObject({ op: z.enum(['add', 'replace', 'test']), path: pointer, value: json }),
        z.strictObject({ op: z.literal('remove'), path: pointer }),
        z.strictObject({ op: z.enum(['move', 'copy']), path: pointer, from: pointer }),
      ]),
    )
    .min(1)
    .max(1_000)
    .describe('RFC 6902');
}
export type Patch = (
  | { op: 'add' | 'replace' | 'test'; path: string; value: Json }
  | { op: 'remove'; path: string }
  | { op: 'move' | 'copy'; path: string; from: string }
)[];

/** `index` is of the operation that cannot be done. */
export type Patched = { ok: true; value: Json } | { ok: false; index: number; message: string };

/** What `patch` makes of `value`; of nothing, it begins with `{}`. */
export function applyJsonPatch(value: Json | undefined, patch: Patch): Patched {
  // Within a record, so that an operation may also be on the whole (an empty pointer).
  const around = { it: structuredClone(value ?? {}) };
  const within = patch.map((operation) => ({
    ...structuredClone(operation),
    path: `/it${operation.path}`,
    ...('from' in operation ? { from: `/it${operation.from}` } : {}),
  }));
  const problems = applyPatch(around, within as Parameters<typeof applyPatch>[1]);
  const failed = problems.findIndex((problem) => problem !== null);
  if (failed === -1 && around.it !== undefined) return { ok: true, value: around.it };
  const index = failed === -1 ? patch.length - 1 : failed;
  return { ok: false, index, message: whyNot(patch[index]) };
}

function whyNot(operation: Patch[number] | undefined): string {
  if (operation?.op === 'test')
    return `Unexpected value at ${placeOf(operation.path)}, expected the one that is tested for`;
  if (operation === undefined) return 'Unexpected end, expected a value that is left';
  return `Unexpected ${operation.op} at ${placeOf(operation.path)}, expected a place that the value has`;
}

const placeOf = (path: string): string => (path === '' ? 'the whole' : path);
