/** What a person is told: by page, with how much is unread, and as a stream over real HTTP. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { notify } from '../../../prisma/notifications.ts';
import type { Store } from '../../../prisma/open.ts';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import { openApiFixture } from '../../testing/api-fixture.ts';

let fixture: ApiFixture;
let address: string;
beforeAll(async () => {
  fixture = await openApiFixture();
  address = await fixture.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => fixture.close());

/** Tells the person of a gate, whose id says which notification it is. */
const tell = (user: string, gate: string, store: Store = fixture.store) =>
  store.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
    notify(tx, 'acme', [
      { user, kind: 'gate-opened', address: `/gates/${gate}`, body: { gate }, sourceKey: `gate-opened:${gate}` },
    ]),
  );
const ask = async (method: 'GET' | 'POST', url: string, user: string, payload?: object) =>
  fixture.app.inject({ method, url, headers: await fixture.as(user), ...(payload ? { payload } : {}) });

interface Told {
  seq: number;
  event: string;
  gate: string;
}

/** A stream as a client sees it: `next(n)` waits for n events more. */
async function open(user: string, after?: number) {
  const ending = new AbortController();
  const response = await fetch(`${address}/notifications/stream`, {
    headers: { ...(await fixture.as(user)), ...(after === undefined ? {} : { 'last-event-id': String(after) }) },
    signal: ending.signal,
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    response,
    async next(count: number): Promise<Told[]> {
      const told: Told[] = [];
      while (told.length < count) {
        const end = text.indexOf('\n\n');
        if (end < 0) {
          const { value, done } = (await reader?.read()) ?? { done: true };
          if (done) throw new Error('the stream has ended');
          text += value;
          continue;
        }
        const lines = text.slice(0, end).split('\n');
        text = text.slice(end + 2);
        const of = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? '';
        if (of('id') === '') continue;
        told.push({ seq: Number(of('id')), event: of('event'), gate: JSON.parse(of('data')).about.gate });
      }
      return told;
    },
    close: () => ending.abort(),
  };
}

describe('as a stream', () => {
  test('everything comes once and in order: what was told before, what is told now, and after the last id the rest', async () => {
    await tell('mai', 'g1');
    const stream = await open('mai');
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(await stream.next(1)).toEqual([{ seq: 1, event: 'gate-opened', gate: 'g1' }]);
    await tell('mai', 'g2');
    await tell('mai', 'g2');
    await tell('mai', 'g3', fixture.worker);
    expect(await stream.next(2)).toEqual([
      { seq: 2, event: 'gate-opened', gate: 'g2' },
      { seq: 3, event: 'gate-opened', gate: 'g3' },
    ]);
    stream.close();
    const again = await open('mai', 1);
    expect((await again.next(2)).map(({ gate }) => gate)).toEqual(['g2', 'g3']);
    again.close();
  });

  test('nobody sees what another is told', async () => {
    const stream = await open('minh');
    await tell('olga', 'not-for-minh');
    await tell('minh', 'for-minh');
    expect(await stream.next(1)).toEqual([{ seq: 1, event: 'gate-opened', gate: 'for-minh' }]);
    stream.close();
  });

  test('what is committed late comes late, and is not passed over', async () => {
    const stream = await open('bo');
    let commit: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      commit = resolve;
    });
    let written: () => void = () => {};
    const isWritten = new Promise<void>((resolve) => {
      written = resolve;
    });
    const late = fixture.worker.actAs({ tenant: 'acme', user: 'an' }, async (tx) => {
      const told = { user: 'bo', kind: 'stale', address: '/gates/late', sourceKey: 'late' } as const;
      await notify(tx, 'acme', [{ ...told, body: { gate: 'late' } }]);
      written();
      await held;
    });
    await isWritten;
    await tell('bo', 'early');
    expect(await stream.next(1)).toEqual([{ seq: 1, event: 'gate-opened', gate: 'early' }]);
    commit();
    await late;
    expect(await stream.next(1)).toEqual([{ seq: 2, event: 'stale', gate: 'late' }]);
    stream.close();
  });

  test('a list says where the stream goes on from it', async () => {
    await tell('ada', 'listed');
    const list = (await ask('GET', '/notifications?limit=1', 'ada')).json();
    expect(list).toMatchObject({ items: [{ about: { gate: 'listed' } }], streamAfter: 1 });
    const stream = await open('ada', list.streamAfter);
    await tell('ada', 'after');
    expect(await stream.next(1)).toEqual([{ seq: 2, event: 'gate-opened', gate: 'after' }]);
    stream.close();
    const { next } = (await ask('GET', '/notifications?limit=1', 'ada')).json();
    const older = (await ask('GET', `/notifications?limit=1&cursor=${next}`, 'ada')).json();
    expect(older.streamAfter).toBeUndefined();
  });

  test('several streams of one person give each notification the same number', async () => {
    const streams = await Promise.all(Array.from({ length: 4 }, () => open('an')));
    await Promise.all(Array.from({ length: 25 }, (_, index) => tell('an', `many-${index}`)));
    const [first, ...others] = await Promise.all(streams.map((stream) => stream.next(25)));
    expect(first?.map(({ seq }) => seq)).toEqual(Array.from({ length: 25 }, (_, index) => index + 1));
    for (const other of others) expect(other).toEqual(first);
    for (const stream of streams) stream.close();
  });

  test('an id that no notification can have is after all of them', async () => {
    const stream = await open('ada', 2 ** 40);
    expect(stream.response.status).toBe(200);
    stream.close();
    const wrong = await fetch(`${address}/notifications/stream`, {
      headers: { ...(await fixture.as('ada')), 'last-event-id': 'x' },
    });
    expect(wrong.status).toBe(400);
  });
});

