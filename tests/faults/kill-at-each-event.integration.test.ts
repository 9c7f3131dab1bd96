/**
 * kill -9 of the worker as a run's log reaches each of its events, with several runs at once. Short here: every sixth
 * event, once. `npm run test:faults -- --times 20` does each of them 20 times.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openStore } from '../../prisma/open.ts';
import { verifyChain } from '../../prisma/run-log.ts';
import { claim } from '../system/documents.ts';
import type { System } from '../system/stack-fixture.ts';
import { startSystem } from '../system/stack-fixture.ts';

const times = Number(process.env.WAYMARK_FAULT_TIMES ?? 0);
const runsAtOnce = 3;
const amount = 640;

let system: System;
let store: Awaited<ReturnType<typeof openStore>>;
/** Of an undisturbed run. */
let events: string[];

beforeAll(async () => {
  system = await startSystem();
  store = await openStore({ url: system.database.apiUrl, role: 'api' });
  await system.as('An Nguyen').publish(claim);
  const [run = ''] = await startClaims('undisturbed', 1);
  await approveWhenAsked(run);
  await system.until(run, 'completed');
  events = (await logOf(run)).map(({ type }) => type);
});
afterAll(async () => {
  await store?.close();
  await system?.close();
});

/** Each asks the model, reads the policy, is approved by a manager and paid. */
function startClaims(name: string, count: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, (_, index) => {
      const claimant = claimantOf(name, index);
      system.models.script(
        claimant,
        { calls: [{ tool: 'policy.lookup', arguments: { about: 'trains' } }] },
        { says: { merchant: 'Railways', amount } },
      );
      return system.as('An Nguyen').start('claim', { receipt: claimant, claimed: amount, claimant });
    }),
  );
}

const claimantOf = (name: string, index: number): string => `killed-${name}-${index}-of`;

const asReader = <Result>(work: (tx: Parameters<Parameters<typeof store.actAs>[1]>[0]) => Promise<Result>) =>
  store.actAs({ tenant: 'acme', user: 'reader' }, work);

const logOf = (run: string) =>
  asReader((tx) => tx.runEvent.findMany({ where: { runId: run }, orderBy: { seq: 'asc' } }));

async function reaches(runs: string[], seq: number): Promise<void> {
  const where = { id: { in: runs }, OR: [{ seq: { gte: seq } }, { endedAt: { not: null } }] };
  while ((await asReader((tx) => tx.run.count({ where }))) === 0)
    await new Promise((resolve) => setTimeout(resolve, 2));
}

async function approveWhenAsked(run: string): Promise<void> {
  const { id, subject } = await system.openGateOf(run);
  await system.as('Mai Tran').decide(id, { action: 'approve', subject });
}

/** What a trial has lost: runs that did not end well, payments that were not made or made twice, logs that do not hold. */
async function lostIn(runs: string[], name: string): Promise<string[]> {
  const lost: string[] = [];
  for (const [index, run] of runs.entries()) {
    const view = await system.until(run, 'completed');
    const paid = system.tools.paymentsTo(claimantOf(name, index)).length;
    if (paid !== 1) lost.push(`${paid} payments in ${run}`);
    const log = await logOf(run);
    if (!verifyChain(log).ok) lost.push(`the log of ${run} does not hold`);
    const committed = log.filter(({ type }) => type === 'step.committed').map(({ node }) => node);
    if (new Set(committed).size !== committed.length) lost.push(`a step of ${run} committed twice`);
    if (view.steps.some(({ state }) => state !== 'committed')) lost.push(`a step of ${run} is not done`);
  }
  return lost;
}

test('a run that is cut off at any of its events ends as it would have', async ({ task }) => {
  const at = events.flatMap((type, index) => (times > 0 || index % 6 === 1 ? [{ type, seq: index + 1 }] : []));
  const lost: string[] = [];
  let tried = 0;
  for (let round = 0; round < Math.max(times, 1); round += 1) {
    for (const { type, seq } of at) {
      const name = `${seq}-${round}`;
      const runs = await startClaims(name, runsAtOnce);
      const approving = Promise.all(runs.map(approveWhenAsked));
      await reaches(runs, seq);
      await system.worker.kill();
      await system.worker.start();
      await approving;
      tried += runsAtOnce;
      lost.push(...(await lostIn(runs, name)).map((what) => `at ${type} (${seq}): ${what}`));
    }
  }
  Object.assign(task.meta, { tried, lost: lost.length });
  expect(lost).toEqual([]);
}, 7_200_000);

test('an API that is cut off as a run goes on loses no decision that it took', async ({ task }) => {
  const rounds = Math.max(times, 2);
  const lost: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const name = `api-${round}`;
    const runs = await startClaims(name, runsAtOnce);
    const gates = await Promise.all(runs.map((run) => system.openGateOf(run)));
    const mai = system.as('Mai Tran');
    const deciding = gates.map(({ id, subject }) =>
      mai.decide(id, { action: 'approve', subject }).then(
        ({ status }) => status < 300,
        () => false,
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, (round * 7) % 40));
    await system.api.kill();
    const taken = await Promise.all(deciding);
    await system.api.start();
    // What was answered is done; what was not may be decided again, and one of them counts.
    await Promise.all(
      gates.map(({ id, subject }, index) =>
        taken[index] ? undefined : mai.decide(id, { action: 'approve', subject }),
      ),
    );
    await vi.waitFor(async () => lost.push(...(await lostIn(runs, name))), { timeout: 90_000 });
  }
  Object.assign(task.meta, { tried: rounds * runsAtOnce, lost: lost.length });
  expect(lost).toEqual([]);
}, 7_200_000);
