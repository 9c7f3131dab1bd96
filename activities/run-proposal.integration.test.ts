import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Graph } from '../compiler/graph.ts';
import { STATE } from '../compiler/proposal-definition.ts';
import type { Json } from '../compiler/types.ts';
import { getArtifact, putArtifact } from '../prisma/artifacts.ts';
import { readContents } from '../prisma/proposal-contents.ts';
import { holdProposal, writeContents } from '../prisma/proposals.ts';
import { claimStep } from './claim.ts';
import { runCollect } from './collect.ts';
import { commitStep, noUsage } from './commit.ts';
import type { Digest, StepInput } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { evaluateConditions } from './evaluate-conditions.ts';
import { openGate } from './gates.ts';
import { runMergeStep } from './run-merge-step.ts';
import { runSetStep } from './run-set-step.ts';
import { runToolStep } from './run-tool-step.ts';
import { finishRun } from './runs.ts';
import { attemptOf } from './testing/attempt.ts';
import type { Fixture } from './testing/run-fixture.ts';
import {
  asRequester,
  decide,
  dependencies,
  graphOf,
  manager,
  openFixture,
  record,
  retry,
  startRun,
  stepOf,
  tenant,
} from './testing/run-fixture.ts';
import { json, startToolServer } from './testing/tool-server.ts';

let fixture: Fixture;
let deps: Dependencies;
beforeAll(async () => {
  fixture = await openFixture();
  deps = dependencies(fixture);
});
afterAll(() => fixture.close());

const set = (id: string, values: Record<string, string>, more: object = {}): Graph['nodes'][number] => ({
  kind: 'set',
  id,
  title: id,
  values: Object.entries(values).map(([name, expr]) => ({ name, expr })),
  checks: [],
  ...more,
});

const quotation = graphOf({
  inputs: [
    { name: 'days', type: { kind: 'number' } },
    { name: 'seller', type: { kind: 'text' } },
  ],
  proposal: {
    owner: { person: 'input.seller' },
    state: {
      kind: 'record',
      fields: [
        { name: 'effort', type: record({ days: 'number', rate: 'number' }), optional: true },
        { name: 'phase', type: { kind: 'text' }, default: 'draft' },
        { name: 'net', type: { kind: 'number' }, optional: true, computed: 'this.effort.days * this.effort.rate' },
      ],
    },
    sections: [
      { field: { name: 'The work', type: record({ days: 'number' }) }, owner: { role: 'manager' } },
      { field: { name: 'Terms', type: { kind: 'text' }, default: 'Our usual terms' } },
      { field: { name: 'Days', type: record({ days: 'number' }), computed: 'this["The work"]' } },
    ],
  },
  nodes: [
    set('estimate', { days: 'input.days' }, { section: 'The work' }),
    set('effort', { days: 'estimate.days', rate: '100' }, { state: ['effort'] }),
    set('price', { net: 'proposal.state.net', terms: 'proposal.sections.Terms' }),
    {
      kind: 'choose',
      id: 'is_it_large',
      title: 'Is it large?',
      arms: [{ when: 'estimate.days > 5', to: 'sum' }, { when: 'proposal.state.net > 250', to: 'sum' }, { to: 'sum' }],
    },
    {
      kind: 'merge',
      id: 'sum',
      title: 'Sum',
      join: 'names',
      from: [{ name: 'work', expr: 'estimate' }],
      gives: { kind: 'anything' },
      checks: [],
    },
    {
      kind: 'approve',
      id: 'agree',
      title: 'Agree',
      approvers: { need: 'any', of: [{ role: 'manager' }] },
      notBy: [],
      show: [
        { name: 'work', expr: 'estimate' },
        { name: 'state', expr: 'proposal.state' },
      ],
      instruction: 'Well?',
      actions: [{ name: 'approve', effect: 'continue' }],
    },
  ],
  result: [
    { name: 'days', type: { kind: 'number' }, value: 'estimate.days' },
    { name: 'net', type: { kind: 'number' }, value: 'proposal.state.net' },
  ],
});

const doSet = (input: StepInput) => attemptOf((signal) => runSetStep(deps, input, signal));
const outputOf = (outcome: unknown): Digest => {
  expect(outcome).toMatchObject({ status: 'committed' });
  return (outcome as { output: Digest }).output;
};
const contentOf = (digest: Digest): Promise<Json> => asRequester(fixture, (tx) => getArtifact(tx, tenant, digest));
const start = (more: object = {}) => startRun(fixture, quotation, { days: 3, seller: 'mona', ...more });

