/** Relays alone, against one store: what a lease is for, and what becomes of a delivery when its relay dies. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { notify } from '../../prisma/notifications.ts';
import { readDelivery, settleDelivery } from '../../prisma/webhook-deliveries.ts';
import type { WebhookRow } from '../../prisma/webhooks.ts';
import { addWebhook, newWebhookSecret, removeWebhook } from '../../prisma/webhooks.ts';
import type { ApiFixture } from '../testing/api-fixture.ts';
import { eventually, openApiFixture } from '../testing/api-fixture.ts';
import type { WebhookReceiver } from '../testing/webhook-receiver.ts';
import { openWebhookReceiver } from '../testing/webhook-receiver.ts';
import type { RelayProcess } from '../testing/webhook-relay-process.ts';
import { resolveWithin } from './reach.ts';
import type { WebhookRelay, WebhookRelaySettings } from './webhook-relay.ts';
import { createWebhookRelay } from './webhook-relay.ts';

const key = Buffer.alloc(32, 7);
const ada = { tenant: 'acme', user: 'ada' };
const reach = { privateHosts: [], loopback: true };
const times = { everyMs: 20, pausesMs: [10, 10] };

let fixture: ApiFixture;
let receiver: WebhookReceiver;
let webhook: WebhookRow;
let relays: WebhookRelay[];
// Without a key, so that it has no relay of its own.
beforeAll(async () => {
  fixture = await openApiFixture();
});
afterAll(() => fixture.close());
beforeEach(async () => {
  relays = [];
  receiver = await openWebhookReceiver();
  webhook = await fixture.store.actAs(ada, async (tx) => {
    const added = await addWebhook(tx, key, ada, { url: receiver.url, kinds: ['stale'], secret: newWebhookSecret() });
    if (added === undefined) throw new Error('there are too many');
    return added;
  });
});
afterEach(async () => {
  for (const relay of relays) await relay.stop();
  await fixture.store.actAs(ada, (tx) => removeWebhook(tx, webhook));
  await receiver.close();
});

const tell = () =>
  fixture.store.actAs(ada, (tx) =>
    notify(tx, 'acme', [
      { user: 'mai', kind: 'stale', address: '/gates/g1', body: { gate: 'g1' }, sourceKey: randomUUID() },
    ]),
  );
const deliveries = () =>
  fixture.store.actAs(ada, (tx) => tx.webhookDelivery.findMany({ where: { webhookId: webhook.id } }));
const take = () => fixture.store.before.dueDeliveries({ limit: 10, each: 10, busy: [], leaseMs: 60_000 });
/** As time does. */
const endLeases = () =>
  fixture.store.actAs(ada, (tx) =>
    tx.webhookDelivery.updateMany({ where: { webhookId: webhook.id }, data: { leasedUntil: new Date(0) } }),
  );

function startRelay(more: Partial<WebhookRelaySettings> = {}): WebhookRelay {
  const relay = createWebhookRelay({
    store: fixture.store,
    key,
    reach,
    resolve: resolveWithin(reach),
    log: { notDelivered: () => undefined, deliveryFailed: (error) => Promise.reject(error) },
    times,
    ...more,
  });
  relays.push(relay);
  relay.start();
  return relay;
}
const delivered = () =>
  eventually(async () => {
    const all = await deliveries();
    return all.every(({ state }) => state === 'delivered') ? all : undefined;
  });

