/** Webhooks from a notification to a receiver over real HTTP, through real relays. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { NewNotification } from '../../prisma/notifications.ts';
import { notificationKinds, notify } from '../../prisma/notifications.ts';
import type { Store } from '../../prisma/open.ts';
import type { ApiFixture } from '../testing/api-fixture.ts';
import { eventually, openApiFixture } from '../testing/api-fixture.ts';
import type { Received, WebhookReceiver } from '../testing/webhook-receiver.ts';
import { openWebhookReceiver } from '../testing/webhook-receiver.ts';

let fixture: ApiFixture;
let second: FastifyInstance;
let receiver: WebhookReceiver;
beforeAll(async () => {
  fixture = await openApiFixture({
    credentialKey: Buffer.alloc(32, 1),
    webhookReach: { loopback: true },
    // Longer than a test may last: what hangs hangs until its test is over.
    webhookTimes: { everyMs: 20, timeoutMs: 200_000, leaseMs: 400_000, pausesMs: [10, 20, 30] },
  });
  second = await fixture.secondApp();
  await second.ready();
});
afterAll(() => fixture.close());
beforeEach(async () => {
  receiver = await openWebhookReceiver();
});
afterEach(async () => {
  for (const { id } of (await ask('GET', '/admin/webhooks')).json().items) await ask('DELETE', `/admin/webhooks/${id}`);
  await receiver.close();
});

const ask = async (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, payload?: object, user = 'ada') =>
  fixture.app.inject({
    method,
    url,
    headers: await fixture.as(user, randomUUID()),
    ...(payload === undefined ? {} : { payload }),
  });

interface Added {
  id: string;
  secret: string;
  path: string;
}

/** A webhook to a path of its own. */
async function add(more: object = {}): Promise<Added> {
  const path = `/${randomUUID()}`;
  const response = await ask('POST', '/admin/webhooks', { url: `${receiver.url}${path}`, ...more });
  expect(response.statusCode).toBe(201);
  return { ...response.json(), path };
}

/** Tells Mai of a gate; gives the notification's id. */
async function tell(more: Partial<NewNotification> = {}, store: Store = fixture.store): Promise<string> {
  const sourceKey = randomUUID();
  const told = { user: 'mai', kind: 'gate-opened', address: '/gates/g1', body: { gate: 'g1' }, sourceKey } as const;
  await store.actAs({ tenant: 'acme', user: 'an' }, (tx) => notify(tx, 'acme', [{ ...told, ...more }]));
  const where = { sourceKey: more.sourceKey ?? sourceKey };
  const row = await fixture.store.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
    tx.notification.findFirstOrThrow({ where }),
  );
  return row.id;
}

const at = (path: string): Received[] => receiver.received.filter((one) => one.path === path);
const deliveriesOf = async ({ id }: Added, query = '') =>
  (await ask('GET', `/admin/webhooks/${id}/deliveries${query}`)).json().items;

/** The deliveries of the webhook once all of them are settled so. */
const settled = (webhook: Added, state: 'delivered' | 'dead', count = 1) =>
  eventually(async () => {
    const all = await deliveriesOf(webhook, '?limit=100');
    return all.length === count && all.every((one: { state: string }) => one.state === state) ? all : undefined;
  });

