import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ApiFixture } from './testing/api-fixture.ts';
import {
  asWorker,
  eventually,
  openApiFixture,
  openClaimGate,
  publishClaim,
  startClaim,
} from './testing/api-fixture.ts';

let fixture: ApiFixture;
beforeEach(async () => {
  fixture = await openApiFixture();
  await publishClaim(fixture);
});
afterEach(() => fixture.close());

const outbox = () =>
  fixture.store.actAs({ tenant: 'acme', user: 'an' }, (tx) => tx.outbox.findMany({ orderBy: { nextAt: 'asc' } }));

const approve = async (gate: { id: string; subject: string }, user = 'mai') =>
  fixture.app.inject({
    method: 'POST',
    url: `/gates/${gate.id}/decisions`,
    headers: await fixture.as(user, randomUUID()),
    payload: { action: 'approve', subject: gate.subject },
  });

test('while Temporal is away runs are taken and decided; all of it reaches Temporal when it is back', async () => {
  fixture.workflows.away = true;
  const run = await startClaim(fixture);
  const gate = await openClaimGate(fixture, run);
  expect((await approve(gate)).statusCode).toBe(201);
  await eventually(async () => ((await outbox()).every((row) => row.attempts > 0) ? true : undefined));
  expect([fixture.workflows.started, fixture.workflows.rings]).toEqual([[], []]);
  fixture.workflows.away = false;
  await eventually(() =>
    fixture.workflows.started.length > 0 && fixture.workflows.rings.length > 0 ? true : undefined,
  );
  expect(fixture.workflows.started).toEqual([{ workflowId: `claim/${run}`, run, document: 'claim', title: 'Claim' }]);
  expect(fixture.workflows.rings[0]).toEqual({ workflowId: `claim/${run}`, ring: { gate: gate.id } });
});

test('an API that dies between its commit and its call loses nothing: the next one rings', async () => {
  const run = await startClaim(fixture);
  const gate = await openClaimGate(fixture, run);
  await eventually(() => (fixture.workflows.started.length > 0 ? true : undefined));
  // No relay from here on: what was committed is all there is, as after kill -9.
  await fixture.app.relay.stop();
  expect((await approve(gate)).statusCode).toBe(201);
  expect(fixture.workflows.rings).toEqual([]);
  const next = await fixture.secondApp();
  await next.ready();
  await eventually(() => (fixture.workflows.rings.length > 0 ? true : undefined));
  expect(fixture.workflows.rings[0]).toEqual({ workflowId: `claim/${run}`, ring: { gate: gate.id } });
});

test('a row that was taken by an API that then died comes back', async () => {
  await fixture.app.relay.stop();
  const run = await startClaim(fixture);
  const taken = await fixture.store.before.dueOutbox(10);
  expect(taken.map((row) => [row.kind, row.runId, row.attempts])).toEqual([['start', run, 1]]);
  const next = await fixture.secondApp();
  await next.ready();
  await eventually(() => (fixture.workflows.started.length > 0 ? true : undefined));
  expect((await outbox()).map((row) => [row.kind, row.attempts, row.doneAt !== null])).toEqual([['start', 2, true]]);
});

test('a ring for a run that has ended is given up', async () => {
  const run = await startClaim(fixture);
  const gate = await openClaimGate(fixture, run);
  // Stopped, so that no ring is under way while the run ends.
  await fixture.app.relay.stop();
  await approve(gate);
  await asWorker(fixture, { ended: run, status: 'failed' });
  const next = await fixture.secondApp();
  await next.ready();
  await eventually(async () => ((await outbox()).every((row) => row.doneAt !== null) ? true : undefined));
  expect(fixture.workflows.rings).toEqual([]);
});

test('two relays carry each start once', async () => {
  const second = await fixture.secondApp();
  await second.ready();
  const runs: string[] = [];
  for (let n = 0; n < 10; n += 1) runs.push(await startClaim(fixture));
  await eventually(async () => ((await outbox()).every((row) => row.doneAt !== null) ? true : undefined));
  expect(fixture.workflows.started.map(({ run }) => run).sort()).toEqual(runs.sort());
});

test('what fails is logged by ids and codes', async () => {
  fixture.workflows.away = true;
  const run = await startClaim(fixture);
  const line = await eventually(() =>
    fixture.lines.map((text) => JSON.parse(text)).find((one) => one.event === 'outbox.failed'),
  );
  expect(line).toMatchObject({ run, attempts: 1, errorType: 'Error', code: 'ECONNREFUSED' });
  expect(JSON.stringify(line)).not.toContain('the server is away');
});
