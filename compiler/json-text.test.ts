import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pointerTo, valueAt } from './json-pointer.ts';
import { readJsonText } from './json-text.ts';
import type { Json } from './types.ts';

const json = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as Json);

/** Every place of a value, by its pointer. */
function partsOf(value: Json, pointer = ''): [string, Json][] {
  const inner = value !== null && typeof value === 'object' ? Object.entries(value) : [];
  return [[pointer, value], ...inner.flatMap(([key, item]: [string, Json]) => partsOf(item, pointerTo(pointer, key)))];
}

describe('readJsonText', () => {
  test('reads what JSON.parse reads, and gives the place of every part', () => {
    fc.assert(
      fc.property(json, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        const text = ` ${JSON.stringify(value, undefined, indent)}\n`;
        const read = readJsonText(text);
        if ('mistake' in read) throw new Error(read.mistake.message);
        expect(read.value).toEqual(value);
        expect([...read.places.keys()].toSorted()).toEqual(
          partsOf(value)
            .map(([pointer]) => pointer)
            .toSorted(),
        );
        for (const [pointer, part] of partsOf(value)) {
          const { start, end } = read.places.get(pointer)!;
          const written = text.slice(start, end);
          const named = /^"(?:[^"\\]|\\.)*"\s*:/.exec(written)?.[0] ?? '';
          expect(JSON.parse(written.slice(named.length))).toEqual(part);
          expect(valueAt(value, pointer)).toEqual(part);
        }
      }),
    );
  });

  test('refuses what JSON.parse refuses, whatever the text, and never throws', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"',
      '\\',
      '1',
      '-',
      '.5',
      'e9',
      'true',
      'nul',
      ' ',
      '\n',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (words) => {
        const text = words.join('');
        const isRead = !('mistake' in readJsonText(text));
        let parses = true;
        try {
          JSON.parse(text);
        } catch {
          parses = false;
        }
        if (isRead) expect(parses).toBe(true);
        else if (parses) expect(text).toMatch(/"a"[\s\S]*"a"/);
      }),
      { numRuns: 2000 },
    );
  });

  for (const [text, found, message] of [
    ['{"a": 1,}', '}', 'Unexpected } in JSON, expected a name in double quotes'],
    ['{"a": 1 "b": 2}', '"', 'Unexpected " in JSON, expected a comma or }'],
    ['{"a" 1}', '1', 'Unexpected 1 in JSON, expected a colon'],
    ['[1, yes]', 'yes', 'Unexpected yes in JSON, expected a value'],
    ['{a: 1}', 'a', 'Unexpected a in JSON, expected a name in double quotes'],
    ['{"a": 1, "a": 2}', '"', 'Unexpected " in JSON, expected each name once, and a is given above'],
    ['["a', '"', 'Unexpected " in JSON, expected text that ends with " on its line, without odd escapes'],
    ['[1e999]', '1e999', 'Unexpected 1e999 in JSON, expected a number that can be held'],
    ['["\\ud800"]', '"', 'Unexpected " in JSON, expected whole characters'],
    ['{} {}', '{', 'Unexpected { in JSON, expected nothing after the value'],
    ['', '', 'Unexpected end in JSON, expected a value'],
    ['['.repeat(200), '[', 'Unexpected [ in JSON, expected at most 100 levels'],
  ] as const) {
    test(`says of ${text.slice(0, 20)} where it is wrong and what was expected`, () => {
      const read = readJsonText(text);
      if (!('mistake' in read)) throw new Error('it was read');
      expect(read.mistake.message).toBe(message);
      expect(text.slice(read.mistake.span.start, read.mistake.span.end)).toBe(found);
    });
  }
});
