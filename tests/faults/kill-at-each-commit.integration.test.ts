/**
 * kill -9 of a worker or an API at each event of a run's log: with the event written and not committed, and with it
 * committed and nobody told. Two workers and two APIs share the runs, and the one that is hit comes back. Short here: a few
 * places, once. `npm run test:faults -- --times 20` does each of them on both sides 20 times.
 */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { DevServer } from '../../dev/temporal.ts';
import { startTemporalDevServer } from '../../dev/temporal.ts';
import type { Store } from '../../prisma/open.ts';
import { openStore } from '../../prisma/open.ts';
import type { EventType } from '../../prisma/run-log.ts';
import { searchAttributes } from '../../workflows/messages.ts';
import type { System } from '../system/stack-fixture.ts';
import { startSystem } from '../system/stack-fixture.ts';
import type { CommitPoints, Place, Side } from './commit-points.ts';
import { createCommitPoints, tellEvents } from './commit-points.ts';
import { lossesOfDelivery, openDeliveries } from './deliveries.ts';
import { countInLog, logOf } from './log-losses.ts';
import { lossesOf, openPurchases } from './purchases.ts';

const times = Number(process.env.WAYMARK_FAULT_TIMES ?? 0);
const runsAtOnce = 3;
/** So many places' runs may recover while the next is cut off: more of them would keep each other from their ends. */
const recovering = 4;

interface Cut {
  place: Place;
  side: Side;
}

/** What a run does, and what must have become of it. */
interface Course {
  title: string;
  /** The events of a run are at least so many. */
  events: number;
  /** Its workflow goes on in a new execution when its history is so long; unsaid, when the server says by itself. */
  historyEvents?: number;
  inShort: Cut[];
  /** Of one that has ended: its id, and what it has lost. Never rejects. */
  open(system: System, store: Store): Promise<(name: string) => Promise<Ended>>;
}

interface Ended {
  run: string;
  lost(): Promise<string[]>;
}

const cut = (type: EventType, nth: number, side: Side): Cut => ({ place: { type, nth }, side });

const courses: Course[] = [
  {
    title: 'asked to change it, approved, paid, accepted, paid',
    events: 30,
    inShort: [cut('gate.decided', 1, 'after'), cut('effect.intended', 1, 'after'), cut('effect.settled', 1, 'before')],
    async open(system, store) {
      const purchases = await openPurchases(system);
      return async (name) => {
        const bought = await purchases.buy(name, 1);
        return { run: bought.run, lost: () => lossesOf(system, store, bought) };
      };
    },
  },
  {
    title: 'many paid side by side, one in place of another, one as approved, then cancelled and all taken back',
    events: 60,
    historyEvents: 40,
    // The fifth part, and the second that is taken back: eight are paid, and one is refused.
    inShort: [cut('effect.settled', 6, 'after'), cut('effect.intended', 11, 'after')],
    async open(system, store) {
      const deliveries = await openDeliveries(system);
      return async (name) => {
        const ordered = await deliveries.order(name);
        return { run: ordered.run, lost: () => lossesOfDelivery(system, store, ordered) };
      };
    },
  },
];

describe.each(courses)('$title', ({ events: atLeast, historyEvents, inShort, open }) => {
  let temporal: DevServer | undefined;
  let system: System;
  let points: CommitPoints;
  let store: Store;
  let go: (name: string) => Promise<Ended>;
  /** Each event of an undisturbed run. */
  let events: Place[];

  beforeAll(async () => {
    points = createCommitPoints();
    if (historyEvents !== undefined) temporal = await temporalThatGoesOnAfter(historyEvents);
    system = await startSystem({
      copies: 2,
      wayTo: points.wayTo,
      ...(temporal === undefined ? {} : { temporal }),
    });
    await tellEvents(system.database.ownerUrl);
    store = await openStore({ url: system.database.apiUrl, role: 'api' });
    go = await open(system, store);
    const undisturbed = await go('undisturbed-of');
    expect(await undisturbed.lost()).toEqual([]);
    const { log } = await logOf(store, undisturbed.run);
    const seen = new Map<string, number>();
    events = log.map(({ type }) => {
      const nth = (seen.get(type) ?? 0) + 1;
      seen.set(type, nth);
      return { type: type as EventType, nth };
    });
    if (historyEvents !== undefined) expect(await goesOnInNew(undisturbed.run)).toBe(true);
  });
  afterAll(async () => {
    await store?.close();
    await system?.close();
    points?.close();
    await temporal?.stop();
  });

  async function goesOnInNew(run: string): Promise<boolean> {
    const { workflowId } = await system.as('Mai Tran').run(run);
    const { events: history } = await system.temporal.workflow.getHandle(workflowId).fetchHistory();
    return Boolean(history?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId);
  }

  /** Kills whoever first commits this event of new runs, and starts it again. The runs may still be under way. */
  async function killAt({ place, side }: Cut, name: string): Promise<{ hasCut: boolean; going: Promise<Ended>[] }> {
    const held = points.holdAt(place, side);
    const going = Array.from({ length: runsAtOnce }, (_, index) => go(`${name}-${index}-of`));
    const reached = await Promise.race([held, Promise.all(going).then(() => undefined)]);
    if (reached === undefined) return { hasCut: false, going };
    const written = await countInLog(store, reached.run, place.type);
    // Beside it others of its type may have been written by now.
    expect(written >= place.nth, `${inWords(place)} is written as it is ${side} its commit`).toBe(side === 'after');
    const hit = [...system.workers, ...system.apis].find(({ name: process }) => process === reached.name);
    await hit?.kill();
    await hit?.start();
    return { hasCut: true, going };
  }

  test('a run that is cut off on either side of any commit ends as it would have', async ({ task }) => {
    expect(events.length).toBeGreaterThanOrEqual(atLeast);
    const everywhere = events.flatMap((place): Cut[] => [
      { place, side: 'before' },
      { place, side: 'after' },
    ]);
    const cuts = times > 0 ? everywhere : inShort;
    const lost: string[] = [];
    const notCut = new Set<string>();
    const counting: Promise<void>[] = [];
    for (let round = 0; round < Math.max(times, 1); round += 1) {
      for (const { place, side } of cuts) {
        const { hasCut, going } = await killAt({ place, side }, `${side}-${place.type}-${place.nth}-${round}`);
        // How a run stands is not told when it is over before it could be.
        if (!hasCut && place.type !== 'run.status') notCut.add(inWords(place));
        // The next is killed while these recover, which may be hit by it as well.
        const counted = Promise.all(going).then(async (ended) => {
          for (const one of ended) {
            const losses = await one.lost();
            lost.push(...losses.map((what) => `${side} the commit of ${inWords(place)}: ${what}`));
          }
        });
        counting.push(counted);
        await counting.at(-recovering);
      }
    }
    await Promise.all(counting);
    Object.assign(task.meta, { tried: counting.length * runsAtOnce, lost: lost.length });
    expect(lost).toEqual([]);
    expect([...notCut]).toEqual([]);
  }, 7_200_000);
});

const inWords = ({ type, nth }: Place): string => `${type} ${nth}`;

function temporalThatGoesOnAfter(historyEvents: number): Promise<DevServer> {
  return startTemporalDevServer({
    binary: inject('temporalCli'),
    namespace: 'kill-at-each-commit',
    searchAttributes,
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': historyEvents },
  });
}