describe('by page', () => {
  test('it says how much is unread, whatever the page shows; marking is done once, one by one or up to one', async () => {
    for (const gate of ['r1', 'r2', 'r3', 'r4']) await tell('olga', gate);
    const list = async (query = '') => (await ask('GET', `/notifications${query}`, 'olga')).json();
    const before = (await list('?unread=true')).unread;
    const page = await list('?limit=2');
    expect(page.items.map(({ about }: { about: { gate: string } }) => about.gate)).toEqual(['r4', 'r3']);
    expect(page.unread).toBe(before);
    const [{ id: newest }, { id: third }] = page.items;
    const read = (await ask('POST', `/notifications/${newest}/read`, 'olga', {})).json();
    expect(read.readAt).toMatch(/^\d{4}-/);
    expect((await ask('POST', `/notifications/${newest}/read`, 'olga', {})).json().readAt).toBe(read.readAt);
    await tell('olga', 'r5');
    expect((await list()).unread).toBe(before);
    expect((await ask('POST', '/notifications/read', 'olga', { until: third })).json()).toEqual({ marked: before - 1 });
    const unread = await list('?unread=true');
    expect(unread.items.map(({ address: to }: { address: string }) => to)).toEqual(['/gates/r5']);
    expect(unread.unread).toBe(1);
    expect((await ask('POST', '/notifications/read', 'olga', {})).json()).toEqual({ marked: 1 });
    expect((await list()).unread).toBe(0);
  });

  test('nobody marks what another was told', async () => {
    await tell('minh', 'theirs');
    const [{ id }] = (await ask('GET', '/notifications?limit=1', 'minh')).json().items;
    expect((await ask('POST', `/notifications/${id}/read`, 'ada', {})).statusCode).toBe(404);
    expect((await ask('POST', '/notifications/read', 'ada', { until: id })).statusCode).toBe(404);
    expect((await ask('POST', '/notifications/read', 'ada', {})).statusCode).toBe(200);
    expect((await ask('GET', '/notifications?limit=1', 'minh')).json().items[0].readAt).toBeUndefined();
    expect((await ask('POST', `/notifications/${randomUUID()}/read`, 'minh', {})).statusCode).toBe(404);
  });
});