describe('sending', () => {
  test('what is told is sent once to each webhook that wants the kind: ids, signed, and nothing else', async () => {
    const [one, two] = [await add(), await add({ kinds: ['gate-opened', 'stale'] })];
    const other = await add({ kinds: ['shared'] });
    const notification = await tell();
    for (const webhook of [one, two]) {
      const [delivery] = await settled(webhook, 'delivered');
      const [request, ...more] = at(webhook.path);
      expect(more).toEqual([]);
      expect(delivery).toMatchObject({
        id: request!.headers['webhook-id'],
        notification,
        attempts: 1,
        lastStatus: 204,
      });
      expect(request!.headers['content-type']).toBe('application/json');
      expect(new Webhook(webhook.secret).verify(request!.body, request!.headers)).toEqual({
        type: 'notification.gate-opened',
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        data: {
          id: notification,
          kind: 'gate-opened',
          address: '/gates/g1',
          about: { gate: 'g1' },
          tenant: 'acme',
          person: 'mai',
        },
      });
    }
    expect(await deliveriesOf(other)).toEqual([]);
  });

  test('what the worker tells is sent too, told twice it is sent once, and what was rolled back is not', async () => {
    const webhook = await add();
    const sourceKey = randomUUID();
    await tell({ sourceKey }, fixture.worker);
    await tell({ sourceKey });
    const undone = fixture.store.actAs({ tenant: 'acme', user: 'an' }, async (tx) => {
      const told = { kind: 'stale', address: '/gates/g2', body: {}, sourceKey: randomUUID() } as const;
      await notify(tx, 'acme', [{ user: 'mai', ...told }]);
      throw new Error('rolled back');
    });
    await expect(undone).rejects.toThrow('rolled back');
    await settled(webhook, 'delivered');
    expect(at(webhook.path)).toHaveLength(1);
  });

  test('the signature covers id, time and body: whatever is changed, the library refuses it', async () => {
    const webhook = await add();
    await tell();
    await settled(webhook, 'delivered');
    const [{ headers, body }] = at(webhook.path) as [Received];
    const check =
      (changed: Record<string, string>, text = body, secret = webhook.secret) =>
      () =>
        new Webhook(secret).verify(text, { ...headers, ...changed });
    expect(check({})).not.toThrow();
    const later = String(Number(headers['webhook-timestamp']) + 1);
    for (const tampered of [
      check({}, body.replace('"mai"', '"bo"')),
      check({ 'webhook-id': 'msg_other' }),
      check({ 'webhook-timestamp': later }),
      check({}, body, (await add()).secret),
    ]) {
      expect(tampered).toThrow(WebhookVerificationError);
    }
  });

  test('after a rotation both secrets verify what is sent, and a later one pushes the first out', async () => {
    const webhook = await add();
    const rotate = async () => (await ask('POST', `/admin/webhooks/${webhook.id}/rotate`, {})).json().secret as string;
    const next = await rotate();
    await tell();
    await settled(webhook, 'delivered');
    const [{ headers, body }] = at(webhook.path) as [Received];
    for (const secret of [webhook.secret, next]) expect(() => new Webhook(secret).verify(body, headers)).not.toThrow();
    await rotate();
    await tell();
    await settled(webhook, 'delivered', 2);
    const latest = at(webhook.path)[1] as Received;
    expect(() => new Webhook(next).verify(latest.body, latest.headers)).not.toThrow();
    expect(() => new Webhook(webhook.secret).verify(latest.body, latest.headers)).toThrow(WebhookVerificationError);
  });

  test('a redirect is followed nowhere, and is no success', async () => {
    const aside = await openWebhookReceiver();
    receiver.answer = () => ({ status: 307, headers: { location: `${aside.url}/aside` } });
    const webhook = await add();
    await tell();
    expect(await settled(webhook, 'dead')).toMatchObject([{ attempts: 4, lastStatus: 307 }]);
    expect(aside.received).toEqual([]);
    await aside.close();
  });
});

