/** Values that lead somewhere: links to steps, and links back with their bound. */
import type { BoundLink, StepLink } from './draft.ts';
import type { Phrase } from './phrases.ts';
import { phrasesSpan } from './phrases.ts';
import { readNumber, splitNumeral } from './quantities.ts';
import type { Setting } from './read-settings.ts';
import { followLink } from './resolve-names.ts';
import type { Context } from './setting-values.ts';
import { invalid } from './setting-values.ts';

/** Returns and passes beyond this are no bound that anybody meant. */
const mostTimes = 1000;

/** A step named by a link; what else stands there is refused. */
export function readStepLink(phrases: readonly Phrase[], setting: Setting, context: Context): StepLink | undefined {
  const [only] = phrases;
  if (phrases.length !== 1 || only?.kind !== 'link') {
    invalid(setting, phrases, 'a link to a step, such as [Pay](#pay)', context);
    return undefined;
  }
  const step = followLink(only, 'step', context.names, context.report);
  return step === undefined ? undefined : { step, span: only.span };
}

const boundExpected = 'a link such as [Pay](#pay), or one back such as [Pay](#pay) at most 2 times, then [Ask](#ask)';

/**
 * `[A](#a)`, `[A](#a) at most 2 times`, `[A](#a) at most 2 times, then [B](#b)`. Undefined where any part of it could not be
 * read. Whether a bound and `then` are needed is known only with the order of the steps.
 */
export function readBoundLink(phrases: readonly Phrase[], setting: Setting, context: Context): BoundLink | undefined {
  const [first, words, second, more] = phrases;
  if (!words) return readStepLink(phrases, setting, context);
  const bound = words.kind === 'text' ? /^\s*at most\s+(.*?)(?:,\s*(then)\s*)?$/is.exec(words.text) : null;
  if (first?.kind !== 'link' || !bound || more || (bound[2] === undefined) !== (second === undefined)) {
    invalid(setting, phrases, boundExpected, context);
    return undefined;
  }
  const link = readStepLink([first], setting, context);
  const atMost = readTimes(bound[1] ?? '', [words], setting, context);
  const then = second && readStepLink([second], setting, context);
  if (!link || atMost === undefined || (second && !then)) return undefined;
  return { ...link, atMost, ...(then && { then }) };
}

/** `2 times`: how often at most. Reports and gives undefined for anything else, zero, or more than a thousand. */
export function readTimes(
  words: string,
  phrases: readonly Phrase[],
  setting: Setting,
  context: Context,
): number | undefined {
  const { numeral, rest } = splitNumeral(words);
  if (numeral === '' || !/^times?$/i.test(rest)) {
    invalid(setting, phrases, 'at most and a number, such as at most 2 times', context);
    return undefined;
  }
  return readCount(numeral, phrases, setting, context);
}

/** A whole number from 1 to a thousand. */
export function readCount(
  numeral: string,
  phrases: readonly Phrase[],
  setting: Setting,
  { report }: Context,
): number | undefined {
  const span = phrasesSpan(phrases, setting.span);
  const times = readNumber(numeral, span, report);
  if (times === undefined || (Number.isInteger(times) && times >= 1 && times <= mostTimes)) return times;
  report.error('out-of-range', span, `Unexpected ${numeral}, expected a whole number from 1 to ${mostTimes}`);
  return undefined;
}
