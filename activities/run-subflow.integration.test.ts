/** What a step makes of the Result of the document that it ran: checks, its place in the proposal, and what a retry does. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { canonicalJson, sha256Hex } from '../compiler/canonical.ts';
import type { NodeOf } from '../compiler/graph.ts';
import { STATE } from '../compiler/proposal-definition.ts';
import type { Json } from '../compiler/types.ts';
import { getArtifact, putArtifact } from '../prisma/artifacts.ts';
import type { CommandBody } from '../prisma/commands.ts';
import { giveCommand } from '../prisma/commands.ts';
import type { Tx } from '../prisma/open.ts';
import { readContents } from '../prisma/proposal-contents.ts';
import { holdProposal, writeContents } from '../prisma/proposals.ts';
import type { StepInput } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { runSubflow } from './run-subflow.ts';
import { finishRun } from './runs.ts';
import { supplyOutput } from './supply-output.ts';
import { attemptOf } from './testing/attempt.ts';
import type { Fixture } from './testing/run-fixture.ts';
import {
  asRequester,
  dependencies,
  graphOf,
  manager,
  openFixture,
  record,
  startRun,
  stepOf,
  tenant,
} from './testing/run-fixture.ts';

const work = record({ days: 'number' });

/** Gives the days that it is asked for. */
const estimate = graphOf({
  id: 'estimate',
  title: 'Estimate',
  inputs: [
    { name: 'days', type: { kind: 'number' } },
    { name: 'words', type: { kind: 'text' }, default: 'none' },
  ],
  nodes: [{ kind: 'wait', id: 'wait', title: 'Wait', until: { ms: 1 } }],
  result: [{ name: 'days', type: { kind: 'number' }, value: 'input.days' }],
});
const hash = sha256Hex(canonicalJson(estimate));

/** Asks for an estimate; the state says how many days there may be at most. */
const quotation = (more: Partial<NodeOf<'run'>>) =>
  graphOf({
    inputs: [{ name: 'days', type: { kind: 'number' } }],
    proposal: {
      state: {
        kind: 'record',
        fields: [
          { name: 'limit', type: { kind: 'number' }, default: 5 },
          { name: 'work', type: work, optional: true },
        ],
      },
      sections: [
        { field: { name: 'The work', type: work } },
        { field: { name: 'Terms', type: { kind: 'text' }, default: 'Our usual terms' } },
      ],
    },
    nodes: [
      {
        kind: 'run',
        id: 'ask',
        title: 'Ask',
        document: { file: 'estimate.md', id: 'estimate', graph: hash },
        with: [{ name: 'days', expr: 'input.days' }],
        gives: work,
        checks: [{ expr: 'output.days <= proposal.state.limit' }],
        ...more,
      },
    ],
    externals: [{ thing: 'document', as: 'ask', file: 'estimate.md', graph: hash }],
  });

let fixture: Fixture;
let deps: Dependencies;
beforeAll(async () => {
  fixture = await openFixture();
  deps = dependencies(fixture);
  await startRun(fixture, estimate, { days: 1, words: 'none' });
});
afterAll(() => fixture.close());

const start = (days: number, more: Partial<NodeOf<'run'>> = {}) =>
  startRun(fixture, quotation({ section: 'The work', ...more }), { days });
const ask = (run: string, more: Partial<StepInput> = {}) =>
  attemptOf((signal) => runSubflow(deps, { run, node: 'ask', ...more }, signal));

/** The runs that the step called, the first of them first. */
const callsOf = (caller: string) =>
  asRequester(fixture, (tx) => tx.run.findMany({ where: { callerRunId: caller }, orderBy: { createdAt: 'asc' } }));

/** Runs the step until the document that it called has completed. */
async function askAndEnd(run: string, more: Partial<StepInput> = {}): Promise<string> {
  const outcome = await ask(run, more);
  expect(outcome).toEqual({ status: 'called', run: expect.any(String) });
  const called = (outcome as { run: string }).run;
  await finishRun(deps, { run: called, outcome: 'completed' });
  return called;
}

async function contentsOf(run: string): Promise<Record<string, Json>> {
  return asRequester(fixture, async (tx) => {
    const where = { tenantId_runId: { tenantId: tenant, runId: run } };
    const { sections } = await tx.proposal.findUniqueOrThrow({ where, include: { sections: true } });
    return readContents(tx, tenant, sections);
  });
}

/** As the API writes what a person wrote. */
async function edit(run: string, section: string, content: Json): Promise<void> {
  await fixture.api.actAs(manager, async (tx) => {
    const where = { tenantId_runId: { tenantId: tenant, runId: run } };
    const { id } = await tx.proposal.findUniqueOrThrow({ where });
    const digest = await putArtifact(tx, tenant, content);
    await writeContents(tx, manager, await holdProposal(tx, tenant, id), [{ section, digest, source: 'person' }]);
  });
}

