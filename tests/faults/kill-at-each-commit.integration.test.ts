/**
 * kill -9 of a worker or an API at each event of a run's log: with the event written and not committed, and with it
 * committed and nobody told. Two workers and two APIs share the runs, and the one that is hit comes back. Short here: three
 * places, once. `npm run test:faults -- --times 20` does each of them on both sides 20 times.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStore } from '../../prisma/open.ts';
import type { EventType } from '../../prisma/run-log.ts';
import type { System } from '../system/stack-fixture.ts';
import { startSystem } from '../system/stack-fixture.ts';
import type { CommitPoints, Side } from './commit-points.ts';
import { createCommitPoints, tellEvents } from './commit-points.ts';
import type { Purchase, Purchases } from './purchases.ts';
import { lossesOf, openPurchases } from './purchases.ts';

const times = Number(process.env.WAYMARK_FAULT_TIMES ?? 0);
const runsAtOnce = 3;
/** Asked to change it, approved, paid, accepted, paid: every kind of commit there is in a run that goes well. */
const course = 1;

/** The places of the short form, by the first event of the type. */
const inShort: [type: EventType, side: Side][] = [
  ['gate.decided', 'after'],
  ['effect.intended', 'after'],
  ['effect.settled', 'before'],
];

let system: System;
let points: CommitPoints;
let purchases: Purchases;
let store: Awaited<ReturnType<typeof openStore>>;
/** Of an undisturbed run. */
let events: string[];

beforeAll(async () => {
  points = createCommitPoints();
  system = await startSystem({ copies: 2, wayTo: points.wayTo });
  await tellEvents(system.database.ownerUrl);
  store = await openStore({ url: system.database.apiUrl, role: 'api' });
  purchases = await openPurchases(system);
  const undisturbed = await purchases.buy('undisturbed-of', course);
  expect(await lossesOf(system, store, undisturbed)).toEqual([]);
  const log = await store.actAs({ tenant: 'acme', user: 'reader' }, (tx) =>
    tx.runEvent.findMany({ where: { runId: undisturbed.run }, orderBy: { seq: 'asc' }, select: { type: true } }),
  );
  events = log.map(({ type }) => type);
});
afterAll(async () => {
  await store?.close();
  await system?.close();
  points?.close();
});

/** Kills whoever first commits event `seq` of new runs, and starts it again. The runs may still be under way. */
async function killAt(seq: number, side: Side, name: string): Promise<Promise<Purchase>[]> {
  const held = points.holdAt(seq, side);
  const buying = Array.from({ length: runsAtOnce }, (_, index) => purchases.buy(`${name}-${index}-of`, course));
  const reached = await Promise.race([held, Promise.all(buying).then(() => undefined)]);
  if (reached === undefined) throw new Error(`No run has come to event ${seq}, expected it to be written as before`);
  const where = { runId: reached.run, seq };
  const written = await store.actAs({ tenant: 'acme', user: 'reader' }, (tx) => tx.runEvent.count({ where }));
  expect(written, `event ${seq} as it is ${side} its commit`).toBe(side === 'after' ? 1 : 0);
  const hit = [...system.workers, ...system.apis].find(({ name: process }) => process === reached.name);
  await hit?.kill();
  await hit?.start();
  return buying;
}

test('a run of 30 events and more, cut off on either side of any commit, ends as it would have', async ({ task }) => {
  expect(events.length).toBeGreaterThanOrEqual(30);
  const everywhere = events.flatMap((_, index): [number, Side][] => [
    [index + 1, 'before'],
    [index + 1, 'after'],
  ]);
  const places =
    times > 0 ? everywhere : inShort.map(([type, side]): [number, Side] => [events.indexOf(type) + 1, side]);
  const lost: string[] = [];
  const counting: Promise<void>[] = [];
  for (let round = 0; round < Math.max(times, 1); round += 1) {
    for (const [seq, side] of places) {
      const buying = await killAt(seq, side, `${side}-${seq}-${round}`);
      // The next is killed while these recover, which may be hit by it as well.
      const counted = Promise.all(buying).then(async (bought) => {
        for (const one of bought) {
          const losses = await lossesOf(system, store, one);
          lost.push(...losses.map((what) => `${side} the commit of ${events[seq - 1]} (${seq}): ${what}`));
        }
      });
      counting.push(counted);
    }
  }
  await Promise.all(counting);
  Object.assign(task.meta, { tried: counting.length * runsAtOnce, lost: lost.length });
  expect(lost).toEqual([]);
}, 7_200_000);