function proposalOf(run: string) {
  return asRequester(fixture, async (tx) => {
    const row = await tx.proposal.findUniqueOrThrow({
      where: { tenantId_runId: { tenantId: tenant, runId: run } },
      include: { sections: { orderBy: { position: 'asc' } }, collaborators: true },
    });
    return { row, contents: await readContents(tx, tenant, row.sections) };
  });
}

/** As the API writes what a person wrote. */
async function edit(run: string, section: string, content: Json): Promise<void> {
  const { row } = await proposalOf(run);
  await fixture.api.actAs(manager, async (tx) => {
    const digest = await putArtifact(tx, tenant, content);
    const held = await holdProposal(tx, tenant, row.id);
    await writeContents(tx, manager, held, [{ section, digest, source: 'person' }]);
  });
}

test('a run opens its proposal at the first step that needs it, and its steps fill sections and parts of the state', async () => {
  const run = await start();
  const estimate = outputOf(await doSet({ run, node: 'estimate' }));
  const opened = await proposalOf(run);
  expect(opened.row).toMatchObject({ startedBy: 'rita', assigneeId: 'mona', status: 'open', title: 'Claims' });
  expect(opened.row.collaborators.map(({ userId }) => userId).sort()).toEqual(['mona', 'rita']);
  expect(opened.contents).toEqual({
    'The work': { days: 3 },
    Terms: 'Our usual terms',
    Days: { days: 3 },
    [STATE]: { phase: 'draft' },
  });
  await doSet({ run, node: 'effort', inputs: { estimate } });
  expect((await proposalOf(run)).contents[STATE]).toEqual({
    effort: { days: 3, rate: 100 },
    phase: 'draft',
    net: 300,
  });
  const versions = await asRequester(fixture, (tx) =>
    tx.sectionVersion.findMany({ where: { proposalId: opened.row.id, source: 'step' }, orderBy: { at: 'asc' } }),
  );
  expect(versions.map(({ section, version, userId, sourceId }) => [section, version, userId, sourceId])).toEqual([
    ['The work', 1, 'rita', 'estimate'],
    [STATE, 2, 'rita', 'effort'],
  ]);
});

test('whoever reads the step, the proposal or the container of the step reads what people made of it', async () => {
  const run = await start();
  const estimate = outputOf(await doSet({ run, node: 'estimate' }));
  await edit(run, 'The work', { days: 9 });
  const effort = outputOf(await doSet({ run, node: 'effort', inputs: { estimate } }));
  expect(await contentOf(effort)).toEqual({ days: 9, rate: 100 });
  expect(await contentOf(outputOf(await doSet({ run, node: 'price' })))).toEqual({
    net: 900,
    terms: 'Our usual terms',
  });
  const sum = await attemptOf((signal) => runMergeStep(deps, { run, node: 'sum', inputs: { estimate } }, signal));
  expect(await contentOf(outputOf(sum))).toEqual({ work: { days: 9 } });

  const conditions = [0, 1].map((index) => ({ index, of: 'arm' as const }));
  const choose = { run, node: 'is_it_large', inputs: { estimate } };
  expect(await evaluateConditions(deps, { ...choose, conditions })).toEqual({ holds: conditions[0] });
  const gate = await openGate(deps, { run, node: 'agree', inputs: { estimate } });
  const { shown } = await asRequester(fixture, (tx) => tx.gate.findFirstOrThrow({ where: { id: gate.gate } }));
  const values = (JSON.parse(shown) as { name: string; digest: Digest }[]).map(({ digest }) => contentOf(digest));
  expect(await Promise.all(values)).toEqual([
    { days: 9 },
    { effort: { days: 9, rate: 100 }, phase: 'draft', net: 900 },
  ]);
  const { result } = await finishRun(deps, { run, outcome: 'completed', inputs: { estimate } });
  expect(await contentOf(result ?? '')).toEqual({ days: 9, net: 900 });
});

test('control flow is never handed a copy of what the proposal holds', async () => {
  const run = await start();
  expect(await doSet({ run, node: 'estimate' })).toMatchObject({ view: { opaque: ['days'] } });
});

