/** Which values a step's work is made of: what its memoKey covers, and what its handoff names. */
import { parseExpression } from '../compiler/expressions/parse.ts';
import { readsOf } from '../compiler/expressions/reads.ts';
import type { Node } from '../compiler/graph.ts';
import { checksOf, checksWorkedFor, inputsOf } from '../compiler/node-expressions.ts';
import type { Digest } from './contract.ts';

/** The steps, and `input`, that an expression reads. */
export function rootsOf(source: string): string[] {
  const parsed = parseExpression(source);
  return parsed.ok ? readsOf(parsed.expression).map((read) => read.root) : [];
}

/** The names that the step's work is made of; of what only decides whether it runs, nothing. */
export function workNames(node: Node): Set<string> {
  const names = new Set([...inputsOf(node), ...checksWorkedFor(node)].flatMap(rootsOf));
  // An agent that is sent back to sees why, whether or not it names it.
  if (node.kind === 'agent') names.add('feedback');
  return names;
}

/** Of all that the step was given, what the checks of its output read. */
export function digestsChecked(node: Node, given: Readonly<Record<string, Digest>>): Record<string, Digest> {
  const names = new Set(checksOf(node).flatMap(rootsOf));
  return Object.fromEntries(Object.entries(given).filter(([name]) => names.has(name)));
}

/** Digests of what the step's work reads, and of the run's input only if it reads that: an edit elsewhere reruns nothing. */
export function inputDigestsOf(
  node: Node,
  outputs: Readonly<Record<string, Digest>> | undefined,
  runInput: Digest,
): Record<string, Digest> {
  const roots = workNames(node);
  const read = Object.entries(outputs ?? {}).filter(([name]) => roots.has(name));
  return { ...Object.fromEntries(read), ...(roots.has('input') ? { input: runInput } : {}) };
}
