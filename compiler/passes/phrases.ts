/** The text of a setting or a cell, as words, links and inline code, each with its place. */

import type { SourceText, Span } from '../source-text.ts';
import { plainWords } from '../source-text.ts';
import type { Nodes } from './markdown.ts';

export type Phrase =
  /** Source text, escapes and all; `plainWords` reads it. */
  | { kind: 'text'; text: string; span: Span }
  | { kind: 'link'; url: string; text: string; span: Span }
  /** `places[i]` is the offset of character i of the code in the document; one more for its end. */
  | { kind: 'code'; code: string; places: number[]; span: Span };

export type Link = Phrase & { kind: 'link' };
export type Code = Phrase & { kind: 'code' };

export type LinkTargets = ReadonlyMap<string, string>;

/** Comments are left out; what has no meaning in a setting (images, emphasis marks) stays as its source text. */
export function readPhrases(nodes: readonly Nodes[], source: SourceText, targets: LinkTargets): Phrase[] {
  const phrases: Phrase[] = [];
  for (const node of nodes) add(node, source, targets, phrases);
  return phrases;
}

function add(node: Nodes, source: SourceText, targets: LinkTargets, phrases: Phrase[]): void {
  const span = spanOf(node);
  switch (node.type) {
    case 'inlineCode':
      phrases.push({ kind: 'code', code: node.value, places: codePlaces(node.value, source, span), span });
      return;
    case 'link':
      // A bare or bracketed address is text: only `[words](#place)` is a link of the dialect.
      if (source.text[span.start] === '[')
        phrases.push({ kind: 'link', url: node.url, text: linkText(span, source), span });
      else addText(span, source, phrases);
      return;
    case 'linkReference': {
      const url = targets.get(node.identifier);
      if (url === undefined) addText(span, source, phrases);
      else phrases.push({ kind: 'link', url, text: linkText(span, source), span });
      return;
    }
    case 'html':
      return;
    case 'emphasis':
    case 'strong':
    case 'delete': {
      const first = node.children[0];
      const last = node.children.at(-1);
      const inner =
        first && last ? { start: spanOf(first).start, end: spanOf(last).end } : { start: span.end, end: span.end };
      addText({ start: span.start, end: inner.start }, source, phrases);
      for (const child of node.children) add(child, source, targets, phrases);
      addText({ start: inner.end, end: span.end }, source, phrases);
      return;
    }
    default:
      addText(span, source, phrases);
  }
}

function addText(span: Span, source: SourceText, phrases: Phrase[]): void {
  const last = phrases.at(-1);
  if (last?.kind === 'text' && last.span.end === span.start) {
    last.text += source.slice(span);
    last.span = { start: last.span.start, end: span.end };
  } else if (span.end > span.start) phrases.push({ kind: 'text', text: source.slice(span), span });
}

function linkText(span: Span, source: SourceText): string {
  const inner = source.slice(span).slice(1);
  const end = inner.search(/\](\(|\[|$)/);
  return plainWords(end === -1 ? inner : inner.slice(0, end));
}

/** Code as Markdown gives it has lost its ticks, a padding space, line indents and the `\` before `|` in tables. */
function codePlaces(code: string, source: SourceText, span: Span): number[] {
  const text = source.slice(span);
  const ticks = /^`+/.exec(text)?.[0].length ?? 0;
  const end = text.length - ticks;
  let at = ticks;
  if (code.length < end - at && text[at] === ' ' && text[end - 1] === ' ' && code.trim() !== '') at += 1;
  const places: number[] = [];
  for (const character of code.split('')) {
    while (at < end && !sameCharacter(character, text[at] ?? '')) at += 1;
    places.push(span.start + at);
    at += 1;
  }
  places.push(span.start + Math.min(at, end));
  return places;
}

function sameCharacter(character: string, written: string): boolean {
  return character === written || (character === ' ' && written === '\n');
}

export function spanOf(node: Nodes): Span {
  return { start: node.position?.start.offset ?? 0, end: node.position?.end.offset ?? 0 };
}

/** The span of part of a code phrase, by offset and length in the code. */
export function codeSpan(code: Code, offset: number, length: number): Span {
  const start = code.places[Math.min(offset, code.code.length)] ?? code.span.start;
  const end = code.places[Math.min(offset + length, code.code.length)] ?? code.span.end;
  return { start, end: Math.max(start, end) };
}

export function phrasesSpan(phrases: readonly Phrase[], fallback: Span): Span {
  const first = phrases[0];
  const last = phrases.at(-1);
  return first && last ? { start: first.span.start, end: last.span.end } : fallback;
}

/** As a reader sees the words of the phrases; code in ticks, links as their text. */
export function phrasesText(phrases: readonly Phrase[]): string {
  return plainWords(
    phrases
      .map((phrase) =>
        phrase.kind === 'code'
          ? `\`${phrase.code.replaceAll('\\', '\\\\')}\``
          : phrase.kind === 'link'
            ? `[${phrase.text}]`
            : phrase.text,
      )
      .join(''),
  );
}

