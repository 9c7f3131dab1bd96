import { afterEach, expect, test } from 'vitest';
import { draftModel } from './draft-model.ts';
import type { ModelServer, ScriptedCompletion } from './testing/model-server.ts';
import { startModelServer } from './testing/model-server.ts';

let server: ModelServer | undefined;
afterEach(() => server?.close());

const question = [
  { role: 'system' as const, content: 'Draft.' },
  { role: 'user' as const, content: 'A clerk reads it.' },
];

async function ask(answer: ScriptedCompletion, more: { timeoutMs?: number; signal?: AbortSignal } = {}) {
  server = await startModelServer([answer]);
  const { timeoutMs = 2_000, signal = new AbortController().signal } = more;
  const address = { baseUrl: server.url, apiKey: 'key-1' };
  return draftModel({ address, model: 'house-1', timeoutMs, signal })(question, { type: 'object' });
}

test('a question is sent with its schema, in strict form, and the answer comes with its model and its tokens', async () => {
  expect(await ask('{"steps": []}')).toEqual({
    text: '{"steps": []}',
    model: 'scripted-1',
    tokensIn: 10,
    tokensOut: 5,
  });
  expect(server?.asked).toEqual([
    {
      model: 'house-1',
      messages: question,
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'parts', strict: true, schema: { type: 'object' } },
      },
      max_completion_tokens: 4000,
    },
  ]);
  expect(server?.authorization()).toBe('Bearer key-1');
});

test('an answer that was cut off says so', async () => {
  expect(await ask({ cutOff: '{"steps": [' })).toMatchObject({ text: '{"steps": [', cutOff: true });
});

test('a refusal, an answer that does not come, and a server in trouble are failures in words', async () => {
  expect(await ask({ refusal: 'I would rather not.' })).toEqual({
    failure: { class: 'refusal', detail: 'I would rather not.' },
  });
  await server?.close();
  expect(await ask({ hang: true }, { timeoutMs: 100 })).toEqual({
    failure: { class: 'timeout', detail: 'The model did not answer within 0.1 s' },
  });
  await server?.close();
  expect(await ask({ status: 503, body: { error: { message: 'busy' } } })).toEqual({
    failure: { class: 'transient', detail: 'The model server answered 503 busy' },
  });
});

test('a draft that is ended is a failure too: by a person, or by a clock', async () => {
  const detail = 'The draft was ended before it was whole';
  expect(await ask('{}', { signal: AbortSignal.abort() })).toEqual({ failure: { class: 'cancelled', detail } });
  expect(server?.asked).toEqual([]);
  await server?.close();
  expect(await ask({ hang: true }, { signal: AbortSignal.timeout(100) })).toEqual({
    failure: { class: 'timeout', detail },
  });
});
