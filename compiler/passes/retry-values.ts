/** How often and how long a step tries: `retry` and `timeout`. */
import type { Retry } from '../graph.ts';
import type { Phrase } from './phrases.ts';
import { phrasesSpan, phrasesText } from './phrases.ts';
import { readDuration, readNumber, splitNumeral } from './quantities.ts';
import type { Setting } from './read-settings.ts';
import { entriesOf, valueSpan } from './read-settings.ts';
import type { Context, Reader } from './setting-values.ts';
import { invalid, readWords } from './setting-values.ts';

const longestPauseMs = 24 * 3_600_000;
/** A call ends before the activity that makes it, which has five minutes. */
const longestTimeoutMs = 4 * 60_000;
const mostTries = 100;

export const unsaidRetry: Retry = { times: 2, initialMs: 1000, factor: 2, maxMs: 60_000 };

/** `3 times, after 1 second, doubling, at most 1 minute`: with `after` and no `doubling` the pause stays as it is. */
export const readRetry: Reader = (setting, context) => {
  const { report } = context;
  const retry = { ...unsaidRetry };
  const said = new Set<string>();
  for (const entry of entriesOf(setting)) {
    const words = phrasesText(entry).toLowerCase();
    const span = phrasesSpan(entry, setting.span);
    const part = /^(after|at most|doubling)\b/.exec(words)?.[1] ?? 'times';
    if (said.has(part)) {
      report.error('repeated-value', span, `Unexpected ${words}, expected each part of retry once`);
      continue;
    }
    said.add(part);
    const rest = words.slice(part.length).trim();
    if (part === 'after') retry.initialMs = readDuration(rest, span, longestPauseMs, report) ?? retry.initialMs;
    else if (part === 'at most') retry.maxMs = readDuration(rest, span, longestPauseMs, report) ?? retry.maxMs;
    else if (part === 'doubling' && rest === '') continue;
    else retry.times = readTimes(words, entry, setting, context) ?? retry.times;
  }
  if (said.has('after') && !said.has('doubling')) retry.factor = 1;
  if (!said.has('at most')) retry.maxMs = Math.max(retry.maxMs, retry.initialMs);
  return { retry };
};

function readTimes(words: string, entry: Phrase[], setting: Setting, context: Context): number | undefined {
  const { numeral, rest } = splitNumeral(words);
  if (numeral === '' || !/^times?$/.test(rest)) {
    invalid(setting, entry, '3 times, after 1 second, doubling', context);
    return undefined;
  }
  const span = phrasesSpan(entry, setting.span);
  const times = readNumber(numeral, span, context.report);
  if (times === undefined) return undefined;
  if (Number.isInteger(times) && times >= 0 && times <= mostTries) return times;
  context.report.error('out-of-range', span, `Unexpected ${words}, expected a whole number from 0 to ${mostTries}`);
  return undefined;
}

export const readTimeout: Reader = (setting, context) => {
  const words = readWords(setting, 'a duration such as 30 seconds', context);
  if (words === undefined) return {};
  const timeoutMs = readDuration(words, valueSpan(setting), longestTimeoutMs, context.report);
  return timeoutMs === undefined ? {} : { timeoutMs };
};
