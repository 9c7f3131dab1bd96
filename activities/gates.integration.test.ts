import { ApplicationFailure } from '@temporalio/common';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Approvers } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import { getArtifact, putArtifact } from '../prisma/artifacts.ts';
import type { Digest, StepInput } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { openGate } from './gates.ts';
import { runSetStep } from './run-set-step.ts';
import { runToolStep } from './run-tool-step.ts';
import { flushLog, hear, readGates } from './runs.ts';
import { attemptOf } from './testing/attempt.ts';
import type { Fixture } from './testing/run-fixture.ts';
import {
  asRequester,
  decide,
  dependencies,
  effectsOf,
  eventsOf,
  graphOf,
  manager,
  openFixture,
  record,
  retry,
  startRun,
  stepOf,
  tenant,
} from './testing/run-fixture.ts';
import type { ToolServer } from './testing/tool-server.ts';
import { json, startToolServer } from './testing/tool-server.ts';

let fixture: Fixture;
let payments: ToolServer;
let deps: Dependencies;

beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());
beforeEach(async () => {
  payments = await startToolServer();
  payments.answer = (_, response) => json(response, 200, { transfer: 't-1' });
  deps = withPayments();
});
afterEach(() => payments.close());

function withPayments(description = 'Pays a person'): Dependencies {
  return dependencies(fixture, {
    configuration: {
      allowedHosts: ['127.0.0.1'],
      tools: {
        pay: {
          effect: 'write',
          description,
          http: { method: 'POST', url: `${payments.url}/transfers` },
          input: { type: 'object' },
          output: { type: 'object' },
          idempotency: { keptFor: '1 day' },
        },
      },
    },
  });
}

/** total (set) -> manager_approves -> pay */
const claims = (requiresApproval?: Approvers) =>
  graphOf({
    inputs: [
      { name: 'claimant', type: { kind: 'text' } },
      { name: 'amount', type: { kind: 'number' } },
    ],
    nodes: [
      {
        kind: 'set',
        id: 'total',
        title: 'Total',
        values: [{ name: 'amount', expr: 'input.amount + 1' }],
        checks: [],
      },
      {
        kind: 'approve',
        id: 'manager_approves',
        title: 'Manager approves',
        approvers: { need: 'any', of: [{ role: 'manager' }, { role: 'director' }] },
        notBy: ['requester'],
        show: [{ name: 'claimant', expr: 'input.claimant' }],
        actions: [
          { name: 'approve', effect: 'continue' },
          { name: 'reject', effect: 'end' },
        ],
        instruction: 'Is it reasonable?',
      },
      {
        kind: 'tool',
        id: 'pay',
        title: 'Pay',
        tool: 'pay',
        with: [
          { name: 'to', expr: 'input.claimant' },
          { name: 'amount', expr: 'total.amount' },
        ],
        gives: record({ transfer: 'text' }),
        checks: [],
        retry: retry(0),
        timeoutMs: 2000,
        ...(requiresApproval ? { requiresApproval } : {}),
      },
    ],
    edges: [
      { from: 'total', to: 'manager_approves' },
      { from: 'manager_approves', to: 'pay', action: 'approve' },
    ],
  });

const input = { claimant: 'Ada', amount: 41 };

async function totalOf(run: string): Promise<Digest> {
  const outcome = await attemptOf((signal) => runSetStep(deps, { run, node: 'total' }, signal));
  if (outcome instanceof ApplicationFailure || outcome.status !== 'committed') throw new Error('expected a commit');
  return outcome.output;
}

const pay = (step: StepInput, by = deps) => attemptOf((signal) => runToolStep(by, step, signal));

const gateRow = (id: string) =>
  asRequester(fixture, (tx) => tx.gate.findUniqueOrThrow({ where: { tenantId_id: { tenantId: tenant, id } } }));

