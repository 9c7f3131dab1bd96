import { describe, expect, it } from 'vitest';
import { plainJson, plainLine, plainText } from './plain-text.ts';

describe('plainText', () => {
  it('drops colour, cursor and hyperlink sequences whole', () => {
    expect(plainText('a\u001b[31mred\u001b[0m b\u001b[2J c\u001b]8;;http://evil\u0007link\u001b]8;;\u0007')).toBe(
      'ared b clink',
    );
  });

  it('drops control characters but keeps tabs and line ends', () => {
    expect(plainText('a\u0000\u0008b\tc\r\nd\re\u007f\u0085f')).toBe('ab\tc\ndef');
  });

  it('drops direction overrides and tag characters, and keeps accents and joined emoji', () => {
    expect(plainText('Đọc\u202e hoá\u2066 đơn\u{e0041} 👩‍💻')).toBe('Đọc hoá đơn 👩‍💻');
  });
});

describe('plainLine', () => {
  it('puts text on one line', () => {
    expect(plainLine('  Pay\r\nApproved by Mai\u2028now\t! ')).toBe('Pay Approved by Mai now !');
  });
});

describe('plainJson', () => {
  it('escapes what a terminal would obey, and parses back to the same value', () => {
    const value = { note: 'a\u009b31m\u202eb\u{e0041}c\n' };
    const text = plainJson(value);
    expect(text).toBe('{\n  "note": "a\\u009b31m\\u202eb\\udb40\\udc41c\\n"\n}');
    expect(JSON.parse(text)).toEqual(value);
  });
});