test('an edit of what a step read makes it other work until it is done, and none once it is', async () => {
  const run = await start();
  const estimate = outputOf(await doSet({ run, node: 'estimate' }));
  const reads = { run, node: 'sum', inputs: { estimate } };
  const claim = () => claimStep(deps, reads);
  await claim();
  await edit(run, 'The work', { days: 9 });
  const again = await claim();
  expect('claimed' in again && [again.claimed.generation, again.claimed.attempt]).toEqual([1, 1]);
  // What it does not read is nothing to it.
  await edit(run, 'Terms', 'Other terms');
  const same = await claim();
  expect('claimed' in same && [same.claimed.generation, same.claimed.attempt]).toEqual([1, 2]);
  const merge = () => attemptOf((signal) => runMergeStep(deps, reads, signal));
  const done = await merge();
  await edit(run, 'The work', { days: 11 });
  expect(await merge()).toEqual(done);
});

test('a step whose place was written while it was at work parks as stale, and done again it writes over that', async () => {
  const run = await start();
  const claimed = await claimStep(deps, { run, node: 'estimate' });
  if (!('claimed' in claimed)) throw new Error('expected a claim');
  await edit(run, 'The work', { days: 7 });
  // A later attempt at the same work is bound to what was there when that began.
  expect(await doSet({ run, node: 'estimate' })).toMatchObject({ type: 'waymark.stale', nonRetryable: true });
  expect(await stepOf(fixture, run, 'estimate')).toMatchObject({ status: 'failed', failureClass: 'stale' });
  expect((await proposalOf(run)).contents['The work']).toEqual({ days: 7 });
  outputOf(await doSet({ run, node: 'estimate' }));
  expect((await proposalOf(run)).contents).toMatchObject({ 'The work': { days: 3 }, Days: { days: 3 } });
});

test('an edit of another section or of another part of the state does not make a step stale', async () => {
  const run = await start();
  const estimate = outputOf(await doSet({ run, node: 'estimate' }));
  await claimStep(deps, { run, node: 'effort', inputs: { estimate } });
  await edit(run, 'Terms', 'Other terms');
  await edit(run, STATE, { phase: 'talks' });
  outputOf(await doSet({ run, node: 'effort', inputs: { estimate } }));
  expect((await proposalOf(run)).contents[STATE]).toEqual({ effort: { days: 3, rate: 100 }, phase: 'talks', net: 300 });
});

test('an output that the proposal does not take parks the step, and nothing of it is written', async () => {
  const run = await start();
  const claimed = await claimStep(deps, { run, node: 'estimate' });
  if (!('claimed' in claimed)) throw new Error('expected a claim');
  const commit = commitStep(deps, claimed.claimed, { output: { days: 'many' }, usage: noUsage, quality: 1 });
  await expect(commit).rejects.toMatchObject({ type: 'waymark.invalid-output', nonRetryable: true });
  const { failureDetail, outputDigest } = await stepOf(fixture, run, 'estimate');
  expect(outputDigest).toBeNull();
  expect(failureDetail).toMatch(/^The proposal does not take the output as section The work: The work\.days: /);
  expect((await proposalOf(run)).contents['The work']).toBeUndefined();
});

test('a closed proposal is not written', async () => {
  const run = await start();
  await claimStep(deps, { run, node: 'estimate' });
  const { row } = await proposalOf(run);
  await fixture.api.actAs(manager, (tx) =>
    tx.proposal.updateMany({ where: { tenantId: tenant, id: row.id }, data: { status: 'closed' } }),
  );
  expect(await doSet({ run, node: 'estimate' })).toMatchObject({ type: 'waymark.stale', nonRetryable: true });
});

test('a step that needs a proposal whose owner is nobody is not allowed, and says who was named', async () => {
  const run = await start({ seller: 'nobody' });
  expect(await doSet({ run, node: 'estimate' })).toMatchObject({ type: 'waymark.not-allowed', nonRetryable: true });
  expect((await stepOf(fixture, run, 'estimate')).failureDetail).toBe(
    'Unexpected value of input.seller, expected an active person of the tenant to own a part of the proposal',
  );
});

test('two steps that need the proposal first at the same moment open one', async () => {
  const run = await start();
  const claims = await Promise.all(['estimate', 'price'].map((node) => claimStep(deps, { run, node })));
  expect(claims.map((claim) => 'claimed' in claim)).toEqual([true, true]);
  expect(await asRequester(fixture, (tx) => tx.proposal.count({ where: { runId: run } }))).toBe(1);
});