/** Without white space at both ends, and without phrases that become empty. */
export function trimPhrases(phrases: readonly Phrase[]): Phrase[] {
  const trimmed = [...phrases];
  for (let first = trimmed[0]; first?.kind === 'text'; first = trimmed[0]) {
    const text = first.text.trimStart();
    if (text === '') {
      trimmed.shift();
      continue;
    }
    trimmed[0] = cut(first, first.text.length - text.length, first.text.length);
    break;
  }
  for (let last = trimmed.at(-1); last?.kind === 'text'; last = trimmed.at(-1)) {
    const text = last.text.trimEnd();
    if (text === '') {
      trimmed.pop();
      continue;
    }
    trimmed[trimmed.length - 1] = cut(last, 0, text.length);
    break;
  }
  return trimmed;
}

function cut(phrase: Phrase & { kind: 'text' }, from: number, to: number): Phrase & { kind: 'text' } {
  const { start } = phrase.span;
  return { kind: 'text', text: phrase.text.slice(from, to), span: { start: start + from, end: start + to } };
}

/** Parts between the matches of a pattern in the text phrases, trimmed. The pattern needs the `g` flag. */
export function splitPhrases(phrases: readonly Phrase[], separator: RegExp): Phrase[][] {
  const parts: Phrase[][] = [[]];
  for (const phrase of phrases) {
    if (phrase.kind !== 'text') {
      parts.at(-1)?.push(phrase);
      continue;
    }
    let from = 0;
    for (const match of phrase.text.matchAll(separator)) {
      parts.at(-1)?.push(cut(phrase, from, match.index));
      parts.push([]);
      from = match.index + match[0].length;
    }
    parts.at(-1)?.push(cut(phrase, from, phrase.text.length));
  }
  return parts.map((part) => trimPhrases(part.filter((one) => one.span.end > one.span.start)));
}

/** Comma lists; a comma between two digits belongs to the number. */
export function splitAtCommas(phrases: readonly Phrase[]): Phrase[][] {
  return splitPhrases(phrases, /(?<!\d),|,(?!\d)/g);
}

/** The words before the first colon of the phrases and what comes after; undefined without such a colon. */
export function splitAtColon(phrases: readonly Phrase[]): { key: Phrase[]; value: Phrase[] } | undefined {
  for (const [index, phrase] of phrases.entries()) {
    if (phrase.kind !== 'text') continue;
    const at = phrase.text.search(/:(?=\s|$)/);
    if (at === -1) continue;
    const key = [...phrases.slice(0, index), cut(phrase, 0, at)];
    const value = [cut(phrase, at + 1, phrase.text.length), ...phrases.slice(index + 1)];
    const filled = (part: Phrase[]): Phrase[] => trimPhrases(part.filter((one) => one.span.end > one.span.start));
    return { key: filled(key), value: filled(value) };
  }
  return undefined;
}
