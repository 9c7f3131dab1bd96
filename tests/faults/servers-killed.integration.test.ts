/**
 * kill -9 of PostgreSQL, and of the Temporal server, at moments of chance while purchases are made: asked, decided, paid.
 * Short here: one kill
 * each. `npm run test:faults -- --times 20` makes 60.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStore } from '../../prisma/open.ts';
import type { System } from '../system/stack-fixture.ts';
import { startSystem } from '../system/stack-fixture.ts';
import type { KillableServer } from './killable-servers.ts';
import { startKillablePostgres, startKillableTemporal } from './killable-servers.ts';
import type { Purchases } from './purchases.ts';
import { keepBuying, lossesOf, openPurchases } from './purchases.ts';

const times = Number(process.env.WAYMARK_FAULT_TIMES ?? 0);
const kills = times > 0 ? times * 3 : 1;
const lanes = 4;

let postgres: Awaited<ReturnType<typeof startKillablePostgres>>;
let temporal: Awaited<ReturnType<typeof startKillableTemporal>>;
let system: System;
let purchases: Purchases;

beforeAll(async () => {
  [postgres, temporal] = await Promise.all([startKillablePostgres(), startKillableTemporal()]);
  system = await startSystem({ ownerUrl: postgres.ownerUrl, temporal });
  purchases = await openPurchases(system);
});
afterAll(async () => {
  await system?.close();
  await Promise.all([postgres?.close(), temporal?.close()]);
});

/** Each server is taken away while purchases are under way, and comes back after a while; people go on meanwhile. */
async function lostWhileKilled(name: string, servers: KillableServer[]): Promise<{ tried: number; lost: string[] }> {
  const buying = keepBuying(purchases, name, lanes);
  for (let kill = 0; kill < kills; kill += 1) {
    await delay(randomInt(200, 2500));
    await Promise.all(servers.map((server) => server.kill()));
    await delay(randomInt(0, 1500));
    await Promise.all(servers.map((server) => server.start()));
  }
  const bought = await buying.stop();
  const store = await openStore({ url: system.database.apiUrl, role: 'api' });
  try {
    const lost = await Promise.all(bought.map((one) => lossesOf(system, store, one)));
    return { tried: bought.length, lost: lost.flat() };
  } finally {
    await store.close();
  }
}

test('PostgreSQL, cut off again and again: nothing answered is lost, nothing is paid twice, every run ends as it would have', async ({
  task,
}) => {
  const { tried, lost } = await lostWhileKilled('no-postgres', [postgres]);
  Object.assign(task.meta, { tried, lost: lost.length });
  expect(lost).toEqual([]);
}, 7_200_000);

test('the Temporal server, cut off again and again, and decisions taken meanwhile: the same', async ({ task }) => {
  const { tried, lost } = await lostWhileKilled('no-temporal', [temporal]);
  Object.assign(task.meta, { tried, lost: lost.length });
  expect(lost).toEqual([]);
}, 7_200_000);

test('both of them at once: the same', async ({ task }) => {
  const { tried, lost } = await lostWhileKilled('no-servers', [postgres, temporal]);
  Object.assign(task.meta, { tried, lost: lost.length });
  expect(lost).toEqual([]);
}, 7_200_000);
