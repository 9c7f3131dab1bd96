import { Ajv2020 } from 'ajv/dist/2020.js';
import formatsPlugin from 'ajv-formats';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonSchemaOf } from './json-schema.ts';
import { typeOfJsonSchema } from './type-of-json-schema.ts';
import { typeSchema } from './type-schemas.ts';
import type { Field, Json, Rules, Type } from './types.ts';
import { valueValidator } from './validate-value.ts';

function typeOf(schema: Json, name?: string): Type {
  const made = typeOfJsonSchema(schema, name === undefined ? {} : { name });
  if ('problems' in made) throw new Error(JSON.stringify(made.problems));
  return made.type;
}

function problemsOf(schema: Json, name?: string): [string, string][] {
  const made = typeOfJsonSchema(schema, name === undefined ? {} : { name });
  return 'problems' in made ? made.problems.map(({ pointer, message }) => [pointer, message]) : [];
}

function leniently(schema: Json): Type {
  const made = typeOfJsonSchema(schema, { lenient: true });
  if ('problems' in made) throw new Error('a lenient reading has no problems');
  return made.type;
}

const count = fc.nat({ max: 9 });
const range = fc.tuple(fc.integer({ min: -9, max: 0 }), fc.integer({ min: 1, max: 9 }));

/** Rules that a type of the kind takes and that some value meets. */
function rulesFor(kind: Type['kind']): fc.Arbitrary<Rules> {
  const lengths = fc.oneof(
    fc.constant({}),
    count.map((lengthAtLeast) => ({ lengthAtLeast })),
    count.map((length) => ({ lengthAtLeast: length, lengthAtMost: length + 3 })),
  );
  if (kind === 'number' || kind === 'integer') {
    return fc.oneof(
      fc.constant({}),
      range.map(([atLeast, lessThan]) => ({ atLeast, lessThan })),
      range.map(([moreThan, atMost]) => ({ moreThan, atMost })),
    );
  }
  if (kind === 'text' || kind === 'url') {
    return fc.tuple(lengths, fc.constantFrom({}, { matches: '^(GET|POST)$' })).map(([a, b]) => ({ ...a, ...b }));
  }
  return kind === 'list' || kind === 'map' ? lengths : fc.constant({});
}

const word = fc.stringMatching(/^[a-z]{1,6}$/);

/** Types that both languages can say: no names, which a schema holds as what they stand for. */
const anyType: fc.Arbitrary<Type> = fc.letrec<{ type: Type }>((tie) => {
  const simple = fc.constantFrom<Type[]>(
    ...(['text', 'number', 'integer', 'yes/no', 'date', 'time', 'url', 'anything'] as const).map((kind) => ({ kind })),
  );
  const oneOf = fc
    .uniqueArray(word, { minLength: 1, maxLength: 4 })
    .map((values): Type => ({ kind: 'one of', values }));
  const field = fc
    .tuple(tie('type'), fc.boolean(), fc.option(word, { nil: undefined }))
    .chain(([type, optional, meaning]) =>
      rulesFor(type.kind).map((rules) => ({
        type,
        ...(optional && { optional: true as const }),
        ...(Object.keys(rules).length > 0 && { rules }),
        ...(meaning !== undefined && { meaning }),
      })),
    );
  const record = fc
    .uniqueArray(fc.tuple(word, field), { selector: ([name]) => name, maxLength: 4 })
    .filter((fields) =>
      fields.every(([name]) => problemsOf({ type: 'object', properties: { [name]: {} } }).length === 0),
    )
    .map((fields): Type => ({ kind: 'record', fields: fields.map(([name, rest]): Field => ({ name, ...rest })) }));
  return {
    type: fc.oneof(
      { maxDepth: 3 },
      simple,
      oneOf,
      tie('type').map((of): Type => ({ kind: 'list', of })),
      tie('type').map((of): Type => ({ kind: 'map', of })),
      fc.array(tie('type'), { minLength: 2, maxLength: 3 }).map((of): Type => ({ kind: 'union', of })),
      record,
    ),
  };
}).type;

