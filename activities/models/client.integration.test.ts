import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Json } from '../../compiler/types.ts';
import type { PracticeServer } from '../practice/server.ts';
import { startPracticeServer } from '../practice/server.ts';
import type { ToolServer } from '../testing/tool-server.ts';
import { json, startToolServer } from '../testing/tool-server.ts';
import { askModel, isModelUnavailable, ModelProblem } from './client.ts';

let server: ToolServer;
beforeAll(async () => {
  server = await startToolServer();
});
afterAll(() => server.close());

const request = (signal = new AbortController().signal, timeoutMs = 2_000) => ({
  body: { model: 'm', messages: [{ role: 'user' as const, content: 'hi' }] },
  timeoutMs,
  signal,
  practiceHeaders: { 'x-waymark-run': 'r1', 'x-waymark-step': 's', 'x-waymark-pass': '1', 'x-waymark-attempt': '1' },
});
const endpoint = (practice = false) => ({ baseUrl: `${server.url}/v1`, apiKey: 'key-1', practice });
const completion = (parts: { [key: string]: Json } = {}): Json => ({
  model: 'm-2',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'hello', ...parts } }],
  usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
});
const failureOf = async (asked: Promise<unknown>) => {
  const problem = await asked.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (problem instanceof ModelProblem) return problem.failure;
  throw problem;
};

test('a reply comes back with its usage; the key is sent, and headers of practice to the practice server only', async () => {
  server.answer = (_, response) => json(response, 200, completion({ refusal: null }));
  expect(await askModel(endpoint(), request())).toEqual({
    model: 'm-2',
    content: 'hello',
    refusal: null,
    toolCalls: [],
    finishReason: 'stop',
    tokensIn: 5,
    tokensOut: 2,
  });
  await askModel(endpoint(true), request());
  const [real, practice] = server.asked;
  expect(real?.headers).toMatchObject({ authorization: 'Bearer key-1' });
  expect(Object.keys(real?.headers ?? {}).filter((name) => name.startsWith('x-waymark'))).toEqual([]);
  expect(practice?.headers).toMatchObject({ 'x-waymark-run': 'r1', 'x-waymark-step': 's' });
});

test.each([
  [429, {}, { 'retry-after': '3' }, { class: 'throttled', retryAfterMs: 3000 }],
  [429, { code: 'insufficient_quota' }, {}, { class: 'budget' }],
  [503, {}, { 'retry-after': '1' }, { class: 'transient', retryAfterMs: 1000 }],
  [408, {}, {}, { class: 'timeout' }],
  [403, {}, {}, { class: 'not-allowed' }],
  [400, { code: 'content_filter' }, {}, { class: 'refusal' }],
] as const)('status %s %j is %j', async (status, error, headers, expected) => {
  server.asked.length = 0;
  server.answer = (_, response) => json(response, status, { error: { message: 'so it is', ...error } }, headers);
  const failure = await failureOf(askModel(endpoint(), request()));
  expect(failure).toEqual({ ...expected, detail: `The model server answered ${status} so it is` });
  expect(server.asked).toHaveLength(1);
});

test('a model the server does not know is a bug that says where its name comes from', async () => {
  server.answer = (_, response) =>
    json(response, 404, { error: { message: 'no model small', code: 'model_not_found' } });
  expect(await failureOf(askModel(endpoint(), request()))).toEqual({
    class: 'bug',
    detail:
      'The model server answered 404 no model small. Expected models in the configuration to say which one an alias stands for',
  });
});

test('a retry-after that is a date counts from now', async () => {
  const at = new Date(Date.now() + 60_000).toUTCString();
  server.answer = (_, response) => json(response, 429, { error: { message: 'x' } }, { 'retry-after': at });
  const { retryAfterMs } = await failureOf(askModel(endpoint(), request()));
  expect(retryAfterMs).toBeGreaterThan(55_000);
  expect(retryAfterMs).toBeLessThanOrEqual(60_000);
});

