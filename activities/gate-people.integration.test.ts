import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Approvers, NodeOf } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import type { Dependencies } from './dependencies.ts';
import { closeOverdue, remindGate } from './gate-times.ts';
import { openGate } from './gates.ts';
import { runSetStep } from './run-set-step.ts';
import { runToolStep } from './run-tool-step.ts';
import { attemptOf } from './testing/attempt.ts';
import type { Fixture } from './testing/run-fixture.ts';
import {
  asRequester,
  decide,
  dependencies,
  eventsOf,
  graphOf,
  openFixture,
  record,
  retry,
  startRun,
  stepOf,
  tenant,
} from './testing/run-fixture.ts';

let fixture: Fixture;
let deps: Dependencies;
beforeAll(async () => {
  fixture = await openFixture();
  deps = dependencies(fixture, {
    configuration: {
      allowedHosts: ['127.0.0.1'],
      tools: {
        pay: {
          effect: 'write',
          description: 'Pays',
          http: { method: 'POST', url: 'http://127.0.0.1:9/transfers' },
          input: { type: 'object' },
          output: { type: 'object' },
          idempotency: { keptFor: '1 day' },
        },
      },
    },
  });
});
afterAll(() => fixture.close());

type Gate = NodeOf<'approve'>;

const approve = (more: Partial<Gate> = {}): Gate => ({
  kind: 'approve',
  id: 'sign',
  title: 'Sign',
  approvers: { need: 'any', of: [{ role: 'manager' }] },
  notBy: [],
  show: [],
  actions: [
    { name: 'approve', effect: 'continue' },
    { name: 'reject', effect: 'end' },
  ],
  instruction: 'Sign it.',
  ...more,
});

const ofGate = (more: Partial<Gate>) =>
  graphOf({ id: 'signing', inputs: [{ name: 'who', type: { kind: 'text' } }], nodes: [approve(more)] });

async function open(more: Partial<Gate>, input: Json = { who: 'mona' }) {
  const run = await startRun(fixture, ofGate(more), input);
  const opened = await openGate(deps, { run, node: 'sign' });
  return { run, ...opened, row: await rowOf(opened.gate) };
}

const rowOf = (id: string) =>
  asRequester(fixture, (tx) => tx.gate.findUniqueOrThrow({ where: { tenantId_id: { tenantId: tenant, id } } }));

/** Of people who were told about the gate: `user kind`. */
const told = (gate: string) =>
  fixture.api.actAs({ tenant, user: 'rita' }, async (tx) =>
    (
      await tx.notification.findMany({
        where: { address: `/gates/${gate}` },
        orderBy: [{ createdAt: 'asc' }, { userId: 'asc' }],
      })
    ).map(({ userId, kind }) => `${userId} ${kind}`),
  );

const person = (expression: string): Approvers => ({ need: 'any', of: [{ person: expression }] });

describe('who is asked', () => {
  test('roles and persons are kept apart, persons by the value their expression has when the gate opens', async () => {
    const { row, gate } = await open({
      approvers: { need: 'all', of: [{ role: 'manager' }, { role: 'staff' }, { person: 'input.who' }] },
    });
    expect(row).toMatchObject({ need: 'all', approverRoles: '["manager","staff"]', approverPeople: '["mona"]' });
    expect(await told(gate)).toEqual(['mona gate-opened', 'rita gate-opened']);
  });

  test('a person may be given by e-mail address', async () => {
    expect((await open({ approvers: person('input.who') }, { who: 'mona@acme.test' })).row.approverPeople).toBe(
      '["mona"]',
    );
  });

  test('who may decide is part of what is asked: a verdict of one person is not one of another', async () => {
    const first = await open({ approvers: person('input.who') });
    const second = await open({ approvers: person('input.who') }, { who: 'rita' });
    expect(JSON.parse(first.row.bindings).people).toEqual(['mona']);
    expect(first.row.subject).not.toBe(second.row.subject);
  });

  test.each([
    ['somebody who is not there', person('input.who'), { who: 'nobody' }],
    ['a value that is no text', person('input.who'), { who: 7 }],
    ['one person in two places', { need: 'all', of: [{ person: 'input.who' }, { person: '"mona"' }] }, { who: 'mona' }],
  ] as [string, Approvers, Json][])('%s parks the step: nobody could decide', async (_, approvers, input) => {
    await expect(open({ approvers }, input)).rejects.toMatchObject({ type: 'waymark.not-allowed', nonRetryable: true });
  });

  test('a quorum of more people than are named parks the step', async () => {
    await expect(open({ approvers: person('input.who'), quorum: 2 })).rejects.toMatchObject({
      type: 'waymark.not-allowed',
    });
    expect((await open({ quorum: 2 })).row.quorum).toBe(2);
  });
});