describe('a type read back from its own JSON Schema', () => {
  test('is the same type, where both can say it', () => {
    fc.assert(
      fc.property(anyType, (type) => {
        expect(typeOf(jsonSchemaOf(type, []))).toEqual(type);
      }),
    );
  });

  test('is the same in a lenient reading', () => {
    fc.assert(
      fc.property(anyType, (type) => {
        expect(leniently(jsonSchemaOf(type, []))).toEqual(type);
      }),
    );
  });

  test('holds in its place what a name stands for', () => {
    const types = [
      { name: 'Số tiền', type: { kind: 'record', fields: [{ name: 'n', type: { kind: 'number' } }] } },
    ] as const;
    const named: Type = { kind: 'list', of: { kind: 'named', name: 'Số tiền' } };
    expect(typeOf(jsonSchemaOf(named, [...types] as never))).toEqual({ kind: 'list', of: types[0].type });
  });
});

describe('what a schema says becomes', () => {
  const field = (schema: Json, required = true): unknown => {
    const type = typeOf({ type: 'object', properties: { a: schema }, required: required ? ['a'] : [] });
    if (type.kind !== 'record') throw new Error('no record');
    const [{ name: _name, ...rest }] = type.fields as [Field];
    return rest;
  };

  for (const [schema, expected] of [
    [{ type: ['string', 'null'] }, { type: { kind: 'text' }, optional: true }],
    [
      { type: ['string', 'null'], default: null },
      { type: { kind: 'text' }, optional: true },
    ],
    [
      { anyOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }] },
      { type: { kind: 'integer' }, rules: { atLeast: 1 }, optional: true },
    ],
    [{ type: ['number', 'string'] }, { type: { kind: 'union', of: [{ kind: 'number' }, { kind: 'text' }] } }],
    [{ enum: ['a', null] }, { type: { kind: 'one of', values: ['a'] }, optional: true }],
    [{ const: 'a' }, { type: { kind: 'one of', values: ['a'] } }],
    [
      { type: 'number', default: 5 },
      { type: { kind: 'number' }, default: 5 },
    ],
    [{ type: 'object' }, { type: { kind: 'map', of: { kind: 'anything' } } }],
    [{ type: 'object', properties: {} }, { type: { kind: 'record', fields: [] } }],
    [
      { type: 'object', additionalProperties: { type: 'string' }, minProperties: 1 },
      { type: { kind: 'map', of: { kind: 'text' } }, rules: { lengthAtLeast: 1 } },
    ],
    [{ type: 'array' }, { type: { kind: 'list', of: { kind: 'anything' } } }],
    [true, { type: { kind: 'anything' } }],
    [
      { type: 'array', description: 'All.', items: { type: 'string', description: 'One each.' } },
      { type: { kind: 'list', of: { kind: 'text' } }, meaning: 'All. One each.' },
    ],
    [{ type: 'string', title: 'For readers', $comment: 'as is this' }, { type: { kind: 'text' } }],
  ] as [Json, object][]) {
    test(`${JSON.stringify(schema)} a field as it should`, () => expect(field(schema)).toEqual(expected));
  }

  test('an optional field where a property is not required and has no default', () => {
    expect(field({ type: 'string' }, false)).toEqual({ type: { kind: 'text' }, optional: true });
    expect(field({ type: 'string', default: 'x' }, false)).toEqual({ type: { kind: 'text' }, default: 'x' });
  });

  test('the type that a reference leads to, rules and meaning too, with what is said beside the reference', () => {
    const schema = {
      type: 'object',
      properties: { a: { $ref: '#/$defs/Amo~1unt', maximum: 9, description: 'Own.' } },
      required: ['a'],
      $defs: { 'Amo/unt': { type: 'number', minimum: 0, description: 'Its.' } },
    };
    expect(typeOf(schema)).toEqual({
      kind: 'record',
      fields: [{ name: 'a', type: { kind: 'number' }, rules: { atLeast: 0, atMost: 9 }, meaning: 'Own. Its.' }],
    });
  });

  test('a type that names itself, where a schema refers to itself and has a name', () => {
    const tree = { type: 'object', properties: { left: { $ref: '#' } } };
    const left = { name: 'left', type: { kind: 'named', name: 'Tree' }, optional: true };
    expect(typeOf(tree, 'Tree')).toEqual({ kind: 'record', fields: [left] });
    const defined = {
      $ref: '#/$defs/T',
      $defs: { T: { type: 'object', properties: { left: { $ref: '#/$defs/T' } } } },
    };
    expect(typeOf(defined, 'Tree')).toEqual({ kind: 'record', fields: [left] });
    const back = 'Unexpected $ref that leads back to itself, expected a type of its own under Types';
    expect(problemsOf(tree)).toEqual([['/properties/left/$ref', back]]);
    expect(problemsOf({ $ref: '#' }, 'Tree')).toEqual([['/$ref', back]]);
  });

  test('fields, each with the pointer of where it was declared', () => {
    const made = typeOfJsonSchema({
      type: 'object',
      properties: { a: { type: 'array', items: { $ref: '#/$defs/Line' } } },
      $defs: { Line: { type: 'object', properties: { b: {} } } },
    });
    const fields = 'fields' in made ? [...made.fields].map(([{ name }, pointer]) => [name, pointer]) : [];
    expect(fields).toEqual([
      ['b', '/$defs/Line/properties/b'],
      ['a', '/properties/a'],
    ]);
  });
});

