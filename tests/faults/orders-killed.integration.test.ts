/**
 * kill -9 of the API as it commits what a person asked for: an order about a parked step, a pause, and what people do at a gate. On
 * either side of the commit, who asked hears nothing, and asks again under the same key. Short here: each of them once, on one
 * side or the other; `npm run test:faults` takes both sides, as often as it says.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Store } from '../../prisma/open.ts';
import { openStore } from '../../prisma/open.ts';
import type { EventType } from '../../prisma/run-log.ts';
import type { Answer } from '../system/api-client.ts';
import type { PersonName, System } from '../system/stack-fixture.ts';
import { startSystem } from '../system/stack-fixture.ts';
import { answered, unlessTheServerFailed } from './careful-client.ts';
import type { CommitPoints, Side } from './commit-points.ts';
import { createCommitPoints, tellEvents } from './commit-points.ts';
import { countInLog, logOf, lossesOfLog, unlessEqual } from './log-losses.ts';

const times = Number(process.env.WAYMARK_FAULT_TIMES ?? 0);

/** A payment that the bank refuses until it is told otherwise, and a gate. */
const errand = `# Errand

## Inputs
| Name | Type |
|------|------|
| to   | text |

## Types
### Payment
| Field     | Type |
|-----------|------|
| reference | text |

## Steps
### Pay
- tool: payments.transfer
- with:
  - to: \`input.to\`
  - amount: \`5\`
- gives: Payment
- retry: 0 times
- timeout: 6 seconds

### Manager approves
- approve: manager
`;

interface Errand {
  to: string;
  run: string;
  /** Its gate, once it waits there. */
  gate: string;
}

/** Something that a person asks for, and how one sees that it was done. */
interface Asked {
  by: PersonName;
  path(errand: Errand): string;
  body: object;
  status: number;
  /** What its transaction logs. */
  logs: EventType;
  /** Of a run at its gate, what comes before. Unsaid, the run is parked. */
  atGate?: (errand: Errand) => Promise<void>;
  /** Throws until it is so. */
  done(errand: Errand): Promise<void>;
}

const mai = () => system.as('Mai Tran');
const claim = ({ gate }: Errand) => mai().call('POST', `/gates/${gate}/claim`, {});
const paid = ({ to }: Errand): number[] => system.tools.paymentsTo(to).map(({ amount }) => amount);
const stateOf = async ({ run }: Errand) => (await mai().call('GET', `/runs/${run}/state`)).body;
const stepsOf = async (of: Errand): Promise<string[]> =>
  (await stateOf(of)).steps.map(({ step, status }: { step: string; status: string }) => `${step} ${status}`);

const asks: Record<string, Asked> = {
  retry: {
    by: 'An Nguyen',
    path: ({ run }) => `/runs/${run}/steps/pay/retry`,
    body: { comment: 'the bank is back' },
    status: 202,
    logs: 'command.given',
    async done(of) {
      expect(await stepsOf(of)).toEqual(['pay committed', 'manager_approves waiting']);
      expect(paid(of)).toEqual([5]);
    },
  },
  supply: {
    by: 'An Nguyen',
    path: ({ run }) => `/runs/${run}/steps/pay/supply`,
    body: { output: { reference: 'by hand' } },
    status: 202,
    logs: 'command.given',
    async done(of) {
      expect(await stepsOf(of)).toEqual(['pay committed', 'manager_approves waiting']);
      expect(paid(of)).toEqual([]);
    },
  },
  skip: {
    by: 'Olga Petrova',
    path: ({ run }) => `/runs/${run}/steps/pay/skip`,
    body: {},
    status: 202,
    logs: 'command.given',
    async done(of) {
      expect(await stepsOf(of)).toEqual(['pay skipped', 'manager_approves waiting']);
      expect(paid(of)).toEqual([]);
    },
  },
  pause: {
    by: 'Olga Petrova',
    path: ({ run }) => `/runs/${run}/pause`,
    body: {},
    status: 202,
    logs: 'command.given',
    async done(of) {
      expect((await stateOf(of)).paused).toBe(true);
    },
  },
  claim: {
    by: 'Mai Tran',
    path: ({ gate }) => `/gates/${gate}/claim`,
    body: {},
    status: 200,
    logs: 'gate.claimed',
    atGate: async () => undefined,
    async done({ gate }) {
      expect((await mai().gate(gate)).claimed?.by).toBe('mai');
    },
  },
  release: {
    by: 'Mai Tran',
    path: ({ gate }) => `/gates/${gate}/release`,
    body: {},
    status: 200,
    logs: 'gate.released',
    atGate: async (of) => void expect((await claim(of)).status).toBe(200),
    async done({ gate }) {
      expect((await mai().gate(gate)).claimed).toBeUndefined();
    },
  },
  delegate: {
    by: 'Mai Tran',
    path: ({ gate }) => `/gates/${gate}/delegate`,
    body: { to: 'finn' },
    status: 200,
    logs: 'gate.delegated',
    atGate: async () => undefined,
    async done({ run, gate }) {
      const finn = system.as('Finn Olsen');
      const { subject, mayDecide } = await finn.gate(gate);
      expect(mayDecide).toBe(true);
      expect((await finn.decide(gate, { action: 'approve', subject })).status).toBe(201);
      await system.until(run, 'completed');
    },
  },
};

