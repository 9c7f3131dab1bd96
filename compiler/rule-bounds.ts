/** What rules can be said of, and which of them leave no value. The same for rules in words and in JSON Schema. */
import type { Rules, Type } from './types.ts';

/** Kinds of type that take a bound of numbers, a bound of lengths, and a pattern. */
export const ruleTakers: Readonly<Record<'number' | 'length' | 'text', readonly Type['kind'][]>> = {
  number: ['number', 'integer'],
  length: ['text', 'url', 'list', 'map'],
  text: ['text', 'url'],
};

export interface Clash {
  /** The words of the two rules, as authors write them. */
  rules: [from: string, to: string];
  message: string;
}

/** Pairs of rules that no value meets together. */
export function clashesOf(rules: Rules): Clash[] {
  const clashes: Clash[] = [];
  const least = Math.max(rules.atLeast ?? -Infinity, rules.moreThan ?? -Infinity);
  const most = Math.min(rules.atMost ?? Infinity, rules.lessThan ?? Infinity);
  const open = rules.moreThan === least || rules.lessThan === most;
  if (least > most || (least === most && open)) {
    const from = rules.moreThan === least ? 'more than' : 'at least';
    const to = rules.lessThan === most ? 'less than' : 'at most';
    const message = `Unexpected ${from} ${least} with ${to} ${most}, expected bounds that some number meets`;
    clashes.push({ rules: [from, to], message });
  }
  if ((rules.lengthAtLeast ?? 0) > (rules.lengthAtMost ?? Infinity)) {
    const message = 'Unexpected lengths, expected bounds that some length meets';
    clashes.push({ rules: ['length at least', 'length at most'], message });
  }
  return clashes;
}
