import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { appendEvents } from '../prisma/run-log.ts';
import type { ApiFixture } from './testing/api-fixture.ts';
import { asWorker, eventually, openApiFixture, publishClaim, startClaim } from './testing/api-fixture.ts';

let fixture: ApiFixture;
let base: string;
beforeAll(async () => {
  fixture = await openApiFixture({ streams: { lookEveryMs: 200, unreadMs: 1_000 } });
  base = await fixture.app.listen({ host: '127.0.0.1', port: 0 });
  await publishClaim(fixture);
});
afterAll(() => fixture.close());

interface Received {
  id: number;
  event: string;
  data: { seq: number; type: string; step?: string; body: Record<string, unknown> };
}

/** Reads the stream into `events` until it ends. */
async function read(run: string, headers: Record<string, string> = {}, user = 'an') {
  const response = await fetch(`${base}/runs/${run}/events`, { headers: { ...(await fixture.as(user)), ...headers } });
  const events: Received[] = [];
  const ended = (async () => {
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const fields = new Map(
          text
            .slice(0, end)
            .split('\n')
            .map((line) => line.split(/: (.*)/s, 2) as [string, string]),
        );
        text = text.slice(end + 2);
        if (!fields.has('id')) continue;
        events.push({
          id: Number(fields.get('id')),
          event: fields.get('event') ?? '',
          data: JSON.parse(fields.get('data') ?? ''),
        });
      }
    }
  })();
  return { response, events, ended };
}

async function append(run: string, count: number, from = 0) {
  await fixture.worker.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
    appendEvents(
      tx,
      Array.from({ length: count }, (_, index) => ({
        run,
        type: 'step.started' as const,
        sourceKey: `e:${from + index}`,
        node: 'note_the_claim',
        body: { attempt: from + index + 1 },
      })),
    ),
  );
}

async function end(run: string) {
  await asWorker(fixture, { ended: run, status: 'completed' });
  await fixture.worker.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
    appendEvents(tx, [{ run, type: 'run.ended', sourceKey: 'end', body: { status: 'completed' } }]),
  );
}

test('a stream sends what is there, then what happens, and ends with the run', async () => {
  const run = await startClaim(fixture);
  const { response, events, ended } = await read(run);
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(response.headers.get('connection')).toBe('close');
  await eventually(() => (events.length === 1 ? true : undefined));
  await append(run, 1);
  await eventually(() => (events.length === 2 ? true : undefined));
  await end(run);
  await ended;
  expect(events.map(({ id, event }) => [id, event])).toEqual([
    [1, 'run.started'],
    [2, 'step.started'],
    [3, 'run.ended'],
  ]);
  expect(events[1]?.data).toEqual({
    seq: 2,
    at: expect.any(String),
    type: 'step.started',
    step: 'note_the_claim',
    body: { attempt: 1 },
  });
});

test('an event arrives at once, woken by the database, not by looking again', async () => {
  const slow = await fixture.secondApp({ streams: { lookEveryMs: 60_000, unreadMs: 1_000 } });
  const address = await slow.listen({ host: '127.0.0.1', port: 0 });
  const run = await startClaim(fixture);
  const response = await fetch(`${address}/runs/${run}/events`, { headers: await fixture.as('an') });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader?.read())?.value).toContain('event: run.started');
  // Listening starts with the first stream and may lag behind the first page.
  await pause(300);
  const before = Date.now();
  await append(run, 1);
  expect((await reader?.read())?.value).toContain('event: step.started');
  // Far from the minute after which it would look again, however busy the machine.
  expect(Date.now() - before).toBeLessThan(30_000);
  await reader?.cancel();
});

test('Last-Event-ID goes on after it, over several pages, without a gap or a repeat', async () => {
  const run = await startClaim(fixture);
  await append(run, 350);
  await end(run);
  const { events, ended } = await read(run, { 'last-event-id': '7' });
  await ended;
  expect(events.map(({ id }) => id)).toEqual(Array.from({ length: 345 }, (_, index) => index + 8));
});

test('after the last event of an ended run there is 204, which tells an EventSource to stop', async () => {
  const run = await startClaim(fixture);
  await end(run);
  const { response } = await read(run, { 'last-event-id': '2' });
  expect(response.status).toBe(204);
  const { response: wrong } = await read(run, { 'last-event-id': 'x' });
  expect(wrong.status).toBe(400);
});

test('a client that does not read is disconnected, having cost a page and not the log', async () => {
  const run = await startClaim(fixture);
  const detail = 'd'.repeat(20_000);
  for (let batch = 0; batch < 20; batch += 1) {
    await fixture.worker.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
      appendEvents(
        tx,
        Array.from({ length: 50 }, (_, index) => ({
          run,
          type: 'step.started' as const,
          sourceKey: `${batch}:${index}`,
          body: { detail },
        })),
      ),
    );
  }
  const { port } = new URL(base);
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  socket.pause();
  const { authorization } = await fixture.as('an');
  socket.write(`GET /runs/${run}/events HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n\r\n`);
  // Well past the time a client may leave things unread.
  await pause(2_500);
  socket.resume();
  let received = 0;
  socket.on('data', (chunk) => {
    received += chunk.length;
  });
  await once(socket, 'close');
  expect(received).toBeLessThan(1_000 * detail.length);
});

test('someone who is made inactive is disconnected', async () => {
  const { Client } = await import('pg');
  const owner = new Client({ connectionString: fixture.database.ownerUrl });
  await owner.connect();
  const run = await startClaim(fixture);
  try {
    const { events, ended } = await read(run, {}, 'bo');
    await eventually(() => (events.length === 1 ? true : undefined));
    await owner.query("UPDATE user_account SET active = false WHERE id = 'bo'");
    await append(run, 1);
    await ended;
    expect(events.length).toBe(1);
  } finally {
    await owner.query("UPDATE user_account SET active = true WHERE id = 'bo'");
    await owner.end();
  }
});

test('a stream ends when its token does', async () => {
  const run = await startClaim(fixture);
  // The clock tolerance of 5 s lets it in; it has expired for the stream.
  const token = await fixture.issuer.sign('an', '1 second ago');
  const response = await fetch(`${base}/runs/${run}/events`, { headers: { authorization: `Bearer ${token}` } });
  expect([response.status, await response.text()]).toEqual([200, '']);
});

test('an API that closes ends its streams', async () => {
  const closing = await fixture.secondApp();
  const address = await closing.listen({ host: '127.0.0.1', port: 0 });
  const run = await startClaim(fixture);
  const response = await fetch(`${address}/runs/${run}/events`, { headers: await fixture.as('an') });
  const text = response.text();
  await closing.close();
  expect(await text).toContain('event: run.started');
});