describe('trying again', () => {
  test('a delivery that fails is sent again under the same id until it is taken', async () => {
    receiver.answer = (_one, before) => [500, 429, 204][before.length] ?? 500;
    const webhook = await add();
    await tell();
    expect(await settled(webhook, 'delivered')).toMatchObject([{ attempts: 3, lastStatus: 204 }]);
    expect(new Set(at(webhook.path).map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(at(webhook.path).map(({ body }) => body)).size).toBe(1);
    const [shown] = (await ask('GET', '/admin/webhooks')).json().items;
    expect(shown.failingSince).toBeUndefined();
  });

  test('after the last try it is dead, which the admin sees; sent again by them it is new under the same id', async () => {
    receiver.answer = () => 503;
    const webhook = await add();
    await tell();
    const [dead] = await settled(webhook, 'dead');
    expect(dead).toMatchObject({ attempts: 4, lastStatus: 503, kind: 'gate-opened' });
    expect((await ask('GET', '/admin/webhooks')).json().items[0].failingSince).toMatch(/^\d{4}-/);
    receiver.answer = () => 200;
    const resend = await ask('POST', `/admin/webhooks/${webhook.id}/deliveries/${dead.id}/resend`, {});
    expect(resend.json()).toMatchObject({ id: dead.id, state: 'pending' });
    expect(await settled(webhook, 'delivered')).toMatchObject([{ id: dead.id, attempts: 1, lastStatus: 200 }]);
    expect(new Set(at(webhook.path).map(({ headers }) => headers['webhook-id']))).toEqual(new Set([dead.id]));
  });

  test('nobody there is a failure with its code', async () => {
    const gone = await openWebhookReceiver();
    const webhook = await add({ url: gone.url });
    await gone.close();
    await tell();
    expect(await settled(webhook, 'dead')).toMatchObject([{ attempts: 4, lastFailure: 'ECONNREFUSED' }]);
  });

  test('410 disables the webhook: nothing more is sent there until an admin enables it', async () => {
    receiver.answer = () => 410;
    const webhook = await add();
    await tell();
    const [dead] = await settled(webhook, 'dead');
    expect(dead).toMatchObject({ attempts: 1, lastStatus: 410 });
    const shown = async () => (await ask('GET', '/admin/webhooks')).json().items[0];
    expect(await shown()).toMatchObject({ enabled: false, disabledWhy: 'gone' });
    await tell();
    expect(await deliveriesOf(webhook)).toHaveLength(1);
    receiver.answer = () => 204;
    await ask('PATCH', `/admin/webhooks/${webhook.id}`, { enabled: true });
    expect(await shown()).toMatchObject({ enabled: true });
    await tell();
    await eventually(async () => ((await deliveriesOf(webhook, '?state=delivered')).length === 1 ? true : undefined));
  });

  test('a receiver that asks to be left alone is; what waits for a disabled webhook goes on when it is enabled', async () => {
    receiver.answer = () => ({ status: 503, headers: { 'retry-after': '3600' } });
    const webhook = await add();
    await tell();
    const waiting = await eventually(async () => {
      const [one] = await deliveriesOf(webhook);
      return one?.lastStatus === 503 ? one : undefined;
    });
    expect(waiting).toMatchObject({ state: 'pending', attempts: 1 });
    expect(Date.parse(waiting.nextAt) - Date.parse(waiting.lastAt)).toBeGreaterThanOrEqual(3_599_000);
    await ask('PATCH', `/admin/webhooks/${webhook.id}`, { enabled: false });
    await ask('POST', `/admin/webhooks/${webhook.id}/deliveries/${waiting.id}/resend`, {});
    receiver.answer = () => 204;
    const other = await add();
    await tell();
    await settled(other, 'delivered');
    expect(at(webhook.path)).toHaveLength(1);
    await ask('PATCH', `/admin/webhooks/${webhook.id}`, { enabled: true });
    expect(await settled(webhook, 'delivered')).toMatchObject([{ id: waiting.id, attempts: 1 }]);
  });
});

describe('several at once', () => {
  test('two relays send each of 60 deliveries once, and none of them at the same time', async () => {
    receiver.answer = () => new Promise((resolve) => setImmediate(() => resolve(204)));
    const webhooks = [await add(), await add(), await add()];
    await Promise.all(Array.from({ length: 20 }, () => tell()));
    for (const webhook of webhooks) {
      const all = await settled(webhook, 'delivered', 20);
      const ids = at(webhook.path).map(({ headers }) => headers['webhook-id']);
      expect(ids.sort()).toEqual(all.map(({ id }: { id: string }) => id).sort());
      expect(all.every(({ attempts }: { attempts: number }) => attempts === 1)).toBe(true);
    }
    expect(receiver.overlapping).toEqual([]);
  });

  test('a receiver that hangs, and one that fails, hold up nobody else', async () => {
    const [hanging, failing, sound] = [await add(), await add(), await add()];
    receiver.answer = ({ path }) => (path === hanging.path ? 'hang' : path === failing.path ? 500 : 204);
    await Promise.all(Array.from({ length: 30 }, () => tell()));
    await settled(sound, 'delivered', 30);
    expect(at(sound.path)).toHaveLength(30);
    // Of the one that hangs only what is under way has been asked for.
    expect(at(hanging.path).length).toBeLessThanOrEqual(16);
  });
});

describe('administration', () => {
  test('the secret is shown where it is made and nowhere else, and is kept sealed', async () => {
    const headers = await fixture.as('ada', 'one-webhook');
    const payload = { url: `${receiver.url}/once` };
    const post = () => fixture.app.inject({ method: 'POST', url: '/admin/webhooks', headers, payload });
    const first = (await post()).json();
    const { secret, ...rest } = first;
    expect(secret).toMatch(/^whsec_[\w+/]{43}=$/);
    expect(rest).toEqual({
      id: expect.any(String),
      url: payload.url,
      kinds: [...notificationKinds],
      enabled: true,
      createdBy: 'ada',
      createdAt: expect.any(String),
    });
    expect((await post()).json()).toEqual(rest);
    const kept = await fixture.store.actAs({ tenant: 'acme', user: 'ada' }, (tx) => tx.webhook.findMany());
    const places = [JSON.stringify(kept), (await ask('GET', '/admin/webhooks')).body, fixture.lines.join('')];
    for (const place of places) expect(place).not.toContain(secret.slice(6));
    const events = (await ask('GET', '/admin/events?limit=100')).json().items;
    expect(events.filter(({ subject }: { subject: string }) => subject === first.id)).toMatchObject([
      { what: 'webhook.added', actor: 'ada', detail: { kinds: [...notificationKinds] } },
    ]);
    expect(JSON.stringify(events)).not.toContain(receiver.url);
  });

  test('only addresses that webhooks may lead to are taken', async () => {
    for (const url of ['http://example.com/', 'https://10.0.0.1/', 'https://a:b@example.com/', 'ftp://example.com/']) {
      const response = await ask('POST', '/admin/webhooks', { url });
      expect([url, response.statusCode, response.json().errors?.[0]?.at]).toEqual([url, 400, '/url']);
    }
  });

  test('a removed webhook is not there, and what waits is not sent', async () => {
    const webhook = await add();
    await ask('PATCH', `/admin/webhooks/${webhook.id}`, { kinds: ['stale'] });
    await tell();
    expect(await deliveriesOf(webhook)).toEqual([]);
    expect((await ask('DELETE', `/admin/webhooks/${webhook.id}`)).json()).toEqual({ id: webhook.id, removed: true });
    await tell({ kind: 'stale' });
    expect((await ask('GET', `/admin/webhooks/${webhook.id}/deliveries`)).statusCode).toBe(404);
    expect((await ask('DELETE', `/admin/webhooks/${webhook.id}`)).statusCode).toBe(404);
    const made = await fixture.store.actAs({ tenant: 'acme', user: 'ada' }, (tx) =>
      tx.webhookDelivery.count({ where: { webhookId: webhook.id } }),
    );
    expect(made).toBe(0);
  });

  test('what waits for a webhook when it is removed is given up, and what is being sent just then', async () => {
    const webhook = await add({ kinds: ['stale'] });
    const later = { status: 503, headers: { 'retry-after': '3600' } };
    const left = () =>
      fixture.store.actAs({ tenant: 'acme', user: 'ada' }, async (tx) => {
        const rows = await tx.webhookDelivery.findMany({ where: { webhookId: webhook.id } });
        return rows.map(({ state, lastFailure }) => [state, lastFailure]);
      });
    receiver.answer = () => later;
    await tell({ kind: 'stale' });
    await eventually(async () => (await deliveriesOf(webhook))[0]?.lastStatus === 503 || undefined);
    receiver.answer = async () => {
      await ask('DELETE', `/admin/webhooks/${webhook.id}`);
      return later;
    };
    const { items } = (await ask('GET', `/admin/webhooks/${webhook.id}/deliveries`)).json();
    await ask('POST', `/admin/webhooks/${webhook.id}/deliveries/${items[0].id}/resend`, {});
    await tell({ kind: 'stale' });
    const givenUp = Array(2).fill(['dead', 'webhook-removed']);
    await eventually(async () => JSON.stringify(await left()) === JSON.stringify(givenUp) || undefined);
    // What the attempt under way came to changes nothing.
    await delay(200);
    expect(await left()).toEqual(givenUp);
  });

  test('a tenant has at most 20', async () => {
    for (let count = 0; count < 20; count += 1) await add({ kinds: ['stale'] });
    const response = await ask('POST', '/admin/webhooks', { url: receiver.url });
    expect([response.statusCode, response.json().detail]).toEqual([
      403,
      'A tenant has at most 20 webhooks: remove one first.',
    ]);
  });

  test('another tenant’s admin sees none of it, changes none of it, and is sent none of it', async () => {
    const webhook = await add();
    await tell();
    const [delivery] = await settled(webhook, 'delivered');
    await fixture.store.actAs(
      { tenant: 'globex', user: 'gus' },
      (tx) => tx.$executeRaw`SELECT set_memberships('gus', '{admin}', NULL)`,
    );
    const asGus = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, payload?: object) =>
      ask(method, `/admin/webhooks${url}`, payload, 'gus');
    expect((await asGus('GET', '')).json().items).toEqual([]);
    for (const [method, url, payload] of [
      ['GET', `/${webhook.id}/deliveries`],
      ['PATCH', `/${webhook.id}`, { enabled: false }],
      ['DELETE', `/${webhook.id}`],
      ['POST', `/${webhook.id}/rotate`, {}],
      ['POST', `/${webhook.id}/deliveries/${delivery.id}/resend`, {}],
    ] as const) {
      expect([method, url, (await asGus(method, url, payload)).statusCode]).toEqual([method, url, 404]);
    }
    const path = `/${randomUUID()}`;
    const theirs = (await asGus('POST', '', { url: `${receiver.url}${path}` })).json();
    await tell();
    await settled(webhook, 'delivered', 2);
    expect(at(path)).toEqual([]);
    await asGus('DELETE', `/${theirs.id}`);
  });
});
