import { Ajv2020 } from 'ajv/dist/2020.js';
import formatsPlugin from 'ajv-formats';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NamedTypes } from './json-schema.ts';
import { resolveType } from './json-schema.ts';
import { fromStrict, strictSchemaOf } from './strict-schema.ts';
import type { Field, Json, Type } from './types.ts';
import { valueValidator } from './validate-value.ts';

const addFormats = formatsPlugin as unknown as (ajv: Ajv2020) => Ajv2020;

/** What a model that follows the strict schema would answer for a complete value: the inverse of `fromStrict`. */
function toStrict(value: Json, type: Type, types: NamedTypes, isRoot = true): Json {
  const resolved = resolveType(type, types)!;
  if (isRoot && resolved.kind !== 'record') return { value: toStrict(value, type, types, false) };
  switch (resolved.kind) {
    case 'list':
      return (value as Json[]).map((item) => toStrict(item, resolved.of, types, false));
    case 'map':
      return Object.entries(value as object).map(([key, item]) => ({
        key,
        value: toStrict(item as Json, resolved.of, types, false),
      }));
    case 'anything':
      return JSON.stringify(value);
    case 'record': {
      const record = value as Record<string, Json>;
      const asked = resolved.fields.filter((field) => field.computed === undefined);
      return Object.fromEntries(
        asked.map((field) => {
          const given = Object.hasOwn(record, field.name) ? record[field.name] : undefined;
          return [field.name, given === undefined ? null : toStrict(given, field.type, types, false)];
        }),
      );
    }
    default:
      return value;
  }
}

const text = fc.string({ unit: 'grapheme', maxLength: 8 });
const name = fc.oneof(
  fc.stringMatching(/^[a-z][a-z0-9_]{0,6}$/),
  fc.constantFrom('valueOf', 'toString', 'value', 'type', 'key'),
);
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as Json);
const day = fc
  .date({ min: new Date('1990-01-01'), max: new Date('2090-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString());

interface Sample {
  type: Type;
  /** A complete value: defaults filled, computed left out. */
  value: fc.Arbitrary<Json>;
}

/** No unions here: which alternative a value was given as is not part of the value. They have a test of their own. */
const sample: fc.Arbitrary<Sample> = fc.letrec<{ any: Sample }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'type' },
    fc.constantFrom<Sample>(
      { type: { kind: 'text' }, value: text },
      {
        type: { kind: 'number' },
        value: fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
      },
      { type: { kind: 'integer' }, value: fc.integer() },
      { type: { kind: 'yes/no' }, value: fc.boolean() },
      { type: { kind: 'date' }, value: day.map((iso) => iso.slice(0, 10)) },
      { type: { kind: 'time' }, value: day },
      { type: { kind: 'url' }, value: fc.webUrl() },
      { type: { kind: 'anything' }, value: json },
      {
        type: { kind: 'one of', values: ['travel', 'not eligible'] },
        value: fc.constantFrom('travel', 'not eligible'),
      },
    ),
    tie('any').map(
      (of): Sample => ({ type: { kind: 'list', of: of.type }, value: fc.array(of.value, { maxLength: 3 }) }),
    ),
    tie('any').map(
      (of): Sample => ({
        type: { kind: 'map', of: of.type },
        value: fc.dictionary(text, of.value, { maxKeys: 3 }).map(plain),
      }),
    ),
    fc
      .uniqueArray(
        fc.record({ name, of: tie('any'), need: fc.constantFrom('required', 'optional', 'default', 'computed') }),
        {
          maxLength: 4,
          selector: (field) => field.name,
        },
      )
      .chain((fields) =>
        fc
          .tuple(
            ...fields
              .map((field) => (field.need === 'default' ? fc.sample(field.of.value, { numRuns: 1, seed: 7 }) : [null]))
              .map((values) => fc.constant(values[0] as Json)),
          )
          .map(
            (defaults): Sample => ({
              type: {
                kind: 'record',
                fields: fields.map((field, index) =>
                  fieldOf(field.name, field.of.type, field.need, defaults[index] as Json),
                ),
              },
              value: fc
                .tuple(
                  ...fields.map((field) =>
                    field.need === 'optional'
                      ? fc.option(field.of.value, { nil: undefined })
                      : field.need === 'computed'
                        ? fc.constant(undefined)
                        : field.of.value,
                  ),
                )
                .map((values) =>
                  Object.fromEntries(
                    fields.flatMap((field, index): [string, Json][] =>
                      values[index] === undefined ? [] : [[field.name, values[index] as Json]],
                    ),
                  ),
                ),
            }),
          ),
      ),
  ),
})).any;

function plain(value: object): Json {
  return Object.fromEntries(Object.entries(value)) as Json;
}