describe('requires approval', () => {
  const held = (approvers: Approvers) =>
    graphOf({
      id: 'held',
      inputs: [{ name: 'who', type: { kind: 'text' } }],
      nodes: [
        {
          kind: 'tool',
          id: 'pay',
          title: 'Pay',
          tool: 'pay',
          with: [],
          gives: record({}),
          checks: [],
          retry: retry(0),
          timeoutMs: 1000,
          requiresApproval: approvers,
        },
      ],
    });

  test('is of persons and of all of them, too', async () => {
    const approvers: Approvers = { need: 'all', of: [{ role: 'manager' }, { person: 'input.who' }] };
    const run = await startRun(fixture, held(approvers), { who: 'rita' });
    const outcome = await attemptOf((signal) => runToolStep(deps, { run, node: 'pay' }, signal));
    if (outcome instanceof ApplicationFailure || outcome.status !== 'awaiting-approval')
      throw new Error('expected a gate');
    expect(outcome.waitsFor).toBe('manager and `input.who`');
    expect(await rowOf(outcome.gate)).toMatchObject({
      need: 'all',
      approverRoles: '["manager"]',
      approverPeople: '["rita"]',
    });
  });

  test('parks the step and says why, where the person is not there', async () => {
    const run = await startRun(fixture, held(person('input.who')), { who: 'nobody' });
    const outcome = await attemptOf((signal) => runToolStep(deps, { run, node: 'pay' }, signal));
    expect(outcome).toMatchObject({ type: 'waymark.not-allowed' });
    expect((await stepOf(fixture, run, 'pay')).failureDetail).toBe(
      'Unexpected value of input.who, expected the id of a person',
    );
  });
});

test('what people may have written is noted: values shown, and through computed ones what these were computed from', async () => {
  const graph = graphOf({
    id: 'sources',
    inputs: [{ name: 'amount', type: { kind: 'number' } }],
    nodes: [
      { kind: 'set', id: 'total', title: 'Total', values: [{ name: 'sum', expr: 'input.amount' }], checks: [] },
      approve({ notBy: ['contributors'], show: [{ name: 'total', expr: 'total.sum' }] }),
    ],
    edges: [{ from: 'total', to: 'sign' }],
  });
  const run = await startRun(fixture, graph, { amount: 3 });
  const total = await attemptOf((signal) => runSetStep(deps, { run, node: 'total' }, signal));
  if (total instanceof ApplicationFailure || total.status !== 'committed') throw new Error('expected a commit');
  const { gate } = await openGate(deps, { run, node: 'sign', inputs: { total: total.output } });
  const { inputDigest } = await asRequester(fixture, (tx) => tx.run.findUniqueOrThrow({ where: { id: run } }));
  expect(JSON.parse((await rowOf(gate)).sources)).toEqual([total.output, inputDigest].sort());
});

