/**
 * Words, code, links, numbers and lists as a document writes them. What no document can write in the place it is meant
 * for gives undefined.
 */
import { markdownParser } from './passes/markdown.ts';
import { phrasesText, readPhrases } from './passes/phrases.ts';
import { SourceText } from './source-text.ts';

/** Inline code, in as many ticks as it needs. It has no lines. */
export function codeText(code: string): string | undefined {
  if (code === '' || /[\n\r]/.test(code)) return undefined;
  const longest = Math.max(0, ...[...code.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const ticks = '`'.repeat(longest + 1);
  // Of a space at both ends Markdown takes one away; a tick at an end would join those around it.
  const room = code.startsWith('`') || code.endsWith('`') || (/^ .* $/.test(code) && code.trim() !== '') ? ' ' : '';
  return ticks + room + code + room + ticks;
}

/** Never in a form that can be read in two ways: `200.123` gets a zero. */
export function numberText(number: number): string | undefined {
  const plain = String(number);
  const text = plain.includes('e') ? number.toFixed(20).replace(/\.?0+$/, '') : plain;
  if (Number(text) !== number || Math.abs(number) > Number.MAX_SAFE_INTEGER) return undefined;
  return /^-?[1-9]\d{0,2}\.\d{3}$/.test(text) ? `${text}0` : text;
}

/** One line of words, that reads as exactly this text. `plain`: with no code and no link in it. */
export function wordsText(text: string, { plain = false } = {}): string | undefined {
  const escaped = text.replace(/[\\`*_[\]<>&~!#|]/g, '\\$&');
  return [text, escaped].find((source) => {
    // Not at the start of a line, where marks of lists and quotes have a meaning.
    const [only, more] = markdownParser.parse(`x ${source}`).children;
    if (only?.type !== 'paragraph' || more) return false;
    const phrases = readPhrases(only.children, new SourceText(`x ${source}`), new Map());
    return phrasesText(phrases) === `x ${text}` && (!plain || phrases.length === 1);
  });
}

/** The words of a link lead nowhere, so those that have marks in them are left for the other ones. */
export function linkText(words: string, otherwise: string, address: string): string {
  const isPlain = /^[\p{L}\p{N}][\p{L}\p{N}\p{M} .,:;?'’"()+/%-]*$/u.test(words) && !/:\/\/|www\./i.test(words);
  return `[${isPlain ? words : otherwise}](${/[\s()<>]/.test(address) ? `<${address}>` : address})`;
}

/** A table; undefined where a cell cannot stand in one: there `\|` means `|` alone. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string | undefined {
  if (rows.some((row) => row.some((cell) => cell.includes('\\|') || /[\n\r]/.test(cell)))) return undefined;
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '-')), ...rows.map(line)].join('\n');
}

/** One setting: a value after the colon, or a list under it. */
export interface Setting {
  name: string;
  value: string | readonly string[];
}

const longestLine = 100;

/** In one line where it is short. */
export function commaList(name: string, entries: readonly string[]): Setting {
  const line = entries.join(', ');
  return { name, value: line.length > longestLine && entries.length > 1 ? entries : line };
}

export function settingsText(settings: readonly Setting[]): string {
  const lines = settings.flatMap(({ name, value }) =>
    typeof value === 'string' ? [`- ${name}: ${value}`] : [`- ${name}:`, ...value.map((entry) => `  - ${entry}`)],
  );
  return lines.join('\n');
}