function fieldOf(fieldName: string, type: Type, need: string, fallback: Json): Field {
  if (need === 'optional') return { name: fieldName, type, optional: true };
  if (need === 'default') return { name: fieldName, type, default: fallback };
  if (need === 'computed') return { name: fieldName, type, computed: '1 + 1' };
  return { name: fieldName, type };
}

describe('strict form', () => {
  test('any value of any type goes through the strict form unchanged, and the strict form fits its schema', () => {
    const property = fc.property(
      sample.chain((of) => fc.record({ type: fc.constant(of.type), value: of.value, named: fc.boolean() })),
      ({ type: bare, value, named }) => {
        const types: NamedTypes = named ? [{ name: 'Thing', type: bare }] : [];
        const type: Type = named ? { kind: 'named', name: 'Thing' } : bare;
        const schema = strictSchemaOf(type, types);
        const answer = toStrict(value, type, types);
        const validate = addFormats(new Ajv2020({ strict: false })).compile(schema);
        expect(validate(answer), JSON.stringify({ errors: validate.errors, schema, answer })).toBe(true);
        expect(fromStrict(answer, type, types)).toEqual(value);
      },
    );
    fc.assert(property, { numRuns: 150 });
  });

  test('every object of a strict schema is closed and requires all its fields', () => {
    const check = (schema: Json): void => {
      if (schema === null || typeof schema !== 'object') return;
      if (Array.isArray(schema)) {
        for (const item of schema) check(item);
        return;
      }
      if (schema['type'] === 'object') {
        expect(schema['additionalProperties']).toBe(false);
        expect(schema['required']).toEqual(Object.keys(schema['properties'] as object));
      }
      for (const [key, inner] of Object.entries(schema)) {
        if (key === 'properties' || key === '$defs') Object.values(inner as object).forEach(check);
        else if (key === 'items' || key === 'anyOf') check(inner);
      }
      expect(
        Object.keys(schema).filter((key) =>
          ['default', 'pattern', 'uniqueItems', 'minLength', 'allOf', 'oneOf'].includes(key),
        ),
      ).toEqual([]);
      if ('$ref' in schema) expect(Object.keys(schema)).toEqual(['$ref']);
    };
    fc.assert(
      fc.property(sample, ({ type }) => check(strictSchemaOf(type, []))),
      { numRuns: 150 },
    );
  });

  test('alternatives come back as what they were given as', () => {
    const type: Type = {
      kind: 'union',
      of: [{ kind: 'text' }, { kind: 'list', of: { kind: 'map', of: { kind: 'number' } } }, { kind: 'yes/no' }],
    };
    expect(fromStrict({ value: 'x' }, type, [])).toBe('x');
    expect(fromStrict({ value: [[{ key: 'a', value: 1 }]] }, type, [])).toEqual([{ a: 1 }]);
    const tagged: Type = { kind: 'union', of: [{ kind: 'text' }, { kind: 'anything' }] };
    expect(fromStrict({ value: { type: 'text', value: '{"a":1}' } }, tagged, [])).toBe('{"a":1}');
    expect(fromStrict({ value: { type: 'anything', value: '{"a":1}' } }, tagged, [])).toEqual({ a: 1 });
  });

  test('a type that holds itself has a finite schema', () => {
    const types: NamedTypes = [
      {
        name: 'Tree',
        type: { kind: 'union', of: [{ kind: 'text' }, { kind: 'list', of: { kind: 'named', name: 'Tree' } }] },
      },
    ];
    const tree: Type = { kind: 'named', name: 'Tree' };
    expect(strictSchemaOf(tree, types)['$defs']).toEqual({
      Tree: { anyOf: [{ type: 'string' }, { type: 'array', items: { $ref: '#/$defs/Tree' } }] },
    });
    expect(fromStrict({ value: ['a', ['b']] }, tree, types)).toEqual(['a', ['b']]);
    expect(valueValidator(tree, types).complete(['a', ['b']])).toEqual({ ok: true, value: ['a', ['b']] });
  });

  test('a key given twice in a map is left for validation to refuse', () => {
    const type: Type = { kind: 'map', of: { kind: 'number' } };
    const answer = [
      { key: 'a', value: 1 },
      { key: 'a', value: 2 },
    ];
    expect(fromStrict({ value: answer }, type, [])).toEqual(answer);
  });

  test('computed fields that a model sends are dropped, nulls of optional fields too', () => {
    const type: Type = {
      kind: 'record',
      fields: [
        { name: 'a', type: { kind: 'number' }, computed: '1' },
        { name: 'b', type: { kind: 'number' }, optional: true },
        { name: 'c', type: { kind: 'number' } },
      ],
    };
    expect(fromStrict({ a: 9, b: null, c: null, d: 1 }, type, [])).toEqual({ c: null, d: 1 });
  });
});
