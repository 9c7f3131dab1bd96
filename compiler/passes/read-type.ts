/** The words of a type to a type. */
import type { Report } from '../diagnostics.ts';
import type { Span } from '../source-text.ts';
import { foldName, plainWords } from '../source-text.ts';
import type { SimpleKind, Type } from '../types.ts';
import { simpleKinds } from '../types.ts';
import type { Phrase } from './phrases.ts';
import { phrasesSpan, phrasesText, splitAtCommas, splitPhrases, trimPhrases } from './phrases.ts';
import type { Names } from './resolve-names.ts';
import { followLink } from './resolve-names.ts';

const maxNesting = 16;
const maxAlternatives = 100;

/** Reports and returns undefined where the type cannot be read. */
export function readType(phrases: readonly Phrase[], place: Span, names: Names, report: Report): Type | undefined {
  return readNested(phrases, place, names, report, 0);
}

function readNested(
  phrases: readonly Phrase[],
  place: Span,
  names: Names,
  report: Report,
  depth: number,
): Type | undefined {
  const trimmed = trimPhrases(phrases);
  const span = phrasesSpan(trimmed, place);
  const first = trimmed[0];
  if (!first) {
    report.error(
      'missing-value',
      place,
      'Unexpected nothing, expected a type such as text, number or the name of a type',
    );
    return undefined;
  }
  if (depth > maxNesting) {
    report.error(
      'invalid-type',
      span,
      `Unexpected type of more than ${maxNesting} levels, expected a named type on the way`,
    );
    return undefined;
  }
  const opening = openingOf(first);
  if (opening) {
    const inner = trimPhrases([dropStart(first, opening.length), ...trimmed.slice(1)]);
    if (opening.kind === 'one of') return readOneOf(inner, span, report);
    const alternatives = splitPhrases(inner, /\bor\b/g);
    if (alternatives.length === 1) {
      const of = readNested(inner, span, names, report, depth + 1);
      return of && { kind: opening.kind, of };
    }
  }
  // Most types are one; a pattern of all letters there are is slow to make ready.
  const mayBeMore = trimmed.some((one) => one.kind === 'text' && one.text.includes('or'));
  const alternatives = mayBeMore ? splitPhrases(trimmed, /(?<![\p{L}\p{N}])or(?![\p{L}\p{N}])/gu) : [trimmed];
  if (alternatives.length > maxAlternatives) {
    report.error(
      'invalid-type',
      span,
      `Unexpected ${alternatives.length} alternatives, expected at most ${maxAlternatives}`,
    );
    return undefined;
  }
  if (alternatives.length > 1) {
    const of = alternatives.map((one) => readNested(one, span, names, report, depth + 1));
    const types = of.filter((one) => one !== undefined);
    return types.length === of.length ? { kind: 'union', of: types } : undefined;
  }
  return readName(trimmed, span, names, report);
}

function openingOf(phrase: Phrase): { kind: 'list' | 'map' | 'one of'; length: number } | undefined {
  if (phrase.kind !== 'text') return undefined;
  const match = /^(list|map|one)\s+of(?=\s|$)/i.exec(phrase.text);
  if (!match) return undefined;
  const word = (match[1] ?? '').toLowerCase();
  return { kind: word === 'one' ? 'one of' : word === 'list' ? 'list' : 'map', length: match[0].length };
}

function dropStart(phrase: Phrase, length: number): Phrase {
  if (phrase.kind !== 'text') return phrase;
  const span = { start: phrase.span.start + length, end: phrase.span.end };
  return { kind: 'text', text: phrase.text.slice(length), span };
}

/** Values are bare words or inline code; an `or` between bare words would be read as another type, so it is refused. */
function readOneOf(phrases: Phrase[], place: Span, report: Report): Type | undefined {
  const values = new Set<string>();
  for (const entry of splitAtCommas(phrases)) {
    const span = phrasesSpan(entry, place);
    const [only] = entry;
    const value = entry.length === 1 && only?.kind === 'code' ? only.code : phrasesText(entry);
    if (value === '') {
      report.error(
        'invalid-type',
        span,
        'Unexpected nothing, expected words parted by commas, as in one of travel, meals',
      );
      return undefined;
    }
    if (!(entry.length === 1 && only?.kind === 'code') && (/(^| )or( |$)/.test(value) || entry.length > 1)) {
      report.error(
        'invalid-type',
        span,
        `Unexpected ${value} in one of, expected words parted by commas, or inline code`,
      );
      return undefined;
    }
    if (values.has(value)) {
      report.error('repeated-value', span, `Unexpected second ${value}, expected each value once`);
      return undefined;
    }
    values.add(value);
  }
  return { kind: 'one of', values: [...values] };
}

function readName(phrases: Phrase[], span: Span, names: Names, report: Report): Type | undefined {
  const [only] = phrases;
  if (only?.kind === 'link' && phrases.length === 1) {
    const name = followLink(only, 'type', names, report);
    return name === undefined ? undefined : { kind: 'named', name };
  }
  if (only?.kind !== 'text' || phrases.length > 1) {
    report.error(
      'invalid-type',
      span,
      `Unexpected ${phrasesText(phrases)}, expected a type such as text or list of number`,
    );
    return undefined;
  }
  const folded = foldName(only.text);
  const simple = simpleKinds.find((kind) => kind === folded);
  if (simple) return { kind: simple satisfies SimpleKind };
  const name = names.types.get(folded);
  if (name !== undefined) return { kind: 'named', name };
  const nearest = { word: plainWords(only.text), candidates: [...simpleKinds, ...names.types.values()] };
  const message = `Unexpected type ${plainWords(only.text)}, expected a built-in type or one of the section Types`;
  report.error('unknown-type', span, message, { nearest });
  return undefined;
}
