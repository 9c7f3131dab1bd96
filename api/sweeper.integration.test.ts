import { afterAll, beforeAll, expect, test } from 'vitest';
import { appendEvents } from '../prisma/run-log.ts';
import type { Sweeper } from './sweeper.ts';
import { createSweeper } from './sweeper.ts';
import type { ApiFixture } from './testing/api-fixture.ts';
import { eventually, openApiFixture, openClaimGate, publishClaim, startClaim } from './testing/api-fixture.ts';

let fixture: ApiFixture;
let sweeper: Sweeper;
let failures: unknown[];
let swept: string[];
beforeAll(async () => {
  fixture = await openApiFixture();
  await publishClaim(fixture);
  failures = [];
  swept = [];
  sweeper = createSweeper({
    store: fixture.store,
    workflows: fixture.workflows,
    log: { swept: (run, done) => void swept.push(`${run} ${done}`), sweepFailed: (error) => void failures.push(error) },
    dueAfterSeconds: 0,
  });
});
afterAll(async () => {
  await sweeper.stop();
  await fixture.close();
});

const an = { tenant: 'acme', user: 'an' };
const rowOf = (run: string) => fixture.store.actAs(an, (tx) => tx.run.findFirstOrThrow({ where: { id: run } }));
const eventsOf = (run: string) =>
  fixture.store.actAs(an, async (tx) =>
    (await tx.runEvent.findMany({ where: { runId: run }, orderBy: { seq: 'asc' } })).map(({ type, body }) => ({
      type,
      ...JSON.parse(body),
    })),
  );
const begin = (run: string) =>
  fixture.worker.actAs(an, (tx) =>
    appendEvents(tx, [{ run, type: 'run.status', sourceKey: 'status:1', body: { status: 'running' } }]),
  );

/** A run that the relay has started. */
async function startedRun(): Promise<string> {
  const run = await startClaim(fixture);
  await eventually(() => fixture.workflows.started.find((one) => one.run === run));
  await eventually(async () => {
    const left = await fixture.store.actAs(an, (tx) => tx.outbox.count({ where: { runId: run, doneAt: null } }));
    return left === 0 ? true : undefined;
  });
  return run;
}

test('a run whose workflow was terminated is closed as failed, with its gate and its steps, and says why', async () => {
  const run = await startedRun();
  await begin(run);
  const gate = await openClaimGate(fixture, run);
  await fixture.worker.actAs(an, (tx) =>
    tx.stepExecution.create({
      data: {
        tenantId: 'acme',
        id: `step-of-${run}`,
        rootRunId: run,
        runId: run,
        node: 'note_the_claim',
        status: 'running',
        memoKey: run,
        actorId: 'an',
      },
    }),
  );
  fixture.workflows.found.set(`claim/${run}`, 'ended');
  await Promise.all([sweeper.sweep(), sweeper.sweep()]);
  expect(await rowOf(run)).toMatchObject({ status: 'failed', endedAt: expect.any(Date) });
  const state = await fixture.store.actAs(an, async (tx) => ({
    gate: (await tx.gate.findFirstOrThrow({ where: { id: gate.id } })).status,
    step: (await tx.stepExecution.findFirstOrThrow({ where: { runId: run } })).status,
  }));
  expect(state).toEqual({ gate: 'lapsed', step: 'skipped' });
  expect((await eventsOf(run)).slice(-2)).toEqual([
    { type: 'gate.lapsed', gate: gate.id },
    { type: 'run.ended', status: 'failed', reason: 'workflow-terminated' },
  ]);
  expect(swept).toContain(`${run} closed`);
});

test('a terminated run that another goes on with is closed, and leaves it what is open', async () => {
  const [run, next] = [await startedRun(), await startedRun()];
  await begin(run);
  await begin(next);
  const gate = await openClaimGate(fixture, run);
  await fixture.store.actAs(an, (tx) =>
    tx.run.update({ where: { tenantId_id: { tenantId: 'acme', id: run } }, data: { resumedBy: next } }),
  );
  fixture.workflows.found.set(`claim/${run}`, 'ended');
  await sweeper.sweep();
  expect((await rowOf(run)).status).toBe('failed');
  const { status } = await fixture.store.actAs(an, (tx) => tx.gate.findFirstOrThrow({ where: { id: gate.id } }));
  expect(status).toBe('open');
});

test('a run that is running, or has ended, is left as it is', async () => {
  const [running, ended] = [await startedRun(), await startedRun()];
  await begin(running);
  await fixture.worker.actAs(an, (tx) =>
    tx.run.update({
      where: { tenantId_id: { tenantId: 'acme', id: ended } },
      data: { status: 'completed', endedAt: new Date() },
    }),
  );
  fixture.workflows.found.set(`claim/${ended}`, 'ended');
  await sweeper.sweep();
  expect((await rowOf(running)).status).toBe('running');
  expect((await rowOf(ended)).status).toBe('completed');
});

test('a run whose workflow never came to be is started again, unless it is about to be', async () => {
  const run = await startedRun();
  fixture.workflows.found.set(`claim/${run}`, 'absent');
  const times = () => fixture.workflows.started.filter((one) => one.run === run).length;
  await sweeper.sweep();
  expect([times(), (await rowOf(run)).status]).toEqual([2, 'running']);
  expect(fixture.workflows.started.at(-1)).toEqual({
    workflowId: `claim/${run}`,
    run,
    document: 'claim',
    title: 'Claim',
  });
  fixture.workflows.away = true;
  const late = await startClaim(fixture);
  fixture.workflows.away = false;
  fixture.workflows.found.set(`claim/${late}`, 'absent');
  await sweeper.sweep();
  expect((await rowOf(late)).status).toBe('running');
});

test('a run that had begun and that the server no longer knows is closed', async () => {
  const run = await startedRun();
  await begin(run);
  fixture.workflows.found.set(`claim/${run}`, 'absent');
  await sweeper.sweep();
  expect((await rowOf(run)).status).toBe('failed');
});

test('while the server is away nothing is decided', async () => {
  const run = await startedRun();
  await begin(run);
  fixture.workflows.away = true;
  await sweeper.sweep();
  fixture.workflows.away = false;
  expect((await rowOf(run)).status).toBe('running');
  expect(failures.length).toBeGreaterThan(0);
});
