import { describe, expect, test } from 'vitest';
import type { Type } from '../../compiler/types.ts';
import { configurationSchema } from '../configuration.ts';
import type { ModelReply } from './client.ts';
import { functionNameOf, toolNamed } from './function-names.ts';
import { costOf, modelNamed } from './pricing.ts';
import { readAnswer, responseFormat } from './structured-output.ts';
import { functionOf, strictForm } from './tool-schemas.ts';

const type: Type = { kind: 'record', fields: [{ name: 'amount', type: { kind: 'number' } }] };
const reply = (parts: Partial<ModelReply>): ModelReply => ({
  model: 'm',
  content: null,
  refusal: null,
  toolCalls: [],
  finishReason: 'stop',
  tokensIn: 1,
  tokensOut: 7,
  ...parts,
});

describe('reading an answer', () => {
  test('a value comes back from strict form, also out of a code fence', () => {
    expect(readAnswer(reply({ content: '{"amount": 3}' }), type, [])).toEqual({ ok: true, value: { amount: 3 } });
    expect(readAnswer(reply({ content: '```json\n{"value": "hi"}\n```' }), { kind: 'text' }, [])).toEqual({
      ok: true,
      value: 'hi',
    });
  });

  test.each([
    [{ content: 'about 3' }, 'invalid-output', 'Unexpected answer that is not JSON, expected JSON', true],
    [{ content: '' }, 'invalid-output', 'Unexpected answer that is empty, expected JSON', true],
    [{ content: '{"amo', finishReason: 'length' }, 'truncated', 'The answer was cut off after 7 tokens', true],
    [{ refusal: 'I can not.' }, 'refusal', 'I can not.', false],
    [
      { content: '{"amount":3}', finishReason: 'content_filter' },
      'refusal',
      'The model server filtered the answer',
      false,
    ],
  ])('%j is %s', (parts, failureClass, detail, isFedBack) => {
    const read = readAnswer(reply(parts), type, []);
    expect(read).toMatchObject({ ok: false, failure: { class: failureClass, detail } });
    expect('feedback' in read && read.feedback !== undefined).toBe(isFedBack);
  });

  test('the response format is strict', () => {
    expect(responseFormat(type, [])).toEqual({
      type: 'json_schema',
      json_schema: {
        name: 'output',
        strict: true,
        schema: {
          type: 'object',
          properties: { amount: { type: 'number' } },
          required: ['amount'],
          additionalProperties: false,
        },
      },
    });
  });
});

describe('tools as functions', () => {
  test('names are what the API allows, and lead back to the tool', () => {
    expect(functionNameOf('policy.lookup')).toBe('policy__lookup');
    expect(functionNameOf('tra cứu')).toBe('tra_20_c_1ee9_u');
    expect(functionNameOf('x'.repeat(90))).toMatch(/^x{51}_[0-9a-f]{12}$/);
    expect(toolNamed('policy__lookup', ['a', 'policy.lookup'])).toBe('policy.lookup');
    expect(toolNamed('payments__transfer', ['policy.lookup'])).toBeUndefined();
  });

  test('a schema that strict mode can say is sent closed and strict, another as it is', () => {
    const schema = {
      $schema: 's',
      type: 'object',
      properties: {
        list: { type: 'array', items: { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] } },
      },
      required: ['list'],
    };
    expect(strictForm(schema)).toEqual({
      type: 'object',
      properties: {
        list: {
          type: 'array',
          items: {
            type: 'object',
            properties: { a: { type: 'number' } },
            required: ['a'],
            additionalProperties: false,
          },
        },
      },
      required: ['list'],
      additionalProperties: false,
    });
    expect(strictForm({ ...schema, required: [] })).toBeUndefined();
    expect(
      strictForm({ type: 'object', properties: { a: { type: 'string', pattern: 'x' } }, required: ['a'] }),
    ).toBeUndefined();
    expect(strictForm({ type: 'object', additionalProperties: { type: 'string' } })).toBeUndefined();
    const tool = {
      name: 'a.b',
      effect: 'read' as const,
      description: 'd',
      input: { type: 'object' },
      output: {},
      source: { kind: 'practice' as const },
    };
    expect(functionOf(tool)).toEqual({
      type: 'function',
      function: { name: 'a__b', description: 'd', parameters: { type: 'object' }, strict: false },
    });
  });
});

test('an alias stands for its model and price; a name without a price costs nothing known', () => {
  const configuration = configurationSchema.parse({
    models: { small: { model: 'gpt', pricePerMillionTokens: { in: 0.5, out: 2 } } },
  });
  expect(modelNamed(configuration, 'small')).toBe('gpt');
  expect(modelNamed(configuration, 'toString')).toBe('toString');
  expect(costOf(configuration, 'small', { tokensIn: 1_000_000, tokensOut: 500_000 })).toBe(1.5);
  expect(costOf(configuration, 'gpt', { tokensIn: 9, tokensOut: 9 })).toBe(0);
});
