/**
 * Cleaning text that nobody vouches for before a model reads it. Hygiene, not the control: what untrusted text may cause
 * is limited by the step's tools, gates and types.
 */

export interface Removed {
  control: number;
  invisible: number;
  roleMarkers: number;
  templateTokens: number;
  tagLookAlikes: number;
}

export const nothingRemoved: Removed = {
  control: 0,
  invisible: 0,
  roleMarkers: 0,
  templateTokens: 0,
  tagLookAlikes: 0,
};

/** Stands in the place of what was removed, so that what was around it does not close up into something new. */
export const placeholder = '[removed]';

/** Between the words of untrusted text, so that a model can tell at every word that it is data. */
export const dataMark = 'ˆ';

const control = /[\p{Cc}\p{Cs}\u2028\u2029\uFFF9-\uFFFB]/gu;
const invisible = /\p{Default_Ignorable_Code_Point}/gu;

const patterns: { kind: keyof Removed; pattern: RegExp }[] = [
  { kind: 'tagLookAlikes', pattern: /<[ \t]*\/?[ \t]*waymark[^<>\n]{0,200}>?/g },
  {
    kind: 'templateTokens',
    pattern:
      /<\|[^<>|\n]{1,64}\|>|<\/?s>|\[\/?(?:inst|system_prompt|available_tools|tool_calls|tool_results)\]|<<\/?sys>>|<\/?(?:start_of_turn|end_of_turn|im_start|im_end|endoftext|bos|eos|system|assistant|user|developer|human|tool_call|tool_response)>/g,
  },
  {
    kind: 'roleMarkers',
    pattern:
      /^[ \t]*(?:#{1,6}[ \t]*(?:instructions?|response|input)|[#>*_ \t]{0,8}(?:system|assistant|developer|user|human))[*_ \t]{0,4}:/gm,
  },
];

/** Letters and signs that look like these; fullwidth and other compatibility forms are folded by NFKC. */
const lookAlikes = new Map(
  Object.entries({
    '‹': '<',
    '›': '>',
    '〈': '<',
    '〉': '>',
    '⟨': '<',
    '⟩': '>',
    '❮': '<',
    '❯': '>',
    '⁄': '/',
    '∕': '/',
    '∣': '|',
    ǀ: '|',
    '│': '|',
    а: 'a',
    е: 'e',
    о: 'o',
    р: 'p',
    с: 'c',
    у: 'y',
    х: 'x',
    к: 'k',
    м: 'm',
    т: 't',
    ѕ: 's',
    і: 'i',
    ԝ: 'w',
    α: 'a',
    ο: 'o',
    ѵ: 'v',
  }),
);

const passes = 8;

/** The text without what could pose as an instruction, and how much of each kind was removed. */
export function cleanText(text: string): { text: string; removed: Removed } {
  const removed = { ...nothingRemoved };
  const without = (from: string, pattern: RegExp, kind: keyof Removed, kept = '') =>
    from.replace(pattern, (found) => {
      if (kept.includes(found)) return found;
      removed[kind] += 1;
      return '';
    });
  let clean = text.replace(/\r\n?/g, '\n');
  clean = without(clean, control, 'control', '\n\t');
  clean = without(clean, invisible, 'invisible');
  clean = clean.replaceAll(dataMark, '^');
  for (let pass = 0; pass < passes; pass++) {
    const before = clean;
    for (const { kind, pattern } of patterns) clean = withoutFolded(clean, pattern, () => (removed[kind] += 1));
    if (clean === before) break;
  }
  return { text: clean, removed };
}

/** With the data mark between its words and at the start of each of its lines but the first. */
export function datamarked(text: string): string {
  return text.replace(/[\p{Zs}\t]+/gu, dataMark).replace(/\n/g, `\n${dataMark}`);
}

/** Removes what a pattern finds when letters are compared by how they look. */
function withoutFolded(text: string, pattern: RegExp, count: () => void): string {
  const folded = fold(text);
  let result = '';
  let from = 0;
  for (const match of folded.text.matchAll(pattern)) {
    count();
    result += text.slice(from, folded.starts(match.index)) + placeholder;
    from = folded.ends(match.index + match[0].length - 1);
  }
  return result + text.slice(from);
}

interface Folded {
  text: string;
  /** Where the original of a folded unit starts and ends. */
  starts(unit: number): number;
  ends(unit: number): number;
}

function fold(text: string): Folded {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII folds to itself
  if (/^[\x00-\x7f]*$/.test(text))
    return { text: text.toLowerCase(), starts: (unit) => unit, ends: (unit) => unit + 1 };
  const starts: number[] = [];
  const ends: number[] = [];
  let folded = '';
  let at = 0;
  for (const char of text) {
    const plain = [...char.normalize('NFKC').toLowerCase()].map((one) => lookAlikes.get(one) ?? one).join('');
    for (let unit = 0; unit < plain.length; unit++) {
      starts.push(at);
      ends.push(at + char.length);
    }
    folded += plain;
    at += char.length;
  }
  return { text: folded, starts: (unit) => starts[unit] ?? text.length, ends: (unit) => ends[unit] ?? text.length };
}
