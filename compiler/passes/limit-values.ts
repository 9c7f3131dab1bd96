/** What a step may take: its budget, its context window, reasoning, and how many failures its breaker lets through. */
import type { Budget } from '../graph.ts';
import type { Span } from '../source-text.ts';
import { foldName } from '../source-text.ts';
import type { Phrase } from './phrases.ts';
import { phrasesSpan, phrasesText } from './phrases.ts';
import { readDuration, readNumber, readWhole, splitNumeral } from './quantities.ts';
import type { Setting } from './read-settings.ts';
import { entriesOf, valueSpan } from './read-settings.ts';
import type { Context, Reader } from './setting-values.ts';
import { invalid, oneValue, readWords } from './setting-values.ts';

const mostTokens = 1_000_000_000;
const mostUsd = 1_000_000;
const largestWindow = 10_000_000;
const mostFailures = 1000;
const longestOpenMs = 24 * 3_600_000;

/** `20000 tokens, 0.50 USD`, or one of the two. */
export function readBudgetOf(setting: Setting, context: Context): Budget | undefined {
  const budget: Budget = {};
  const said = new Set<string>();
  for (const entry of entriesOf(setting)) {
    const { numeral, rest } = splitNumeral(phrasesText(entry));
    const span = phrasesSpan(entry, setting.span);
    const unit = /^(?:tokens?|usd)$/i.exec(rest)?.[0].toLowerCase().replace(/s$/, '');
    if (numeral === '' || unit === undefined) {
      invalid(setting, entry, 'tokens or USD, such as 20000 tokens, 0.50 USD', context);
    } else if (said.has(unit)) {
      context.report.error('repeated-value', span, `Unexpected second ${rest}, expected tokens and USD once each`);
    } else if (unit === 'token') {
      const tokens = readWhole(numeral, span, [1, mostTokens], context.report);
      if (tokens !== undefined) budget.tokens = tokens;
    } else {
      const usd = readUsd(numeral, span, context);
      if (usd !== undefined) budget.usd = usd;
    }
    if (unit !== undefined) said.add(unit);
  }
  return budget.tokens === undefined && budget.usd === undefined ? undefined : budget;
}

function readUsd(numeral: string, span: Span, { report }: Context): number | undefined {
  const usd = readNumber(numeral, span, report);
  if (usd === undefined || (usd > 0 && usd <= mostUsd)) return usd;
  report.error(
    'out-of-range',
    span,
    `Unexpected ${numeral} USD, expected more than nothing and at most ${mostUsd} USD`,
  );
  return undefined;
}

export const readBudget: Reader = (setting, context) => {
  const budget = readBudgetOf(setting, context);
  return budget ? { budget } : {};
};

/** `8000 tokens`. */
export const readWindow: Reader = (setting, context) => {
  const expected = 'a number of tokens, such as 8000 tokens';
  const words = readWords(setting, expected, context);
  if (words === undefined) return {};
  const { numeral, rest } = splitNumeral(words);
  if (numeral === '' || !/^tokens?$/i.test(rest)) {
    invalid(setting, oneValue(setting, context), expected, context);
    return {};
  }
  const windowTokens = readWhole(numeral, valueSpan(setting), [1, largestWindow], context.report);
  return windowTokens === undefined ? {} : { windowTokens };
};

export const readThink: Reader = (setting, context) => {
  const phrases = oneValue(setting, context);
  const word = foldName(phrasesText(phrases));
  if (word === 'yes') return { think: true };
  if (word !== 'no') invalid(setting, phrases, 'yes or no', context);
  return {};
};

const breakerExpected = 'after and a number of failures, for and a duration, such as after 5 failures, for 1 minute';

/** `after 5 failures, for 1 minute`: both are needed. */
export const readBreaker: Reader = (setting, context) => {
  const { report } = context;
  const before = report.count();
  let failures: number | undefined;
  let forMs: number | undefined;
  const said = new Set<string>();
  for (const entry of entriesOf(setting)) {
    const words = phrasesText(entry);
    const span = phrasesSpan(entry, setting.span);
    const [, part = '', rest = ''] = /^(after|for)\s+(.*)$/i.exec(words) ?? [];
    const name = part.toLowerCase();
    if (said.has(name)) {
      report.error('repeated-value', span, `Unexpected ${words}, expected each part of breaker once`);
    } else if (name === 'after') failures = readFailures(rest, entry, setting, context);
    else if (name === 'for') forMs = readDuration(rest, span, longestOpenMs, report);
    else invalid(setting, entry, breakerExpected, context);
    if (name !== '') said.add(name);
  }
  if (failures !== undefined && forMs !== undefined) return { breaker: { failures, forMs } };
  if (report.count() === before) {
    const message = `Unexpected breaker without ${said.has('after') ? 'for' : 'after'}, expected ${breakerExpected}`;
    report.error('invalid-value', valueSpan(setting), message);
  }
  return {};
};

function readFailures(words: string, entry: Phrase[], setting: Setting, context: Context): number | undefined {
  const { numeral, rest } = splitNumeral(words);
  if (numeral !== '' && /^failures?$/i.test(rest)) {
    return readWhole(numeral, phrasesSpan(entry, setting.span), [1, mostFailures], context.report);
  }
  invalid(setting, entry, breakerExpected, context);
  return undefined;
}
