/** What of JSON Schema (draft 2020-12) the document language's types can say. */
import type { Rules, SimpleKind } from './types.ts';

/** Say nothing of values. `title` and `$comment` are for readers, as prose in a document is. */
export const annotations = ['title', 'description', 'default', '$comment', '$defs', 'definitions'];
export const ofRoot = ['$schema', '$id'];
export const drafts = /^https?:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/;

export const keywordsOf: Readonly<Record<string, readonly string[]>> = {
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  boolean: [],
  array: ['items', 'minItems', 'maxItems', 'uniqueItems'],
  object: ['properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties'],
};
export const typeNames = [...Object.keys(keywordsOf), 'null'];

/** These only narrow what else is said: a lenient reading leaves them out. */
export const narrowing: ReadonlySet<string> = new Set([
  ...['examples', 'deprecated', 'readOnly', 'writeOnly', 'contentEncoding', 'contentMediaType', 'contentSchema'],
  ...['multipleOf', 'uniqueItems', 'contains', 'minContains', 'maxContains', 'format', 'not', 'propertyNames'],
  ...['dependentRequired', 'unevaluatedProperties', 'unevaluatedItems', '$schema', '$id', '$anchor', '$vocabulary'],
  ...['required', 'minProperties', 'maxProperties', 'minItems', 'maxItems', 'minLength', 'maxLength', 'pattern'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
]);

export const formats: Readonly<Record<string, SimpleKind>> = { date: 'date', 'date-time': 'time', uri: 'url' };

export const bounds: readonly (readonly [keyword: string, rule: keyof Rules, of: 'number' | 'length' | 'text'])[] = [
  ['minimum', 'atLeast', 'number'],
  ['maximum', 'atMost', 'number'],
  ['exclusiveMinimum', 'moreThan', 'number'],
  ['exclusiveMaximum', 'lessThan', 'number'],
  ['minLength', 'lengthAtLeast', 'length'],
  ['maxLength', 'lengthAtMost', 'length'],
  ['minItems', 'lengthAtLeast', 'length'],
  ['maxItems', 'lengthAtMost', 'length'],
  ['minProperties', 'lengthAtLeast', 'length'],
  ['maxProperties', 'lengthAtMost', 'length'],
  ['pattern', 'matches', 'text'],
];
export const boundKeywords: readonly string[] = bounds.map(([keyword]) => keyword);