async function shownIn(gate: { shown: string }): Promise<Record<string, Json>> {
  const shown = JSON.parse(gate.shown) as { name: string; digest: string }[];
  return asRequester(fixture, async (tx) =>
    Object.fromEntries(
      await Promise.all(shown.map(async ({ name, digest }) => [name, await getArtifact(tx, tenant, digest)])),
    ),
  );
}

test('a gate shows what the document names and what each write after it will be given, and the run waits', async () => {
  const run = await startRun(fixture, claims(), input);
  const total = await totalOf(run);
  const opened = await openGate(deps, { run, node: 'manager_approves', inputs: { total } });
  expect(opened).toEqual({ gate: expect.any(String) });
  const gate = await gateRow(opened.gate);
  expect(gate).toMatchObject({
    status: 'open',
    purpose: 'step',
    node: 'manager_approves',
    title: 'Manager approves',
    question: 'Is it reasonable?',
    approverRoles: '["manager","director"]',
    notBy: '["requester"]',
    actions: '[{"name":"approve","effect":"continue"},{"name":"reject","effect":"end"}]',
  });
  expect(await shownIn(gate)).toEqual({ claimant: 'Ada', Pay: { to: 'Ada', amount: 42 } });
  expect((await eventsOf(fixture, run)).slice(-2)).toMatchObject([
    { type: 'gate.opened', node: 'manager_approves', gate: opened.gate, subject: gate.subject },
    { type: 'run.status', status: 'waiting' },
  ]);
});

test('opening again gives the same gate and one event; once decided it gives the verdict', async () => {
  const run = await startRun(fixture, claims(), input);
  const total = await totalOf(run);
  const step = { run, node: 'manager_approves', inputs: { total } };
  const [first, second] = await Promise.all([openGate(deps, step), openGate(deps, step)]);
  expect(second).toEqual(first);
  const output = await decide(fixture, first.gate, 'approve');
  expect(await openGate(deps, step)).toEqual({
    gate: first.gate,
    verdict: { action: 'approve', output, view: { values: { action: 'approve' } } },
  });
  expect(await eventsOf(fixture, run, 'gate.opened')).toHaveLength(1);
});