/** What an operator asks for, as the API writes it. */
function order(run: string, kind: 'retry' | 'supply', bodyIn: (tx: Tx) => Promise<CommandBody>): Promise<string> {
  return fixture.api.actAs(manager, async (tx) => {
    const about = { ...manager, run, kind, comment: 'since', node: 'ask', now: new Date() };
    return giveCommand(tx, { ...about, body: await bodyIn(tx) });
  });
}

test('the Result that its checks let pass is the output, and stands in the section that the step names', async () => {
  const run = await start(3);
  await askAndEnd(run);
  const outcome = await ask(run);
  expect(outcome).toMatchObject({ status: 'committed' });
  const { output } = outcome as { output: string };
  expect(await asRequester(fixture, (tx) => getArtifact(tx, tenant, output))).toEqual({ days: 3 });
  expect((await contentsOf(run))['The work']).toEqual({ days: 3 });
  expect(await ask(run)).toEqual(outcome);
});

test('a Result that fails a check parks the step, and a retry holds the same one against what the check reads by then', async () => {
  const run = await start(9);
  await askAndEnd(run);
  const failed = { type: 'waymark.check-failed', nonRetryable: true };
  expect(await ask(run)).toMatchObject(failed);
  expect(await stepOf(fixture, run, 'ask')).toMatchObject({
    status: 'failed',
    failureClass: 'check-failed',
    failureDetail: 'Unexpected output, expected output.days <= proposal.state.limit',
  });
  expect((await contentsOf(run))['The work']).toBeUndefined();
  expect(await ask(run)).toMatchObject(failed);
  await edit(run, STATE, { limit: 10 });
  expect(await ask(run)).toMatchObject({ status: 'committed' });
  expect((await contentsOf(run))['The work']).toEqual({ days: 9 });
  expect(await callsOf(run)).toHaveLength(1);
});

test('what a check reads of the proposal may change while the document runs, and nothing is called again for it', async () => {
  const terms = { name: 'words', expr: 'proposal.sections.Terms' };
  const run = await start(9, { with: [{ name: 'days', expr: 'input.days' }, terms] });
  const called = await askAndEnd(run);
  await edit(run, STATE, { limit: 10 });
  expect(await ask(run)).toMatchObject({ status: 'committed' });
  expect((await callsOf(run)).map(({ id }) => id)).toEqual([called]);
  // Once it is done, it was done over what there was.
  await edit(run, STATE, { limit: 1 });
  expect(await ask(run)).toMatchObject({ status: 'committed' });

  const other = await start(3, { with: [{ name: 'days', expr: 'input.days' }, terms] });
  await askAndEnd(other);
  await edit(other, 'Terms', 'Other terms');
  await askAndEnd(other);
  expect(await callsOf(other)).toHaveLength(2);
});

test('a place that somebody wrote while the document ran parks the step as stale, and a retry writes the same Result over it', async () => {
  const run = await start(3);
  await askAndEnd(run);
  await edit(run, 'The work', { days: 4 });
  expect(await ask(run)).toMatchObject({ type: 'waymark.stale', nonRetryable: true });
  expect((await contentsOf(run))['The work']).toEqual({ days: 4 });
  expect(await ask(run)).toMatchObject({ status: 'committed' });
  expect((await contentsOf(run))['The work']).toEqual({ days: 3 });
  expect(await callsOf(run)).toHaveLength(1);
});

test('a retry with a fresh answer runs the document again', async () => {
  const run = await start(9);
  const first = await askAndEnd(run);
  expect(await ask(run)).toMatchObject({ type: 'waymark.check-failed' });
  const fresh = { order: await order(run, 'retry', async () => ({ generation: 1 })) };
  const second = await askAndEnd(run, fresh);
  expect((await callsOf(run)).map(({ id }) => id)).toEqual([first, second]);
  expect(await ask(run, fresh)).toMatchObject({ type: 'waymark.check-failed' });
});

test('an output that a person gives in place of the Result meets the same checks and goes to the same place', async () => {
  const run = await start(9);
  await askAndEnd(run);
  expect(await ask(run)).toMatchObject({ type: 'waymark.check-failed' });
  const supply = async (days: number) => {
    const given = await order(run, 'supply', async (tx) => ({ output: await putArtifact(tx, tenant, { days }) }));
    return attemptOf((signal) => supplyOutput(deps, { run, node: 'ask', order: given }, signal));
  };
  expect(await supply(8)).toMatchObject({ type: 'waymark.check-failed', nonRetryable: true });
  expect(await supply(2)).toMatchObject({ status: 'committed' });
  expect((await contentsOf(run))['The work']).toEqual({ days: 2 });
});

test('a Result without checks goes into a part of the state as well', async () => {
  const { checks: _, ...node } = quotation({ state: ['work'] }).nodes[0] as NodeOf<'run'>;
  const run = await startRun(fixture, graphOf({ ...quotation({}), nodes: [node] }), { days: 9 });
  await askAndEnd(run);
  expect(await ask(run)).toMatchObject({ status: 'committed' });
  expect((await contentsOf(run))[STATE]).toEqual({ limit: 5, work: { days: 9 } });
});
