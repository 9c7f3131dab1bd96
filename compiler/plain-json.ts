/** JSON that a graph can hold: what JSON text can say besides is refused where it is read. */
import { isPrototypeName } from './passes/reserved-words.ts';
import type { Json } from './types.ts';

/** Reading, writing and checking JSON go as deep as it nests. */
const maxNesting = 500;

/** Undefined for text that is no JSON, nests too deep, or is not plain. */
export function parsePlainJson(text: string): Json | undefined {
  if ((text.match(/[[{]/g)?.length ?? 0) > maxNesting) return undefined;
  try {
    const value = JSON.parse(text) as Json;
    return isPlainJson(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Has the value no half characters, no numbers without end, no names such as `__proto__`, and no bottomless nesting? */
export function isPlainJson(root: Json): boolean {
  const waiting: { value: Json; depth: number }[] = [{ value: root, depth: 0 }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { value, depth } = next;
    if (depth > maxNesting) return false;
    if (typeof value === 'string' && !value.isWellFormed()) return false;
    if (typeof value === 'number' && !Number.isFinite(value)) return false;
    if (value === null || typeof value !== 'object') continue;
    for (const [key, inner] of Object.entries(value)) {
      if (!Array.isArray(value) && (isPrototypeName(key) || !key.isWellFormed())) return false;
      waiting.push({ value: inner, depth: depth + 1 });
    }
  }
  return true;
}
