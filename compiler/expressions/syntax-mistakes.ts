/** What is wrong with an expression that cannot be read, in the words of the diagnostics. */
import type { ParseError } from '@marcbachmann/cel-js';

/** By the parser's own names. */
const tokens: Readonly<Record<string, string>> = {
  IDENTIFIER: 'a name',
  LPAREN: '(',
  RPAREN: ')',
  LBRACKET: '[',
  RBRACKET: ']',
  LBRACE: '{',
  RBRACE: '}',
  COLON: ':',
};

const limits: Readonly<Record<string, string>> = {
  maxAstNodes: 'parts',
  maxDepth: 'levels',
  maxListElements: 'items in a list',
  maxMapEntries: 'entries in a record',
  maxCallArguments: 'arguments',
};

/** `Unexpected X, expected Y`. */
export function syntaxMistake({ code, summary, range }: ParseError, source: string): string {
  const text = range ? source.slice(range.start, range.end) : '';
  const what = text === '' ? 'end' : text;
  switch (code) {
    case 'expected_token':
      return `Unexpected ${what}, expected ${tokens[/^Expected (\w+)/.exec(summary)?.[1] ?? ''] ?? 'a CEL expression'}`;
    case 'reserved_identifier':
      return `Unexpected ${what}, which is a word of CEL, expected another name`;
    case 'limit_exceeded': {
      const [, limit = '', most = ''] = /^Exceeded (\w+) \((\d+)\)/.exec(summary) ?? [];
      return `Unexpected expression of more than ${most} ${limits[limit] ?? limit}, expected a smaller one`;
    }
    case 'unterminated_string':
    case 'unterminated_triple_quoted_string':
      return `Unexpected text without an end, expected a quotation mark behind it`;
    default:
      return `Unexpected ${what}, expected a CEL expression`;
  }
}
