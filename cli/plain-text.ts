/** Text of other people made safe to print: it can neither steer a terminal nor pass for lines of ours. */
import { stripVTControlCharacters } from 'node:util';

/** Control characters but tab and line feed, and those that a reader cannot see and that change how text reads. */
const unsafe = /(?![\t\n])[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufeff\u{e0000}-\u{e007f}]/gu;

/** Without terminal sequences, control characters, direction overrides and tag characters; line ends become LF. */
export function plainText(text: string): string {
  return stripVTControlCharacters(text.replaceAll('\r\n', '\n')).replace(unsafe, '').toWellFormed();
}

/** The same on one line: each run of spaces and line ends becomes one space. */
export function plainLine(text: string): string {
  return plainText(text.replace(/[\r\u2028\u2029]/g, ' '))
    .replace(/\s+/g, ' ')
    .trim();
}

/** JSON that loses nothing and is safe on a terminal: what plainText drops is written as `\u` escapes. */
export function plainJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(unsafe, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