test('the time allowed runs to the last byte, not to the first', async () => {
  server.answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"model":');
  };
  // Were it to the first byte, this would wait for ever.
  expect(await failureOf(askModel(endpoint(), request(undefined, 200)))).toEqual({
    class: 'timeout',
    detail: 'The model did not answer within 0.2 s',
  });
});

test('a cancelled call ends at once with the reason it was cancelled for', async () => {
  server.answer = () => undefined;
  const cancel = new AbortController();
  const asked = askModel(endpoint(), request(cancel.signal));
  setTimeout(() => cancel.abort(new Error('cancelled by rita')), 50);
  await expect(asked).rejects.toThrow('cancelled by rita');
});

test.each([
  ['no choices', (): Json => ({ model: 'm', choices: [] })],
  ['text that is no completion', (): Json => 'hello'],
])('%s is trouble of the server, and told to the breaker', async (_, body) => {
  server.answer = (_asked, response) => json(response, 200, body());
  const problem = await askModel(endpoint(), request()).catch((error: unknown) => error);
  expect((problem as ModelProblem).failure.class).toBe('transient');
  expect(isModelUnavailable(problem)).toBe(true);
});

test('a server that is not there is transient', async () => {
  const failure = await failureOf(
    askModel({ baseUrl: 'http://127.0.0.1:9/v1', apiKey: 'k', practice: false }, request()),
  );
  expect(failure).toEqual({
    class: 'transient',
    detail: 'The model server could not be reached, or closed the connection',
  });
});

test('the practice server names itself, lists its model, and says in the words of the API what it lacks', async () => {
  const practice: PracticeServer = await startPracticeServer({
    loadScript: async (run) =>
      run === 'r1' ? JSON.stringify({ steps: { s: [{ turns: [{ content: 1 }] }] } }) : undefined,
  });
  try {
    const models = await fetch(`${practice.baseUrl}/models`);
    expect(await models.json()).toMatchObject({ object: 'list', data: [{ id: 'practice', object: 'model' }] });
    const at = { baseUrl: practice.baseUrl, apiKey: 'none', practice: true };
    expect(await askModel(at, request())).toMatchObject({ model: 'practice', content: '1' });
    const without = { ...request(), practiceHeaders: { 'x-waymark-run': 'r2' } };
    expect(await failureOf(askModel(at, without))).toEqual({
      class: 'bug',
      detail:
        'The model server answered 400 This run has no practice script, and no model is configured: start the run with a practice.json, or set OPENAI_API_KEY or OPENAI_BASE_URL',
    });
  } finally {
    await practice.close();
  }
});

test('practice tools keep their keys: a repeated key is the same call, and its outcome can be asked for', async () => {
  const script = {
    tools: {
      pay: { effect: 'write', answers: [{ when: { n: 1 }, output: 'one', dropConnection: true }, { output: 'other' }] },
    },
    steps: {},
  };
  const practice = await startPracticeServer({ loadScript: async () => JSON.stringify(script) });
  const call = (n: number, key: string) =>
    fetch(`${practice.url}/tools/pay`, {
      method: 'POST',
      headers: { 'x-waymark-run': 'r', 'idempotency-key': key },
      body: JSON.stringify({ n }),
    });
  const outcome = (run: string, key: string) =>
    fetch(`${practice.url}/tools/pay/outcomes/${key}`, { headers: { 'x-waymark-run': run } });
  try {
    expect((await outcome('r', 'k')).status).toBe(404);
    await expect(call(1, 'k')).rejects.toThrow();
    expect(await (await outcome('r', 'k')).json()).toBe('one');
    expect(await (await call(2, 'k')).json()).toBe('one');
    expect(await (await call(2, 'k2')).json()).toBe('other');
    expect((await outcome('another', 'k')).status).toBe(404);
  } finally {
    await practice.close();
  }
});