describe('share', () => {
  const shared = (share: 'reviewer' | 'handoff') =>
    graphOf({
      id: `sharing-${share}`,
      proposal: { sections: [{ field: { name: 'Summary', type: { kind: 'text' } } }] },
      nodes: [
        approve({ share, dueMs: 1, ifOverdue: { do: 'ask', approvers: { need: 'any', of: [{ role: 'staff' }] } } }),
      ],
    });

  test.each(['reviewer', 'handoff'] as const)(
    '%s gives the approvers the proposal to read, once, and no transcript',
    async (share) => {
      const run = await startRun(fixture, shared(share));
      const { gate } = await openGate(deps, { run, node: 'sign' });
      await openGate(deps, { run, node: 'sign' });
      const found = await asRequester(fixture, (tx) =>
        tx.proposal.findUniqueOrThrow({
          where: { tenantId_runId: { tenantId: tenant, runId: run } },
          include: { collaborators: true, grants: true, events: { where: { type: 'proposal.shared' } } },
        }),
      );
      expect(found).toMatchObject({ assigneeId: 'rita', grants: [] });
      expect(found.collaborators.map(({ userId, mode }) => [userId, mode]).sort()).toEqual([
        ['mona', 'reviewer'],
        ['rita', 'handoff'],
      ]);
      expect(found.events).toHaveLength(1);
      const told = await fixture.api.actAs({ tenant, user: 'mona' }, (tx) =>
        tx.notification.findMany({ where: { userId: 'mona', proposalId: found.id } }),
      );
      expect(told.map(({ kind, sourceKey }) => [kind, sourceKey])).toEqual([['shared', `shared:${gate}`]]);
    },
  );

  test('a gate that shares nothing opens no proposal', async () => {
    const { run } = await open({});
    expect(await asRequester(fixture, (tx) => tx.proposal.count({ where: { runId: run } }))).toBe(0);
  });
});

test('a task of a person has one action, and keeps what its checks read', async () => {
  const graph = graphOf({
    id: 'task',
    inputs: [{ name: 'limit', type: { kind: 'number' } }],
    nodes: [
      {
        kind: 'person',
        id: 'fill',
        title: 'Fill',
        approvers: { need: 'any', of: [{ role: 'staff' }] },
        notBy: [],
        show: [],
        instruction: 'Fill it in.',
        gives: record({ amount: 'number' }),
        checks: [{ expr: 'output.amount <= input.limit' }],
      },
    ],
  });
  const run = await startRun(fixture, graph, { limit: 3 });
  const { gate } = await openGate(deps, { run, node: 'fill' });
  const row = await rowOf(gate);
  const { inputDigest } = await asRequester(fixture, (tx) => tx.run.findUniqueOrThrow({ where: { id: run } }));
  expect(row).toMatchObject({
    purpose: 'task',
    actions: '[{"name":"done","effect":"continue"}]',
    question: 'Fill it in.',
  });
  expect(JSON.parse(row.bindings)).toMatchObject({ guards: {}, reads: { input: inputDigest } });
});