test('what a relay was killed over is nobody’s until its lease ends, and then sent again under the same id', async () => {
  receiver.answer = () => 'hang';
  await tell();
  const settings: RelayProcess = {
    databaseUrl: fixture.database.apiUrl,
    key: key.toString('base64'),
    times: { ...times, timeoutMs: 60_000, leaseMs: 120_000 },
  };
  const file = fileURLToPath(new URL('../testing/webhook-relay-process.ts', import.meta.url));
  const child = spawn(process.execPath, [file, JSON.stringify(settings)], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  while (receiver.received.length === 0) {
    expect(child.exitCode).toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  child.kill('SIGKILL');
  await ended;
  expect(await deliveries()).toMatchObject([{ state: 'pending', attempts: 1, lastAt: null }]);
  expect(await take()).toEqual([]);

  receiver.answer = () => 204;
  await endLeases();
  startRelay();
  expect(await delivered()).toMatchObject([{ attempts: 2, lastStatus: 204 }]);
  const [first, second] = receiver.received.map(({ headers, body }) => [headers['webhook-id'], body]);
  expect(second).toEqual(first);
  expect(receiver.received).toHaveLength(2);
});

test('a delivery is handed to one of many callers, and again only when its lease has ended', async () => {
  await Promise.all(Array.from({ length: 12 }, tell));
  const taken = (await Promise.all(Array.from({ length: 8 }, take))).flat();
  expect(new Set(taken.map(({ id }) => id)).size).toBe(12);
  expect(taken).toHaveLength(12);
  expect(await take()).toEqual([]);
  await endLeases();
  expect((await take()).map(({ fence }) => fence)).toEqual([2, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
});

test('an attempt that lost its lease settles nothing of what another has now', async () => {
  await tell();
  const [lost] = await take();
  await endLeases();
  const [held] = await take();
  const settle = (due: NonNullable<typeof lost>, status: number) =>
    fixture.store.actAs(ada, (tx) => settleDelivery(tx, due, { status }, { is: 'delivered' }));
  expect(await fixture.store.actAs(ada, (tx) => readDelivery(tx, lost!))).toBeUndefined();
  expect(await settle(lost!, 200)).toBe(false);
  expect(await deliveries()).toMatchObject([{ state: 'pending', attempts: 2, lastStatus: null }]);
  expect(await settle(held!, 201)).toBe(true);
  expect(await deliveries()).toMatchObject([{ state: 'delivered', lastStatus: 201 }]);
});

test('of a webhook that is failing one delivery is handed out at a time, and none of one that is busy', async () => {
  await Promise.all(Array.from({ length: 4 }, tell));
  await fixture.store.actAs(ada, (tx) =>
    tx.webhook.updateMany({ where: { id: webhook.id }, data: { failingSince: new Date() } }),
  );
  const busy = { limit: 10, each: 10, busy: [webhook.id], leaseMs: 60_000 };
  expect(await fixture.store.before.dueDeliveries(busy)).toEqual([]);
  expect(await take()).toHaveLength(1);
});

test('a relay that stops gives back what hangs: it counts for nothing, and another sends it', async () => {
  receiver.answer = () => 'hang';
  await tell();
  const relay = startRelay();
  await eventually(() => receiver.received[0]);
  await relay.stop();
  expect(await deliveries()).toMatchObject([{ state: 'pending', attempts: 0, lastAt: null, leasedUntil: null }]);
  const row = await fixture.store.actAs(ada, (tx) => tx.webhook.findFirstOrThrow({ where: { id: webhook.id } }));
  expect(row.failingSince).toBeNull();
  receiver.answer = () => 204;
  startRelay();
  expect(await delivered()).toMatchObject([{ attempts: 1 }]);
  const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
  expect([ids.length, new Set(ids).size]).toEqual([2, 1]);
});

test('a receiver that does not answer in time is a failure that is tried again', async () => {
  receiver.answer = (_one, before) => (before.length === 0 ? 'hang' : 204);
  await tell();
  const failures: unknown[] = [];
  startRelay({
    times: { ...times, timeoutMs: 200, pausesMs: Array.from({ length: 50 }, () => 10) },
    log: {
      notDelivered: ({ failure, is }) => failures.push([failure, is]),
      deliveryFailed: (error) => Promise.reject(error),
    },
  });
  await delivered();
  expect(failures[0]).toEqual(['timeout', 'again']);
});

test('a secret that was sealed under another key sends nothing and says so', async () => {
  await tell();
  startRelay({ key: Buffer.alloc(32, 8) });
  const [dead] = await eventually(async () => {
    const all = await deliveries();
    return all[0]?.state === 'dead' ? all : undefined;
  });
  expect(dead).toMatchObject({ attempts: 3, lastFailure: 'secret-sealed-otherwise' });
  expect(receiver.received).toEqual([]);
});

test('a lease that is no longer than an attempt may take is refused', () => {
  expect(() => startRelay({ times: { timeoutMs: 10_000, leaseMs: 10_000 } })).toThrow(
    'A lease must be longer than an attempt may take.',
  );
});
