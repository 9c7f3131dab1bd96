/** JSON Patches as requests hold them. */
import type { Json } from '../../compiler/types.ts';
import type { Patch } from '../../prisma/json-patch.ts';
import { applyJsonPatch, patchSchemaOf } from '../../prisma/json-patch.ts';
import { json } from '../json-value.ts';
import { invalidContent } from './contents.ts';

export type { Patch } from '../../prisma/json-patch.ts';

export const patchSchema = patchSchemaOf(json);

/** The value that `patch` makes of `value`; of nothing, it begins with `{}`. @throws Problem invalid-content, naming the operation that cannot be done */
export function patched(value: Json | undefined, patch: Patch): Json {
  const done = applyJsonPatch(value, patch);
  if (!done.ok) throw invalidContent([{ path: `[${done.index}]`, message: done.message }]);
  return done.value;
}