describe('what no type can say', () => {
  const says = (keyword: string): string =>
    `Unexpected ${keyword}, expected a schema without it: no type can say it here`;
  for (const [schema, pointer, message] of [
    [{ type: 'number', multipleOf: 2 }, '/multipleOf', says('multipleOf')],
    [{ not: {} }, '/not', says('not')],
    [{ $ref: '#/$defs/A', type: 'string', $defs: { A: {} } }, '/type', says('type')],
    [{ type: 'array', prefixItems: [{}] }, '/prefixItems', says('prefixItems')],
    [{ type: 'object', patternProperties: {} }, '/patternProperties', says('patternProperties')],
    [
      { type: 'object', properties: { a: {} }, minProperties: 1 },
      '/minProperties',
      'Unexpected minProperties here, expected a schema without it: no rule can say it',
    ],
    [
      { type: 'number', minimum: 1 },
      '/minimum',
      'Unexpected minimum, expected it on a property: only fields have rules',
    ],
    [{ type: 'number', default: 1 }, '/default', 'Unexpected default, expected it on a property: only fields have one'],
    [{ type: ['number', 'null'] }, '', 'Unexpected null, expected it on a property, which it makes optional'],
    [{ type: 'null' }, '', 'Unexpected null, expected a type beside it'],
    [{ enum: [1, 2] }, '/enum/0', 'Unexpected 1, expected text: only text is one of some values'],
    [{ const: true }, '/const', 'Unexpected true, expected text: only text is one of some values'],
    [{ enum: ['a', 'a'] }, '/enum/1', 'Unexpected second a, expected each value once'],
    [{ enum: ['a'], type: 'number' }, '/type', 'Unexpected type beside enum of text, expected string'],
    [{ $ref: '#/$defs/None' }, '/$ref', 'Unexpected $ref, expected a place in this schema, as in "#/$defs/Name"'],
    [{ $ref: 'other.json' }, '/$ref', 'Unexpected $ref, expected a place in this schema, as in "#/$defs/Name"'],
    [{ properties: {} }, '', 'Unexpected schema without a type, expected "type": "object" in it'],
    [{ anyOf: [] }, '/anyOf', 'Unexpected value, expected a list of schemas'],
    [
      { type: 'object', properties: { a: {} }, required: ['b'] },
      '/required/0',
      'Unexpected "b", expected the name of a property',
    ],
    [
      { type: 'object', properties: { a: { type: 'string', minLength: -1 } } },
      '/properties/a/minLength',
      'Unexpected value of minLength, expected a whole number from 0',
    ],
    [
      { type: 'object', properties: { a: {}, A: {} } },
      '/properties/A',
      'Unexpected second A, expected another name: upper and lower case are one',
    ],
    [
      { type: 'object', properties: { constructor: {} } },
      '/properties/constructor',
      'Unexpected name constructor, which has a meaning of its own, expected another',
    ],
    ['text', '', 'Unexpected value, expected a schema, which is an object'],
    [
      { $schema: 'http://json-schema.org/draft-07/schema#', type: 'string' },
      '/$schema',
      'Unexpected draft, expected https://json-schema.org/draft/2020-12/schema',
    ],
  ] as [Json, string, string][]) {
    test(`${JSON.stringify(schema)} is a problem at its place`, () => {
      expect(problemsOf(schema)).toEqual([[pointer, message]]);
    });
  }

  test('is told all at once', () => {
    const schema = { type: 'object', properties: { a: { type: 'string', format: 'email' }, b: { allOf: [] } } };
    expect(problemsOf(schema).map(([pointer]) => pointer)).toEqual(['/properties/a/format', '/properties/b/allOf']);
  });

  test('is a short schema that references make too large, told once and soon', () => {
    const $defs: { [name: string]: Json } = { D0: { type: 'string' } };
    for (let n = 1; n < 30; n += 1) {
      const $ref = `#/$defs/D${n - 1}`;
      $defs[`D${n}`] = { type: 'object', properties: { a: { $ref }, b: { $ref } } };
    }
    expect(problemsOf({ $ref: '#/$defs/D29', $defs })).toContainEqual([
      '',
      'Unexpected schema of more than 5000 parts, expected a smaller one',
    ]);
    let deep: Json = { type: 'string' };
    for (let n = 0; n < 10_000; n += 1) deep = { type: 'array', items: deep };
    expect(problemsOf(deep).map(([, message]) => message)).toEqual([
      'Unexpected schema of more than 32 levels, expected fewer',
    ]);
  });
});

