/** The view of a gate's output: small scalars that control flow reads as they are, anything else there named as opaque. */
import { viewPath } from '../compiler/expressions/reads.ts';
import type { Json } from '../compiler/types.ts';

/** Longer text is opaque: a condition over it is evaluated by an activity. */
const scalarBytes = 256;

/**
 * `keys` are those the graph's conditions read. What leads nowhere is left out, so that `has()` is false there; null when
 * conditions read nothing of this output.
 */
export function gateView(keys: string[], output: Record<string, Json>): string | null {
  const values: [string, Json][] = [];
  const opaque: string[] = [];
  for (const key of keys) {
    const found = viewPath(key).reduce<Json | undefined>(
      (value, field) => (isRecord(value) && Object.hasOwn(value, field) ? value[field] : undefined),
      output,
    );
    if (found === undefined) continue;
    if (isSmallScalar(found)) values.push([key, found]);
    else opaque.push(key);
  }
  if (values.length + opaque.length === 0) return null;
  return JSON.stringify({
    ...(values.length > 0 ? { values: Object.fromEntries(values) } : {}),
    ...(opaque.length > 0 ? { opaque } : {}),
  });
}

const isRecord = (value: Json | undefined): value is { [key: string]: Json } =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

const isSmallScalar = (value: Json): boolean =>
  value === null || (typeof value === 'string' ? Buffer.byteLength(value) <= scalarBytes : typeof value !== 'object');