let system: System;
let points: CommitPoints;
let store: Store;
beforeAll(async () => {
  points = createCommitPoints();
  system = await startSystem({ wayTo: points.wayTo });
  await tellEvents(system.database.ownerUrl);
  store = await openStore({ url: system.database.apiUrl, role: 'api' });
  await system.as('An Nguyen').publish(errand);
});
afterAll(async () => {
  await store?.close();
  await system?.close();
  points?.close();
});

/** A run that is where this can be asked for. */
async function ready(to: string, { atGate }: Asked): Promise<Errand> {
  if (atGate === undefined) system.tools.refusePaymentsTo(to);
  const run = await system.as('An Nguyen').start('errand', { to });
  if (atGate === undefined) {
    await system.until(run, 'needs-attention');
    system.tools.acceptPaymentsTo(to);
    return { to, run, gate: '' };
  }
  const { id: gate } = await system.openGateOf(run);
  const errand = { to, run, gate };
  await atGate(errand);
  return errand;
}

/** Kills the API as it commits this, and asks again. What was lost, in words. */
async function cutOff(name: string, asked: Asked, side: Side, of: Errand): Promise<string[]> {
  const key = randomUUID();
  const request = (): Promise<Answer> => system.as(asked.by).call('POST', asked.path(of), asked.body, key);
  const held = points.holdAt({ type: asked.logs, nth: 1 }, side, of.run);
  const answer = answered(`${name} of ${of.to}`, async () => unlessTheServerFailed(await request()));
  await Promise.race([held, answer.then(({ status }) => Promise.reject(new Error(`answered ${status}, not held`)))]);
  await system.api.kill();
  const logged = () => countInLog(store, of.run, asked.logs);
  expect(await logged(), `${asked.logs} as it is ${side} its commit`).toBe(side === 'after' ? 1 : 0);
  await system.api.start();

  const first = await answer;
  const lost = unlessEqual('answered', first.status, asked.status);
  await vi
    .waitFor(() => asked.done(of), { timeout: 60_000, interval: 100 })
    .catch((reason) => lost.push(String(reason)));
  // Whoever is still in doubt when it is done hears the same, and nothing is done anew.
  lost.push(...unlessEqual('asked once more', await request(), first));
  lost.push(...unlessEqual(`in the log as ${asked.logs}`, await logged(), 1));
  if (asked.logs === 'command.given') lost.push(...(await lossesOfOrder(of, first.body.command)));
  lost.push(...(await lossesOfLog(store, of.run)));
  return lost.map((what) => `${name}, ${side} its commit (run ${of.run}): ${what}`);
}

/** The order is the one that was answered, and was carried out once. */
async function lossesOfOrder({ run }: Errand, command: string): Promise<string[]> {
  const { log } = await logOf(store, run);
  const named = (event: EventType) =>
    log.filter(({ type }) => type === event).map(({ body }) => (JSON.parse(body) as { command: string }).command);
  return [
    ...unlessEqual('orders given', named('command.given'), [command]),
    ...unlessEqual('orders applied', named('command.applied'), [command]),
  ];
}

test('what was asked of an API that is killed is done once, when it is asked again under its key', async ({ task }) => {
  const sides: Side[] = ['before', 'after'];
  const all = Object.entries(asks);
  const cuts = all.flatMap(([name, asked], index) =>
    sides.flatMap((side, at) => (times > 0 || index % 2 === at ? [{ name, asked, side }] : [])),
  );
  const lost: string[] = [];
  let tried = 0;
  for (let round = 0; round < Math.max(times, 1); round += 1) {
    const runs = await Promise.all(cuts.map(({ name, asked, side }) => ready(`${name}-${side}-${round}-of`, asked)));
    for (const [index, { name, asked, side }] of cuts.entries()) {
      lost.push(...(await cutOff(name, asked, side, runs[index] as Errand)));
      tried += 1;
    }
  }
  Object.assign(task.meta, { tried, lost: lost.length });
  expect(lost).toEqual([]);
}, 7_200_000);