describe('a lenient reading', () => {
  for (const [schema, expected] of [
    [{ type: 'string', format: 'email', minLength: 3 }, { kind: 'text' }],
    [{ enum: [1, 2] }, { kind: 'integer' }],
    [{ enum: ['a', 1] }, { kind: 'anything' }],
    [{ const: false }, { kind: 'yes/no' }],
    [{ allOf: [{ type: 'string' }] }, { kind: 'anything' }],
    [
      { properties: { a: { type: 'string' } }, required: ['a'] },
      { kind: 'record', fields: [{ name: 'a', type: { kind: 'text' } }] },
    ],
    [{ type: 'object', properties: { a: {} }, additionalProperties: true }, { kind: 'anything' }],
    [
      { type: 'object', properties: { 'x-y': { type: 'number' } } },
      { kind: 'record', fields: [{ name: 'x-y', type: { kind: 'number' }, optional: true }] },
    ],
    [{ type: 'object', properties: { a: {} }, patternProperties: { b: {} } }, { kind: 'anything' }],
    [{ $ref: '#' }, { kind: 'anything' }],
    [false, { kind: 'anything' }],
    [null, { kind: 'anything' }],
  ] as [Json, Type][]) {
    test(`makes ${JSON.stringify(schema)} ${expected.kind}`, () => expect(leniently(schema)).toEqual(expected));
  }

  test('of anything at all gives a type, and never throws', () => {
    const keyword = fc.constantFrom(
      'type',
      'properties',
      'items',
      'anyOf',
      'enum',
      'const',
      '$ref',
      '$defs',
      'required',
      'default',
      'minimum',
      'pattern',
    );
    const schema = fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<Json[]>(
          'string',
          'object',
          'array',
          'null',
          '#',
          '#/$defs/a',
          '(',
          null,
          true,
          false,
          1,
          -1,
          [],
        ),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.oneof(keyword, fc.constantFrom('a', '__proto__')), tie('value'), { maxKeys: 4 }),
      ),
    })).value;
    fc.assert(
      fc.property(schema, (value) => {
        expect(typeSchema.safeParse(leniently(value)).success).toBe(true);
        const strict = typeOfJsonSchema(value, { name: 'T' });
        expect('type' in strict || strict.problems.length > 0).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

test('a type takes what its schema takes', () => {
  const addFormats = formatsPlugin as unknown as (ajv: Ajv2020) => Ajv2020;
  const value = fc.jsonValue({ maxDepth: 3 }).map((one) => JSON.parse(JSON.stringify(one)) as Json);
  fc.assert(
    fc.property(anyType, value, (type, given) => {
      const schema = jsonSchemaOf(type, []);
      const ajv = addFormats(new Ajv2020({ strict: false }));
      expect(valueValidator(typeOf(schema), []).complete(given).ok).toBe(ajv.validate(schema, given));
    }),
    { numRuns: 100 },
  );
});
