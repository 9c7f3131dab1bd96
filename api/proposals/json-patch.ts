/** Applying an RFC 6902 patch: to a copy, all of it or nothing. */
import { applyPatch } from 'rfc6902';
import { z } from 'zod';
import type { Json } from '../../compiler/types.ts';
import { json } from '../json-value.ts';
import { invalidContent } from './contents.ts';

const pointer = z
  .string()
  .max(1_000)
  .regex(/^(\/([^~/]|~[01])*)*$/, 'Expected a JSON pointer')
  .refine((path) => !path.split('/').some((token) => reserved.has(token)), 'Expected no name of Object.prototype');
const reserved = new Set(['__proto__', 'constructor', 'prototype']);

export const patchSchema = z
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
export type Patch = z.infer<typeof patchSchema>;

/** The value that `patch` makes of `value`; of nothing, it begins with `{}`. @throws Problem invalid-content, naming the operation that cannot be done */
export function patched(value: Json | undefined, patch: Patch): Json {
  // Within a record, so that an operation may also be on the whole (an empty pointer).
  const around = { it: structuredClone(value ?? {}) };
  const within = patch.map((operation) => ({
    ...structuredClone(operation),
    path: `/it${operation.path}`,
    ...('from' in operation ? { from: `/it${operation.from}` } : {}),
  }));
  const problems = applyPatch(around, within as Parameters<typeof applyPatch>[1]);
  const failed = problems.findIndex((problem) => problem !== null);
  if (failed !== -1 || around.it === undefined) {
    const index = failed === -1 ? patch.length - 1 : failed;
    throw invalidContent([
      { path: `[${index}]`, message: `Unexpected ${patch[index]?.op}, expected an operation that the value allows` },
    ]);
  }
  return around.it;
}