test('a decision that is made while the next run of the lineage asks is found by it', async () => {
  const first = await startRun(fixture, claims(), input);
  const inputs = { total: await totalOf(first) };
  const { gate } = await openGate(deps, { run: first, node: 'manager_approves', inputs });
  const next = await startRun(fixture, claims(), input, { rootRun: first });
  const asking = await fixture.api.actAs(manager, async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM gate WHERE tenant_id = ${tenant} AND id = ${gate} FOR UPDATE`;
    // Reads the gate as open, and waits for this transaction to make it its own.
    const opening = openGate(deps, { run: next, node: 'manager_approves', inputs });
    await vi.waitFor(async () => {
      const [locks] = await tx.$queryRaw<{ waiting: bigint }[]>`
        SELECT count(*) AS waiting FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))`;
      expect(locks?.waiting).toBe(1n);
    });
    const outputDigest = await putArtifact(tx, tenant, { action: 'approve' });
    await tx.gate.update({
      where: { tenantId_id: { tenantId: tenant, id: gate } },
      data: { status: 'decided', verdict: 'approve', outputDigest, decidedAt: new Date() },
    });
    return { opening };
  });
  expect(await asking.opening).toMatchObject({ gate, verdict: { action: 'approve' } });
  expect(await gateRow(gate)).toMatchObject({ runId: next, heardAt: expect.any(Date) });
});

test('a run that goes on with another logs what it finds decided as decided, and waits for nobody', async () => {
  const graph = claims({ need: 'any', of: [{ role: 'cfo' }] });
  const first = await startRun(fixture, graph, input);
  const inputs = { total: await totalOf(first) };
  const { gate } = await openGate(deps, { run: first, node: 'manager_approves', inputs });
  await decide(fixture, gate, 'approve');
  const { gate: approval } = (await pay({ run: first, node: 'pay', inputs })) as { gate: string };
  await decide(fixture, approval, 'approve');
  const next = await startRun(fixture, graph, input, { rootRun: first });
  await openGate(deps, { run: next, node: 'manager_approves', inputs });
  expect(await pay({ run: next, node: 'pay', inputs })).toMatchObject({ status: 'committed' });
  expect(await eventsOf(fixture, next, 'gate.opened')).toMatchObject([
    { node: 'manager_approves', gate, purpose: 'step', status: 'decided', action: 'approve' },
    { node: 'pay', gate: approval, purpose: 'approval', status: 'decided', action: 'approve' },
  ]);
  expect(await eventsOf(fixture, next, 'run.status')).toEqual([]);
});

test('a ring is believed only as far as the rows go', async () => {
  const run = await startRun(fixture, claims(), input);
  const other = await startRun(fixture, claims(), input);
  const total = await totalOf(run);
  const { gate } = await openGate(deps, { run, node: 'manager_approves', inputs: { total } });
  expect(await hear(deps, { run, ring: { gate } })).toEqual({ kind: 'nothing' });
  expect(await hear(deps, { run, ring: { gate: 'no-such-gate', command: 'no-such-command' } })).toEqual({
    kind: 'nothing',
  });
  expect(await gateRow(gate)).toMatchObject({ heardAt: null });

  const output = await decide(fixture, gate, 'reject');
  expect(await hear(deps, { run: other, ring: { gate } })).toEqual({ kind: 'nothing' });
  expect(await hear(deps, { run, ring: { gate } })).toMatchObject({
    kind: 'gate',
    state: { gate, verdict: { action: 'reject', output } },
  });
  expect((await gateRow(gate)).heardAt).toBeInstanceOf(Date);
  expect((await eventsOf(fixture, run, 'run.status')).map(({ status }) => status)).toEqual(['waiting', 'running']);
});

test('an order to cancel is heard from its row, once marked', async () => {
  const run = await startRun(fixture, claims(), input);
  const other = await startRun(fixture, claims(), input);
  const command = {
    tenantId: tenant,
    id: `cancel-${run}`,
    runId: run,
    kind: 'cancel',
    userId: 'rita',
    comment: '',
    createdAt: new Date(),
  };
  await fixture.api.actAs({ tenant, user: 'rita' }, (tx) => tx.command.create({ data: command }));
  expect(await hear(deps, { run: other, ring: { command: command.id } })).toEqual({ kind: 'nothing' });
  expect(await hear(deps, { run, ring: { command: command.id } })).toEqual({ kind: 'cancel' });
  const row = await asRequester(fixture, (tx) => tx.command.findFirstOrThrow({ where: { id: command.id } }));
  expect(row.heardAt).toBeInstanceOf(Date);
});

test('a gate that lapsed while it was waited for is heard as such, and the next over what is now so is opened', async () => {
  const run = await startRun(fixture, claims(), input);
  const step = { run, node: 'manager_approves', inputs: { total: await totalOf(run) } };
  const { gate } = await openGate(deps, step);
  await asRequester(fixture, (tx) =>
    tx.gate.update({ where: { tenantId_id: { tenantId: tenant, id: gate } }, data: { status: 'lapsed' } }),
  );
  expect(await hear(deps, { run, ring: { gate } })).toEqual({ kind: 'gate', state: { gate, lapsed: true } });
  expect(await readGates(deps, { run, gates: [gate] })).toEqual({ decided: [{ gate, lapsed: true }] });
  const again = await openGate(deps, step);
  expect(again.gate).not.toBe(gate);
  expect(await gateRow(again.gate)).toMatchObject({ status: 'open' });
});

test('what was approved is paid, once', async () => {
  const run = await startRun(fixture, claims(), input);
  const total = await totalOf(run);
  const { gate } = await openGate(deps, { run, node: 'manager_approves', inputs: { total } });
  await decide(fixture, gate, 'approve');
  expect(await pay({ run, node: 'pay', inputs: { total } })).toMatchObject({ status: 'committed' });
  expect(payments.asked).toMatchObject([{ body: { to: 'Ada', amount: 42 } }]);
});

test('a write waits while its gate is open, and after a rejection it is refused, by the store and whatever the workflow thinks', async () => {
  const run = await startRun(fixture, claims(), input);
  const total = await totalOf(run);
  const { gate } = await openGate(deps, { run, node: 'manager_approves', inputs: { total } });
  expect(await pay({ run, node: 'pay', inputs: { total } })).toEqual({
    status: 'lapsed',
    gateNode: 'manager_approves',
  });
  expect(await gateRow(gate)).toMatchObject({ status: 'open' });
  await decide(fixture, gate, 'reject');
  expect(await pay({ run, node: 'pay', inputs: { total } })).toMatchObject({ type: 'waymark.not-allowed' });
  expect(payments.asked).toEqual([]);
  expect(await effectsOf(fixture, run)).toEqual([]);
});

test('an approval over something else lapses in the intent, and the same gate asks again with what is now so', async () => {
  const run = await startRun(fixture, claims(), input);
  const total = await totalOf(run);
  const { gate } = await openGate(deps, { run, node: 'manager_approves', inputs: { total } });
  await decide(fixture, gate, 'approve');

  // The tool was declared anew: the step is not the one that was approved.
  const changed = withPayments('Pays a person, now by cheque');
  expect(await pay({ run, node: 'pay', inputs: { total } }, changed)).toEqual({
    status: 'lapsed',
    gateNode: 'manager_approves',
  });
  expect(payments.asked).toEqual([]);
  expect(await effectsOf(fixture, run)).toEqual([]);
  expect(await gateRow(gate)).toMatchObject({ status: 'lapsed', verdict: 'approve' });
  expect(await eventsOf(fixture, run, 'gate.lapsed')).toMatchObject([{ node: 'manager_approves', gate }]);

  // Until it is asked again, the write waits.
  expect(await pay({ run, node: 'pay', inputs: { total } }, changed)).toMatchObject({ status: 'lapsed' });
  const again = await openGate(changed, { run, node: 'manager_approves', inputs: { total } });
  expect(again.gate).not.toBe(gate);
  expect(again.verdict).toBeUndefined();
  await decide(fixture, again.gate, 'approve');
  expect(await pay({ run, node: 'pay', inputs: { total } }, changed)).toMatchObject({ status: 'committed' });
  expect(payments.asked).toHaveLength(1);
});

test('an approval in an item lapses there and nowhere else, and the write after all of them waits for it', async () => {
  const whole = claims();
  const nodes = whole.nodes.map((node) => (node.id === 'manager_approves' ? { ...node, parent: 'each_one' } : node));
  const each = { list: '[1, 2]', item: 'one' };
  const graph = graphOf({
    inputs: whole.inputs,
    nodes: [{ kind: 'for each', id: 'each_one', title: 'Each one', each } as const, ...nodes],
    edges: [
      { from: 'total', to: 'each_one' },
      { from: 'each_one', to: 'pay' },
    ],
  });
  const run = await startRun(fixture, graph, input);
  const total = await totalOf(run);
  const open = (path: string, at = deps) => openGate(at, { run, node: 'manager_approves', path, inputs: { total } });
  const gates = [await open('each_one[1]'), await open('each_one[2]')];
  for (const { gate } of gates) await decide(fixture, gate, 'approve');

  const changed = withPayments('Pays a person, now by cheque');
  const waits = { status: 'lapsed', gateNode: 'manager_approves' } as const;
  // The latest first.
  for (const path of ['each_one[2]', 'each_one[1]']) {
    expect(await pay({ run, node: 'pay', inputs: { total } }, changed)).toEqual({ ...waits, gatePath: path });
    const { gate } = await open(path, changed);
    expect(await pay({ run, node: 'pay', inputs: { total } }, changed)).toEqual({ ...waits, gatePath: path });
    await decide(fixture, gate, 'approve');
  }
  expect(await pay({ run, node: 'pay', inputs: { total } }, changed)).toMatchObject({ status: 'committed' });
  expect(payments.asked).toHaveLength(1);
});

test('a subject that comes back after a lapse is asked about again', async () => {
  const run = await startRun(fixture, claims(), input);
  const total = await totalOf(run);
  const step = { run, node: 'manager_approves', inputs: { total } };
  const first = await openGate(deps, step);
  const second = await openGate(withPayments('another'), step);
  expect(await gateRow(first.gate)).toMatchObject({ status: 'lapsed' });
  const third = await openGate(deps, step);
  expect(await gateRow(second.gate)).toMatchObject({ status: 'lapsed' });
  expect(new Set([first.gate, second.gate, third.gate]).size).toBe(3);
  expect(await gateRow(third.gate)).toMatchObject({ status: 'open' });
});

test('requires approval holds the call until its exact arguments are approved, and sends those', async () => {
  const graph = graphOf({
    ...claims({ need: 'any', of: [{ role: 'cfo' }] }),
    edges: [{ from: 'total', to: 'pay' }],
    id: 'held',
  });
  const run = await startRun(fixture, graph, input);
  const total = await totalOf(run);
  const step = { run, node: 'pay', inputs: { total } };
  const held = await pay(step);
  expect(held).toMatchObject({ status: 'awaiting-approval', waitsFor: 'cfo' });
  const { gate } = held as { gate: string };
  expect(await gateRow(gate)).toMatchObject({ purpose: 'approval', node: 'pay', approverRoles: '["cfo"]' });
  expect(await shownIn(await gateRow(gate))).toEqual({ Pay: { to: 'Ada', amount: 42 } });
  // A step run too early finds the same gate, still open.
  expect(await pay({ ...step, gates: [gate] })).toMatchObject({ status: 'awaiting-approval', gate });
  expect(payments.asked).toEqual([]);

  await decide(fixture, gate, 'approve');
  expect(await pay({ ...step, gates: [gate] })).toMatchObject({ status: 'committed' });
  expect(payments.asked).toMatchObject([{ body: { to: 'Ada', amount: 42 } }]);
});

test('a refused approval refuses the step, for good', async () => {
  const graph = graphOf({
    ...claims({ need: 'any', of: [{ role: 'cfo' }] }),
    edges: [{ from: 'total', to: 'pay' }],
    id: 'held',
  });
  const run = await startRun(fixture, graph, input);
  const total = await totalOf(run);
  const step = { run, node: 'pay', inputs: { total } };
  const { gate } = (await pay(step)) as { gate: string };
  await decide(fixture, gate, 'reject');
  expect(await pay({ ...step, gates: [gate] })).toEqual({ status: 'refused' });
  expect(await pay({ ...step, gates: [gate] })).toEqual({ status: 'refused' });
  expect(await stepOf(fixture, run, 'pay')).toMatchObject({ status: 'refused' });
  expect(await eventsOf(fixture, run, 'step.refused')).toMatchObject([{ node: 'pay', gate }]);
  expect(payments.asked).toEqual([]);
});

test('transitions ride the next activity once, and a flush sets the status', async () => {
  const run = await startRun(fixture, claims(), input);
  const log = [
    { node: 'total', to: 'skipped' as const },
    { node: 'manager_approves', to: 'parked' as const, detail: 'bug' },
  ];
  await flushLog(deps, { run, status: 'needs-attention', log });
  await flushLog(deps, { run, status: 'needs-attention', log });
  expect(await eventsOf(fixture, run)).toMatchObject([
    { type: 'step.skipped', node: 'total' },
    { type: 'step.failed', node: 'manager_approves', class: 'bug' },
    { type: 'run.status', status: 'needs-attention' },
  ]);
  expect(await stepOf(fixture, run, 'total')).toMatchObject({ status: 'skipped' });
});
