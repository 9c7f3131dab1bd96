/** Which values a step's work is made of: what its memoKey covers, and what its handoff names. */
import { parseExpression } from '../compiler/expressions/parse.ts';
import { readsOf } from '../compiler/expressions/reads.ts';
import type { Node } from '../compiler/graph.ts';
import { checksOf, inputsOf } from '../compiler/node-expressions.ts';
import type { Digest } from './contract.ts';

/** The steps, and `input`, that an expression reads. */
export function rootsOf(source: string): string[] {
  const parsed = parseExpression(source);
  return parsed.ok ? readsOf(parsed.expression).map((read) => read.root) : [];
}

/** Digests of the outputs read, and of the run's input if the step reads that: an edit of the input reruns no other step. */
export function inputDigestsOf(
  node: Node,
  outputs: Readonly<Record<string, Digest>> | undefined,
  runInput: Digest,
): Record<string, Digest> {
  const readsInput = [...inputsOf(node), ...checksOf(node)].some((source) => rootsOf(source).includes('input'));
  return { ...outputs, ...(readsInput ? { input: runInput } : {}) };
}
