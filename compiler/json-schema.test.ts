import { describe, expect, test } from 'vitest';
import { jsonSchemaOf } from './json-schema.ts';
import { strictSchemaOf } from './strict-schema.ts';
import type { Type } from './types.ts';

const receipt: Type = {
  kind: 'record',
  fields: [
    { name: 'merchant', type: { kind: 'text' }, rules: { lengthAtLeast: 1, matches: '^[A-Z]' }, meaning: 'As printed' },
    { name: 'amount', type: { kind: 'number' }, rules: { atLeast: 0 } },
    { name: 'category', type: { kind: 'one of', values: ['travel', 'meals'] }, default: 'meals' },
    { name: 'tip', type: { kind: 'number' }, optional: true },
    { name: 'total', type: { kind: 'number' }, computed: 'this.amount * 2' },
    { name: 'labels', type: { kind: 'map', of: { kind: 'date' } }, rules: { lengthAtMost: 3 } },
    { name: 'raw', type: { kind: 'anything' } },
  ],
};
const types = [{ name: 'Biên lai', type: receipt }];
const named: Type = { kind: 'named', name: 'Biên lai' };

test('a type becomes a 2020-12 schema whose definitions have plain names', () => {
  expect(jsonSchemaOf({ kind: 'list', of: named }, types)).toEqual({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'array',
    items: { $ref: '#/$defs/Bienlai' },
    $defs: {
      Bienlai: {
        type: 'object',
        properties: {
          merchant: { type: 'string', minLength: 1, pattern: '^[A-Z]', description: 'As printed' },
          amount: { type: 'number', minimum: 0 },
          category: { type: 'string', enum: ['travel', 'meals'] },
          tip: { type: 'number' },
          total: { type: 'number' },
          labels: { type: 'object', additionalProperties: { type: 'string', format: 'date' }, maxProperties: 3 },
          raw: {},
        },
        required: ['merchant', 'amount', 'category', 'total', 'labels', 'raw'],
        additionalProperties: false,
      },
    },
  });
});

test('the strict form requires every field, and says in words what strict mode has no keyword for', () => {
  expect(strictSchemaOf(named, types)).toEqual({
    type: 'object',
    properties: {
      merchant: { type: 'string', description: 'As printed. length at least 1, matches `^[A-Z]`' },
      amount: { type: 'number', minimum: 0, description: 'at least 0' },
      category: {
        anyOf: [{ type: 'string', enum: ['travel', 'meals'] }, { type: 'null' }],
        description: 'null for the default "meals"',
      },
      tip: { type: ['number', 'null'], description: 'null when there is none' },
      labels: {
        type: 'array',
        items: {
          type: 'object',
          properties: { key: { type: 'string' }, value: { type: 'string', format: 'date' } },
          required: ['key', 'value'],
          additionalProperties: false,
        },
        maxItems: 3,
        description: 'length at most 3',
      },
      raw: { type: 'string', description: 'Any value, written as JSON text' },
    },
    required: ['merchant', 'amount', 'category', 'tip', 'labels', 'raw'],
    additionalProperties: false,
  });
});

describe('the root of the strict form is a record', () => {
  test('other types are wrapped as {value}', () => {
    expect(strictSchemaOf({ kind: 'list', of: named }, types)).toMatchObject({
      type: 'object',
      properties: { value: { type: 'array', items: { $ref: '#/$defs/Bienlai' } } },
      required: ['value'],
    });
  });

  test('alternatives that JSON tells apart stay as they are; others carry the name of their type', () => {
    expect(strictSchemaOf({ kind: 'union', of: [{ kind: 'text' }, { kind: 'number' }] }, [])['properties']).toEqual({
      value: { anyOf: [{ type: 'string' }, { type: 'number' }] },
    });
    expect(strictSchemaOf({ kind: 'union', of: [{ kind: 'text' }, { kind: 'date' }] }, [])['properties']).toEqual({
      value: {
        anyOf: [
          {
            type: 'object',
            properties: { type: { type: 'string', enum: ['text'] }, value: { type: 'string' } },
            required: ['type', 'value'],
            additionalProperties: false,
          },
          {
            type: 'object',
            properties: { type: { type: 'string', enum: ['date'] }, value: { type: 'string', format: 'date' } },
            required: ['type', 'value'],
            additionalProperties: false,
          },
        ],
      },
    });
  });
});
