/** Two contents side by side: what changed as an RFC 6902 patch, and line by line where both are texts. */
import { diffLines } from 'diff';
import { createPatch } from 'rfc6902';
import type { Json } from '../../compiler/types.ts';

export interface Comparison {
  /** Leads from the first to the second. */
  patch: { op: string; path: string; value?: Json; from?: string }[];
  /** Of two texts: runs of lines, in order. */
  lines?: { change: 'same' | 'added' | 'removed'; text: string }[];
}

/** Long texts that have little in common are not compared line by line: `lines` then has all of both. */
const longestEdit = 5_000;

export function compare(before: Json, after: Json): Comparison {
  const patch = createPatch(before, after) as Comparison['patch'];
  if (typeof before !== 'string' || typeof after !== 'string') return { patch };
  const runs = diffLines(before, after, { maxEditLength: longestEdit }) ?? [
    { value: before, removed: true },
    { value: after, added: true },
  ];
  const lines = runs.map((run) => ({
    change: run.added ? ('added' as const) : run.removed ? ('removed' as const) : ('same' as const),
    text: run.value,
  }));
  return { patch, lines };
}
