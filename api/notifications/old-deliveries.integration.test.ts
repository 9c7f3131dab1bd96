/** What was settled long ago is removed, by any API and by none of them twice; all else stays. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { notify } from '../../prisma/notifications.ts';
import { addWebhook, newWebhookSecret, resendDelivery } from '../../prisma/webhooks.ts';
import type { ApiFixture } from '../testing/api-fixture.ts';
import { eventually, openApiFixture } from '../testing/api-fixture.ts';
import { createOldDeliveries } from './old-deliveries.ts';

const key = Buffer.alloc(32, 9);
const ada = { tenant: 'acme', user: 'ada' };
const gus = { tenant: 'globex', user: 'gus' };
const day = 86_400_000;

let fixture: ApiFixture;
// Without a key, so that nothing is sent and nothing removed but by a test.
beforeAll(async () => {
  fixture = await openApiFixture();
  for (const actor of [ada, gus]) {
    const webhook = { url: 'https://hooks.example/', kinds: ['stale'], secret: newWebhookSecret() } as const;
    await fixture.store.actAs(actor, (tx) => addWebhook(tx, key, actor, webhook));
  }
});
afterAll(() => fixture.close());

/** Deliveries of as many notifications, settled so many days ago; gives the ids of the notifications. */
async function tellAll(
  count: number,
  { state, days }: { state: string; days: number },
  actor = ada,
): Promise<string[]> {
  const keys = Array.from({ length: count }, () => randomUUID());
  const told = { user: actor.user === 'ada' ? 'mai' : 'gus', kind: 'stale', address: '/gates/g', body: {} } as const;
  return fixture.store.actAs(actor, async (tx) => {
    await notify(
      tx,
      actor.tenant,
      keys.map((sourceKey) => ({ ...told, sourceKey })),
    );
    const made = await tx.notification.findMany({ where: { sourceKey: { in: keys } }, orderBy: { id: 'asc' } });
    const ids = made.map(({ id }) => id);
    const lastAt = new Date(Date.now() - days * day);
    await tx.webhookDelivery.updateMany({ where: { notificationId: { in: ids } }, data: { state, lastAt } });
    return ids;
  });
}

/** The notifications of those of them whose delivery is there. */
const kept = (ids: string[], actor = ada) =>
  fixture.store.actAs(actor, async (tx) => {
    const where = { notificationId: { in: ids } };
    const rows = await tx.webhookDelivery.findMany({ where, orderBy: { notificationId: 'asc' } });
    return rows.map(({ notificationId }) => notificationId);
  });

const removing = (more: object = {}) =>
  createOldDeliveries({
    store: fixture.store,
    log: { forgettingFailed: (error) => Promise.reject(error) },
    ...more,
  });

test('what was delivered or given up more than 30 days ago is removed, of every tenant, and its notification stays', async () => {
  const old = await tellAll(1, { state: 'delivered', days: 30.1 });
  const dead = await tellAll(1, { state: 'dead', days: 31 });
  const theirs = await tellAll(1, { state: 'delivered', days: 31 }, gus);
  const fresh = await tellAll(1, { state: 'delivered', days: 29.9 });
  const pending = await tellAll(1, { state: 'pending', days: 400 });
  const log = () => fixture.store.actAs(ada, (tx) => tx.adminEvent.count());
  const logged = await log();
  const loop = removing();
  loop.start();
  await eventually(async () => ((await kept(theirs, gus)).length === 0 ? true : undefined));
  await loop.stop();
  expect([await kept(old), await kept(dead)]).toEqual([[], []]);
  expect([await kept(fresh), await kept(pending)]).toEqual([fresh, pending]);
  const ids = [...old, ...dead];
  expect(await fixture.store.actAs(ada, (tx) => tx.notification.count({ where: { id: { in: ids } } }))).toBe(2);
  expect(await log()).toBe(logged);
});

test('the days are what was said', async () => {
  const [three, one] = [
    await tellAll(1, { state: 'delivered', days: 3 }),
    await tellAll(1, { state: 'delivered', days: 1 }),
  ];
  const loop = removing({ keptDays: 2 });
  loop.start();
  await eventually(async () => ((await kept(three)).length === 0 ? true : undefined));
  await loop.stop();
  expect(await kept(one)).toEqual(one);
});

test('one call removes no more than its limit, and many at once remove each once', async () => {
  const all = await tellAll(50, { state: 'delivered', days: 31 });
  expect(await fixture.store.before.forgetDeliveries(30, 7)).toBe(7);
  expect(await kept(all)).toHaveLength(43);
  const counts = await Promise.all(Array.from({ length: 8 }, () => fixture.store.before.forgetDeliveries(30, 50)));
  expect(counts.reduce((sum, count) => sum + count)).toBe(43);
  expect(await kept(all)).toEqual([]);
});

test('more than fit into one transaction are removed in one round', async () => {
  const all = await tellAll(1_200, { state: 'delivered', days: 31 });
  const loop = removing({ everyMs: 3_600_000 });
  loop.start();
  await eventually(async () => ((await kept(all)).length === 0 ? true : undefined));
  await loop.stop();
});

test('what an admin has sent again is not removed, though it was settled long ago', async () => {
  const ids = await tellAll(1, { state: 'dead', days: 31 });
  await fixture.store.actAs(ada, async (tx) => {
    const row = await tx.webhookDelivery.findFirstOrThrow({
      where: { notificationId: { in: ids } },
      include: { webhook: true },
    });
    await resendDelivery(tx, row.webhook, row.id);
  });
  expect(await fixture.store.before.forgetDeliveries(30, 50)).toBe(0);
  expect(await kept(ids)).toEqual(ids);
});

test('an API that sends webhooks removes old deliveries from when it is ready, after the days it was given', async () => {
  const old = await tellAll(1, { state: 'delivered', days: 6 });
  const fresh = await tellAll(1, { state: 'delivered', days: 4 });
  // Nothing is to be sent to where they lead.
  for (const actor of [ada, gus]) {
    const disabled = { disabledAt: new Date(), disabledWhy: 'admin' };
    await fixture.store.actAs(actor, (tx) => tx.webhook.updateMany({ data: disabled }));
  }
  const app = await fixture.secondApp({ credentialKey: key, webhookDeliveryDays: 5 });
  await app.ready();
  await eventually(async () => ((await kept(old)).length === 0 ? true : undefined));
  expect(await kept(fresh)).toEqual(fresh);
});