describe('a gate that is overdue', () => {
  const soon = { dueMs: 1 };
  const close = (run: string, gate: string) => closeOverdue(deps, { run, node: 'sign', gate });

  test('tells the workflow when it is due, and is not closed sooner, whatever the workflow thinks', async () => {
    const opened = await open({ dueMs: 60_000, ifOverdue: { do: 'reject' } });
    expect(opened.times).toEqual({ opened: opened.row.openedAt.getTime(), due: opened.row.dueAt?.getTime() });
    const { state, again = 0 } = await close(opened.run, opened.gate);
    expect(state).toEqual({ gate: opened.gate });
    expect(again).toBeGreaterThan(50_000);
    expect((await rowOf(opened.gate)).status).toBe('open');
  });

  test.each(['reject', 'continue', 'link'] as const)(
    'that says %s has the verdict overdue, of nobody, and who started the run is told',
    async (what) => {
      const { run, gate } = await open({ ...soon, ifOverdue: { do: what } });
      const { state } = await close(run, gate);
      expect(state).toMatchObject({ gate, verdict: { action: 'overdue' } });
      expect(await rowOf(gate)).toMatchObject({ status: 'decided', verdict: 'overdue' });
      expect(await eventsOf(fixture, run, 'gate.decided')).toMatchObject([{ gate, action: 'overdue' }]);
      // Asked again it gives the same.
      expect(await close(run, gate)).toEqual({ state });
      expect(await eventsOf(fixture, run, 'gate.decided')).toHaveLength(1);
      const [decided, ...more] = await fixture.api.actAs({ tenant, user: 'rita' }, (tx) =>
        tx.notification.findMany({ where: { sourceKey: `gate.decided:${gate}` } }),
      );
      expect([decided, more]).toMatchObject([{ userId: 'rita', kind: 'decided', address: `/gates/${gate}` }, []]);
      expect(JSON.parse(decided?.body ?? '')).toEqual({ gate, run, action: 'overdue' });
    },
  );

  test('that asks others lets them decide besides, and tells them once', async () => {
    const { run, gate } = await open({
      ...soon,
      ifOverdue: { do: 'ask', approvers: { need: 'any', of: [{ role: 'staff' }] } },
    });
    expect(await close(run, gate)).toEqual({ state: { gate } });
    expect(await close(run, gate)).toEqual({ state: { gate } });
    expect((await rowOf(gate)).escalatedAt).toBeInstanceOf(Date);
    expect(await told(gate)).toEqual(['mona gate-opened', 'rita escalated']);
    expect(await eventsOf(fixture, run, 'gate.escalated')).toMatchObject([{ gate }]);
    // It has no due date any more for whoever waits for it.
    expect((await openGate(deps, { run, node: 'sign' })).times).toBeUndefined();
  });

  test('that says nothing stays open, and those who are asked are told', async () => {
    const { run, gate } = await open(soon);
    expect(await close(run, gate)).toEqual({ state: { gate } });
    expect(await told(gate)).toEqual(['mona gate-opened', 'mona overdue']);
  });

  test('that was decided before keeps its decision', async () => {
    const { run, gate } = await open({ ...soon, ifOverdue: { do: 'reject' } });
    await decide(fixture, gate, 'approve');
    expect((await close(run, gate)).state).toMatchObject({ verdict: { action: 'approve' } });
    expect((await rowOf(gate)).verdict).toBe('approve');
  });

  test('is closed only for its own run and step', async () => {
    const { gate } = await open({ ...soon, ifOverdue: { do: 'reject' } });
    const other = await open({ ...soon, ifOverdue: { do: 'reject' } });
    await expect(close(other.run, gate)).rejects.toMatchObject({ type: 'waymark.bug' });
    expect((await rowOf(gate)).status).toBe('open');
  });

  test('decided by nobody cannot be given another verdict by a worker', async () => {
    const { gate } = await open({ ...soon, ifOverdue: { do: 'reject' } });
    const forged = asRequester(fixture, async (tx) => {
      const { putArtifact } = await import('../prisma/artifacts.ts');
      const output = await putArtifact(tx, tenant, { action: 'approve', by: 'mona', comment: '' });
      await tx.$queryRaw`SELECT close_overdue(${gate}, ${output}, null)`;
    });
    await expect(forged).rejects.toThrow('can only be overdue');
  });
});

test('a reminder is told once for its number, and not of a gate that is decided', async () => {
  const { run, gate, times } = await open({ remindEveryMs: 1000 });
  expect(times).toMatchObject({ remindEvery: 1000 });
  for (const nth of [1, 1, 2]) await remindGate(deps, { run, node: 'sign', gate, nth });
  expect(await told(gate)).toEqual(['mona gate-opened', 'mona reminder', 'mona reminder']);
  await decide(fixture, gate, 'approve');
  await remindGate(deps, { run, node: 'sign', gate, nth: 3 });
  expect(await told(gate)).toHaveLength(3);
  expect((await eventsOf(fixture, run, 'gate.reminded')).map(({ nth }) => nth)).toEqual([1, 2]);
});
