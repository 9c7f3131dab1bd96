/** Numbers and durations as settings and rules write them. */
import type { Report } from '../diagnostics.ts';
import type { Span } from '../source-text.ts';
import { plainWords } from '../source-text.ts';

/** `200000`, `200 000`, `-0.5`. Reports and returns undefined for anything else. */
export function readNumber(text: string, span: Span, report: Report): number | undefined {
  const words = plainWords(text);
  if (
    /^-?[1-9]\d{0,2}[.,]\d{3}$/.test(words) ||
    /^-?\d{1,3}(?:([.,])\d{3}){2,}$/.test(words) ||
    /^-?\d+,\d+$/.test(words)
  ) {
    const isFraction = /^-?\d+,(?!\d{3}$)\d+$/.test(words);
    const expected = isFraction
      ? `${words.replace(',', '.')} with a decimal point`
      : `${words.replace(/[.,]/g, '')} without a separator, or a decimal point`;
    const message = `Unexpected number ${words}, expected ${expected}`;
    report.error('ambiguous-number', span, message);
    return undefined;
  }
  if (/^-?(?:\d+|\d{1,3}(?: \d{3})+)(?:\.\d+)?$/.test(words)) {
    const number = Number(words.replaceAll(' ', ''));
    if (Math.abs(number) <= Number.MAX_SAFE_INTEGER) return number;
    report.error('out-of-range', span, `Unexpected number ${words}, expected at most ${Number.MAX_SAFE_INTEGER}`);
    return undefined;
  }
  report.error('invalid-value', span, `Unexpected ${words === '' ? 'nothing' : words}, expected a number`);
  return undefined;
}

/** A whole number within the bounds, both included. Reports and returns undefined for anything else. */
export function readWhole(
  text: string,
  span: Span,
  [least, most]: readonly [number, number],
  report: Report,
): number | undefined {
  const number = readNumber(text, span, report);
  if (number === undefined || (Number.isInteger(number) && number >= least && number <= most)) return number;
  const message = `Unexpected ${plainWords(text)}, expected a whole number from ${least} to ${most}`;
  report.error('out-of-range', span, message);
  return undefined;
}

/** The numeral at the start of a text, and what follows it. */
export function splitNumeral(text: string): { numeral: string; rest: string } {
  const words = plainWords(text);
  const numeral = /^-?\d[\d.,]*(?: \d{3}(?!\d))*(?:[.,]\d+)?/.exec(words)?.[0] ?? '';
  return { numeral, rest: words.slice(numeral.length).trim() };
}

const units: Readonly<Record<string, number>> = {
  millisecond: 1,
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
};

/** Of what waits for people or for a moment. */
export const longestWaitMs = 365 * 86_400_000;

/** In the largest unit that it is a whole number of: `24 hours` is `1 day`. */
export function durationInWords(ms: number): string {
  const [unit = 'millisecond', length = 1] = Object.entries(units).findLast(([, one]) => ms % one === 0) ?? [];
  return `${ms / length} ${unit}${ms === length ? '' : 's'}`;
}

/** `30 seconds`, to milliseconds. Reports and returns undefined for anything else, zero, or more than `atMostMs`. */
export function readDuration(text: string, span: Span, atMostMs: number, report: Report): number | undefined {
  const { numeral, rest } = splitNumeral(text);
  const unit = units[rest.toLowerCase().replace(/s$/, '')];
  if (numeral === '' || unit === undefined) {
    const message = `Unexpected ${plainWords(text) || 'nothing'}, expected a duration such as 30 seconds or 5 minutes`;
    report.error('invalid-value', span, message);
    return undefined;
  }
  const number = readNumber(numeral, span, report);
  if (number === undefined) return undefined;
  const milliseconds = Math.round(number * unit);
  if (milliseconds > 0 && milliseconds <= atMostMs) return milliseconds;
  const message = `Unexpected ${plainWords(text)}, expected more than nothing and at most ${durationInWords(atMostMs)}`;
  report.error('out-of-range', span, message);
  return undefined;
}
