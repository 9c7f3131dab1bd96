/** A session task is the assignee's, whoever that is by now. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openGate } from './gates.ts';
import { hear, readGates } from './runs.ts';
import type { Fixture } from './testing/run-fixture.ts';
import {
  asRequester,
  dependencies,
  eventsOf,
  graphOf,
  manager,
  openFixture,
  requester,
  startRun,
  tenant,
} from './testing/run-fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());

const talk = graphOf({
  agents: [
    { id: 'assistant', name: 'Assistant', model: 'small', instruction: 'You help.', tools: [], mayDelegateTo: [] },
  ],
  proposal: { sections: [{ field: { name: 'Days', type: { kind: 'number' } } }] },
  nodes: [
    {
      kind: 'session',
      id: 'talk',
      title: 'Talk it over',
      who: 'assignee',
      agent: 'assistant',
      tools: [],
      uses: [],
      section: 'Days',
      instruction: 'How many?',
      gives: { kind: 'number' },
      checks: [],
    },
  ],
});

const begin = async () => {
  const run = await startRun(fixture, talk, {});
  const deps = dependencies(fixture);
  return { run, deps, gate: (await openGate(deps, { run, node: 'talk', inputs: {} })).gate };
};

const gatesOf = (run: string) =>
  asRequester(fixture, async (tx) =>
    (await tx.gate.findMany({ where: { runId: run }, orderBy: [{ openedAt: 'asc' }, { id: 'asc' }] })).map(
      ({ id, status, approverPeople, heardAt }) => ({ id, status, asked: JSON.parse(approverPeople), heardAt }),
    ),
  );

/** As the API does it: the assignee and the next epoch. */
const handOver = (run: string, assigneeId: string) =>
  fixture.api.actAs(requester, async (tx) => {
    const where = { tenantId_runId: { tenantId: tenant, runId: run } };
    const { assigneeEpoch } = await tx.proposal.findUniqueOrThrow({ where });
    await tx.proposal.update({ where, data: { assigneeId, assigneeRole: null, assigneeEpoch: assigneeEpoch + 1 } });
  });

const ringsOf = (run: string) =>
  fixture.api.actAs(requester, async (tx) =>
    (await tx.outbox.findMany({ where: { runId: run, kind: 'ring' } })).map(({ payload }) => JSON.parse(payload)),
  );

test('a handoff rings the run for its open task, which lapses then and is asked of the new assignee', async () => {
  const { run, deps, gate } = await begin();
  expect(await gatesOf(run)).toMatchObject([{ id: gate, status: 'open', asked: ['rita'] }]);
  expect(await ringsOf(run)).toEqual([]);

  await handOver(run, manager.user);
  expect(await ringsOf(run)).toEqual([{ gate }]);
  expect(await hear(deps, { run, ring: { gate } })).toEqual({ kind: 'gate', state: { gate, lapsed: true } });
  const second = await openGate(deps, { run, node: 'talk', inputs: {} });
  const gates = await gatesOf(run);
  expect(gates.map(({ status, asked }) => [status, asked])).toEqual([
    ['lapsed', ['rita']],
    ['open', ['mona']],
  ]);
  // That it lapsed was heard: it is not rung for ever.
  expect(gates[0]?.heardAt).toEqual(expect.any(Date));
  expect(second.gate).toBe(gates[1]?.id);
  expect((await eventsOf(fixture, run, 'gate.lapsed')).map((event) => event.gate)).toEqual([gate]);
});

test('whoever reads the task of a former assignee again finds it lapsed, though nobody rang', async () => {
  const { run, deps, gate } = await begin();
  expect(await readGates(deps, { run, gates: [gate] })).toEqual({ decided: [] });
  await handOver(run, manager.user);
  expect(await readGates(deps, { run, gates: [gate] })).toEqual({ decided: [{ gate, lapsed: true }] });
});

test('one that comes back is asked again, about the epoch it is now', async () => {
  const { run, deps, gate } = await begin();
  await handOver(run, manager.user);
  await handOver(run, requester.user);
  expect(await ringsOf(run)).toEqual([{ gate }, { gate }]);
  const again = await openGate(deps, { run, node: 'talk', inputs: {} });
  expect(again.gate).not.toBe(gate);
  expect((await gatesOf(run)).map(({ status, asked }) => [status, asked])).toEqual([
    ['lapsed', ['rita']],
    ['open', ['rita']],
  ]);
});

test('a handoff while the task is opened is never missed: one of them sees the other', async () => {
  for (let i = 0; i < 20; i += 1) {
    const { run, deps } = await begin();
    await Promise.all([handOver(run, manager.user), openGate(deps, { run, node: 'talk', inputs: {} })]);
    const open = (await gatesOf(run)).filter(({ status }) => status === 'open');
    const rung = (await ringsOf(run)).map(({ gate }) => gate);
    expect(open).toHaveLength(1);
    // Asked of who it is now, or else rung.
    expect(open[0]?.asked.includes('mona') || rung.includes(open[0]?.id)).toBe(true);
  }
});
