/** The view of an output: what control flow may read of it, small enough for history. */
import { viewPath } from './expressions/reads.ts';
import type { Json } from './types.ts';

export type Scalar = null | boolean | number | string;

/**
 * What control flow may read of one output: scalars of at most 256 bytes by path. A path that exists but is not such a
 * scalar is `opaque`: a condition that reads it is evaluated by an activity instead. An absent path is in neither.
 */
export interface View {
  values?: Record<string, Scalar>;
  opaque?: string[];
}

/** Longer text is opaque: a condition over it is evaluated by an activity. */
const SCALAR_BYTES = 256;

/**
 * The scalars at `paths` (keys as `viewKey` writes them: `amount`, `vendor.country`; empty is the whole value). A path that leads nowhere is
 * in neither list, so `has()` is false there; one that leads to a list, a record or long text is opaque.
 */
export function deriveView(value: Json, paths: readonly string[]): View | undefined {
  const values: [string, Scalar][] = [];
  const opaque: string[] = [];
  for (const path of paths) {
    const found = at(value, path);
    if (found === undefined) continue;
    if (isSmallScalar(found)) values.push([path, found]);
    else opaque.push(path);
  }
  if (values.length === 0 && opaque.length === 0) return undefined;
  return {
    ...(values.length > 0 ? { values: Object.fromEntries(values) } : {}),
    ...(opaque.length > 0 ? { opaque } : {}),
  };
}

function at(value: Json, path: string): Json | undefined {
  let found: Json | undefined = value;
  for (const key of viewPath(path)) {
    if (found === null || typeof found !== 'object' || Array.isArray(found)) return undefined;
    found = Object.hasOwn(found, key) ? found[key] : undefined;
    if (found === undefined) return undefined;
  }
  return found;
}

function isSmallScalar(value: Json): value is Scalar {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return true;
  return typeof value === 'string' && Buffer.byteLength(value) <= SCALAR_BYTES;
}
