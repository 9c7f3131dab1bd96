import { afterEach, describe, expect, it } from 'vitest';
import type { ApiProblem } from './api-problem.ts';
import type { RunEvent } from './api-shapes.ts';
import type { ClientOptions } from './client.ts';
import { createClient } from './client.ts';
import { counts, events, openGate, startedRun, wholeRun } from './testing/expense-run.ts';
import type { ApiScript, ScriptedApi } from './testing/scripted-api.ts';
import { startScriptedApi } from './testing/scripted-api.ts';

let api: ScriptedApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

async function talkTo(script: ApiScript, options: Partial<ClientOptions> = {}) {
  api = await startScriptedApi(script);
  return {
    api,
    client: createClient({ apiUrl: `${api.url}/`, token: 'tok', firstDelayMs: 1, repeats: 2, ...options }),
  };
}

async function all(stream: AsyncIterable<RunEvent>): Promise<number[]> {
  const seen: number[] = [];
  for await (const event of stream) seen.push(event.seq);
  return seen;
}

const mistake = {
  code: 'html' as const,
  severity: 'error' as const,
  message: 'm',
  line: 2,
  column: 3,
  endLine: 2,
  endColumn: 5,
  related: [],
};

describe('createClient', () => {
  it('sends the token, and with a POST a key that its repeats keep', async () => {
    const { api, client } = await talkTo({
      ...wholeRun,
      'POST /runs': [
        { dropConnection: true },
        { problem: { type: 'urn:waymark:problem:unavailable', title: 'Not now', status: 503 } },
        { status: 201, body: startedRun },
      ],
    });
    const run = await client.startRun({ graphHash: 'h', input: { a: 1 } });
    expect(run.id).toBe('run-1');
    const keys = api.received.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(keys).size).toBe(1);
    expect(api.received[0]).toMatchObject({
      headers: { authorization: 'Bearer tok' },
      body: { graphHash: 'h', input: { a: 1 } },
    });
    await client.startRun({ graphHash: 'h', input: { a: 1 } });
    expect(api.received[3]?.headers['idempotency-key']).not.toBe(keys[0]);
  });

  it('throws a problem with its type, detail, places and diagnostics', async () => {
    const { client } = await talkTo({
      'POST /documents': [
        {
          problem: {
            type: 'urn:waymark:problem:invalid-input',
            title: 'The input does not fit',
            status: 400,
            detail: 'See errors.',
            errors: [{ at: '/claimed', in: 'input', message: 'Unexpected text, expected a number' }],
            diagnostics: [mistake],
          },
        },
      ],
    });
    const problem = await client.publish('# A').catch((error: ApiProblem) => error);
    expect(problem).toMatchObject({
      name: 'ApiProblem',
      type: 'invalid-input',
      title: 'The input does not fit',
      status: 400,
      detail: 'See errors.',
      errors: [{ at: '/claimed', in: 'input', message: 'Unexpected text, expected a number' }],
      diagnostics: [mistake],
      message: 'The input does not fit. See errors.\n  input /claimed: Unexpected text, expected a number',
    });
  });

  it('says so when the API cannot be reached, after its repeats', async () => {
    const { api, client } = await talkTo({ 'GET /runs/:id': [{ dropConnection: true }] });
    await expect(client.getRun('r')).rejects.toThrow(`The API at ${api.url} cannot be reached`);
    expect(api.received).toHaveLength(3);
  });

  it('says so when something else answers at the address', async () => {
    const { api, client } = await talkTo({
      'GET /runs/:id': [{ raw: '<html>', status: 502 }],
      'GET /gates/:id': [{ raw: '<html>', status: 200 }],
    });
    await expect(client.getRun('r')).rejects.toThrow(`${api.url} answered with HTTP status 502 and no problem`);
    await expect(client.gate('g')).rejects.toThrow(`${api.url}/gates/g gave an answer that is not of this API`);
  });

  it('reads every page of the inbox', async () => {
    const { api, client } = await talkTo({
      'GET /gates': [
        { body: { items: [openGate], next: 'c=1', counts } },
        { body: { items: [{ ...openGate, id: 'second' }], counts } },
      ],
    });
    expect((await client.gates()).map(({ id }) => id)).toEqual([openGate.id, 'second']);
    expect(api.received.map(({ path }) => path)).toEqual(['/gates?limit=100', '/gates?limit=100&cursor=c%3D1']);
  });
});

describe('followRun of the client', () => {
  it('goes on after the last event when the stream breaks, and gives each event once', async () => {
    const { api, client } = await talkTo({
      'GET /runs/:id/events': [
        { events: events.slice(0, 3), breaks: true },
        { dropConnection: true },
        { events: events.slice(2, 8) },
        { events: [] },
      ],
    });
    expect(await all(client.followRun('run-1'))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(api.received.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '3', '3', '8']);
  });

  it('gives up once the API has been gone for as long as its patience', async () => {
    const { client } = await talkTo({ 'GET /runs/:id/events': [{ dropConnection: true }] }, { patienceMs: 20 });
    await expect(all(client.followRun('run-1'))).rejects.toThrow('cannot be reached');
  });

  it('throws what the API refuses, without asking again', async () => {
    const { api, client } = await talkTo({
      'GET /runs/:id/events': [{ problem: { type: 'urn:waymark:problem:not-found', title: 'Nothing', status: 404 } }],
    });
    await expect(all(client.followRun('nope'))).rejects.toMatchObject({ type: 'not-found' });
    expect(api.received).toHaveLength(1);
  });

  it('ends with the reason of its signal', async () => {
    const stop = new AbortController();
    const { client } = await talkTo({ 'GET /runs/:id/events': [{ events: events.slice(0, 1) }] });
    const seen: number[] = [];
    const following = (async () => {
      for await (const { seq } of client.followRun('run-1', { signal: stop.signal })) {
        seen.push(seq);
        stop.abort(new Error('enough'));
      }
    })();
    await expect(following).rejects.toThrow('enough');
    expect(seen).toEqual([1]);
  });
});