test('a step that runs for each item puts each output there, and its list is no write', async () => {
  const graph = graphOf({
    inputs: [{ name: 'list', type: { kind: 'list', of: { kind: 'number' } } }],
    proposal: { sections: [{ field: { name: 'Last', type: { kind: 'anything' } } }] },
    nodes: [
      {
        kind: 'tool',
        id: 'one',
        title: 'One',
        tool: 'policy.lookup',
        with: [{ name: 'day', expr: 'day' }],
        each: { item: 'day', list: 'input.list', atOnce: 1 },
        gives: { kind: 'anything' },
        checks: [],
        section: 'Last',
        retry: retry(0),
        timeoutMs: 300,
      },
    ],
  });
  const run = await startRun(fixture, graph, { list: [1, 2] });
  const items: Digest[] = [];
  for (const day of [1, 2]) {
    const item = await asRequester(fixture, (tx) => putArtifact(tx, tenant, day));
    const claim = await claimStep(deps, { run, node: 'one', path: `one[${day}]`, inputs: { day: item } });
    if (!('claimed' in claim)) throw new Error('expected a claim');
    items.push(outputOf(await commitStep(deps, claim.claimed, { output: { day }, usage: noUsage, quality: 1 })));
  }
  const collected = { run, node: 'one', as: 'list' as const, items };
  const list = await attemptOf((signal) => runCollect(deps, collected, signal));
  expect(await contentOf(outputOf(list))).toEqual([{ day: 1 }, { day: 2 }]);
  expect((await proposalOf(run)).contents).toEqual({ Last: { day: 2 } });
});

test('a write is held to what was approved of the proposal it reads; what is written after the gate binds nothing', async () => {
  const mail = await startToolServer();
  mail.answer = (_, response) => json(response, 200, {});
  const by = dependencies(fixture, {
    configuration: {
      allowedHosts: ['127.0.0.1'],
      tools: {
        'mail.send': {
          effect: 'write',
          description: 'Sends',
          http: { method: 'POST', url: `${mail.url}/mail` },
          input: { type: 'object' },
          output: { type: 'object' },
        },
      },
    },
  });
  const text = { kind: 'text' } as const;
  const gated = graphOf({
    proposal: { sections: ['Offer', 'Log'].map((name) => ({ field: { name, type: text, default: name } })) },
    nodes: [
      {
        kind: 'approve',
        id: 'agree',
        title: 'Agree',
        approvers: { need: 'any', of: [{ role: 'manager' }] },
        notBy: [],
        show: [],
        instruction: 'Well?',
        actions: [{ name: 'approve', effect: 'continue' }],
      },
      {
        kind: 'merge',
        id: 'note',
        title: 'Note',
        join: 'names',
        from: [{ name: 'agree', expr: 'agree' }],
        gives: text,
        checks: [],
        section: 'Log',
      },
      {
        kind: 'tool',
        id: 'send',
        title: 'Send',
        tool: 'mail.send',
        with: [
          { name: 'text', expr: 'proposal.sections.Offer' },
          { name: 'log', expr: 'proposal.sections.Log' },
        ],
        gives: { kind: 'anything' },
        checks: [],
        retry: retry(0),
        timeoutMs: 300,
      },
    ],
    edges: [
      { from: 'agree', to: 'note' },
      { from: 'note', to: 'send' },
    ],
  });
  const run = await startRun(fixture, gated);
  const gateOf = async () => (await openGate(by, { run, node: 'agree' })).gate;
  const send = () => attemptOf((signal) => runToolStep(by, { run, node: 'send' }, signal));
  const first = await gateOf();
  const { shown } = await asRequester(fixture, (tx) => tx.gate.findFirstOrThrow({ where: { id: first } }));
  const [{ digest } = { digest: '' }] = JSON.parse(shown) as { digest: Digest }[];
  expect(await contentOf(digest)).toEqual({ text: 'Offer', log: 'Log' });
  await decide(fixture, first, 'approve');
  await edit(run, 'Log', 'agreed');
  await edit(run, 'Offer', 'Half the price');
  expect(await send()).toEqual({ status: 'lapsed', gateNode: 'agree' });
  expect(mail.asked).toEqual([]);
  const second = await gateOf();
  expect(second).not.toBe(first);
  await decide(fixture, second, 'approve');
  await edit(run, 'Log', 'agreed twice');
  expect(await send()).toMatchObject({ status: 'committed' });
  expect(mail.asked.map(({ body }) => body)).toEqual([{ text: 'Half the price', log: 'agreed twice' }]);
  await mail.close();
});
