/** What a run that resumes others is told of their steps: never more than the claim of each step would answer. */
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Graph, Node } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import { claimStep } from './claim.ts';
import type { Digest, RecalledStep, StepInput, StepPlace } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { recallSteps } from './recall-steps.ts';
import { runSetStep } from './run-set-step.ts';
import { beginRun } from './runs.ts';
import { attemptOf } from './testing/attempt.ts';
import type { Fixture } from './testing/run-fixture.ts';
import { asRequester, dependencies, graphOf, openFixture, startRun, tenant } from './testing/run-fixture.ts';

let fixture: Fixture;
let deps: Dependencies;
beforeAll(async () => {
  fixture = await openFixture();
  deps = dependencies(fixture);
});
afterAll(() => fixture.close());

type SetNode = Extract<Node, { kind: 'set' }>;
const set = (id: string, expr: string, more: Partial<SetNode> = {}): SetNode => ({
  kind: 'set',
  id,
  title: id,
  values: [{ name: 'it', expr }],
  checks: [],
  ...more,
});
const inputs: Graph['inputs'] = [
  { name: 'amount', type: { kind: 'number' } },
  { name: 'large', type: { kind: 'yes/no' } },
];

/** `a` of nothing, `b` of a and the input, `c` of b, and only where the input says so; conditions read `a.it`. */
const three = (changed: Partial<Record<'a' | 'b' | 'c', string>> = {}): Graph =>
  graphOf({
    inputs,
    nodes: [
      set('a', changed.a ?? '1'),
      set('b', changed.b ?? 'a.it + input.amount', { when: 'a.it < 2' }),
      set('c', changed.c ?? 'b.it * 2', { when: 'input.large' }),
    ],
    edges: [
      { from: 'a', to: 'b' },
      { from: 'b', to: 'c' },
    ],
  });
const readsOf: Record<string, string[]> = { a: [], b: ['a'], c: ['b'] };
const input: Json = { amount: 5, large: true };

async function perform(step: StepInput): Promise<Digest> {
  const outcome = await attemptOf((signal) => runSetStep(deps, step, signal));
  expect(outcome).toMatchObject({ status: 'committed' });
  return (outcome as { output: Digest }).output;
}

/** A run of it from its first step to its last. */
async function done(graph = three()): Promise<{ run: string; outputs: Record<string, Digest> }> {
  const run = await startRun(fixture, graph, input);
  const outputs: Record<string, Digest> = {};
  for (const [node, reads] of Object.entries(readsOf)) {
    outputs[node] = await perform({
      run,
      node,
      inputs: Object.fromEntries(reads.map((one) => [one, outputs[one] ?? ''])),
    });
  }
  return { run, outputs };
}

async function recalled(run: string): Promise<RecalledStep[]> {
  const all: RecalledStep[] = [];
  let after: StepPlace | undefined;
  do {
    const { steps, next } = await recallSteps(deps, { run, ...(after && { after }) });
    all.push(...steps);
    after = next;
  } while (after !== undefined);
  return all;
}

/** A claim over what the step is said to have read has its record ready, and gives the same. */
async function expectClaimsAgree(run: string, steps: readonly RecalledStep[]): Promise<void> {
  for (const { node, path, read, output, view } of steps) {
    const given = Object.entries(read).flatMap(([name, digest]) => (digest === null ? [] : [[name, digest]]));
    const claim = { run, node, ...(path && { path }), inputs: Object.fromEntries(given) };
    expect(await claimStep(deps, claim)).toEqual({ done: { status: 'committed', output, ...(view && { view }) } });
  }
}

/** What no run of the product does. */
async function asSuperuser(sql: string): Promise<void> {
  const owner = new Client({ connectionString: fixture.database.ownerUrl });
  await owner.connect();
  await owner.query(sql).finally(() => owner.end());
}

const names = (steps: readonly RecalledStep[]) => steps.map(({ node }) => node);

test('every step that was done is recalled, with what its work read and what conditions read of it', async () => {
  const { run: rootRun, outputs } = await done();
  const run = await startRun(fixture, three(), input, { rootRun });
  const steps = await recalled(run);
  expect(steps).toEqual([
    { node: 'a', read: {}, output: outputs.a, view: { values: { it: 1 } } },
    { node: 'b', read: { a: outputs.a }, output: outputs.b },
    { node: 'c', read: { b: outputs.b }, output: outputs.c },
  ]);
  await expectClaimsAgree(run, steps);
});

test.each<[string, Graph, Json, string[], string[]]>([
  ['another input', three(), { amount: 6, large: true }, [], ['a', 'c']],
  ['an input of which only a condition is another', three(), { amount: 5, large: true, more: 1 }, [], ['a', 'c']],
  ['a changed step', three({ b: 'a.it - input.amount' }), input, [], ['a', 'c']],
  ['a step that is to be done again', three(), input, ['b'], ['a', 'c']],
  ['a step that is gone', graphOf({ inputs, nodes: [set('a', '1'), set('d', 'a.it')] }), input, [], ['a']],
])('with %s the others are recalled', async (_, graph, given, fresh, expected) => {
  const { run: rootRun } = await done();
  const run = await startRun(fixture, graph, given, { rootRun, fresh });
  const steps = await recalled(run);
  expect(names(steps)).toEqual(expected);
  await expectClaimsAgree(run, steps);
});

test('the latest work of a step counts, and a run does not recall its own', async () => {
  const { run: rootRun } = await done();
  const second = await startRun(fixture, three({ a: '0' }), input, { rootRun });
  expect(names(await recalled(second))).toEqual(['b', 'c']);
  const output = await perform({ run: second, node: 'a' });
  expect(names(await recalled(second))).toEqual(['b', 'c']);

  const third = await startRun(fixture, three({ a: '0' }), input, { rootRun });
  expect((await recalled(third))[0]).toMatchObject({ node: 'a', output });
  const asAtFirst = await startRun(fixture, three(), input, { rootRun });
  expect(names(await recalled(asAtFirst))).toEqual(['b', 'c']);
});

test('what failed, and what another run is at, is not recalled', async () => {
  const rootRun = await startRun(fixture, three({ b: 'input.amount / 0' }), input);
  const a = await perform({ run: rootRun, node: 'a' });
  await attemptOf((signal) => runSetStep(deps, { run: rootRun, node: 'b', inputs: { a } }, signal));
  await claimStep(deps, { run: rootRun, node: 'c', inputs: { b: a } });
  const run = await startRun(fixture, three({ b: 'input.amount / 0' }), input, { rootRun });
  expect(names(await recalled(run))).toEqual(['a']);
});

test('more than a page holds is recalled by pages, each step once', async () => {
  const nodes = Array.from({ length: 3 }, (_, index) => set(`s${index}`, '1'));
  const graph = graphOf({ inputs, nodes });
  const rootRun = await startRun(fixture, graph, input);
  for (const { id } of nodes) await perform({ run: rootRun, node: id });
  // As many passes of each as make several pages, made from the first.
  await asSuperuser(
    `SET session_replication_role = replica;
     INSERT INTO step_execution (tenant_id, id, root_run_id, run_id, node, path, generation, status, memo_key, actor_id, output_digest, handoff, started_at, ended_at)
     SELECT tenant_id, id || n, root_run_id, run_id, node, 'p~' || n, 0, 'committed', memo_key || n, actor_id, output_digest, handoff, started_at, ended_at
     FROM step_execution, generate_series(1, 400) n WHERE root_run_id = '${rootRun}' AND tenant_id = '${tenant}'`,
  );
  const run = await startRun(fixture, graph, input, { rootRun });
  let pages = 0;
  for (let after: StepPlace | undefined, first = true; first || after !== undefined; first = false, pages += 1) {
    after = (await recallSteps(deps, { run, ...(after && { after }) })).next;
  }
  expect(pages).toBe(3);
  // The key of such a pass is of another path: a claim would not find it, so it is not recalled.
  expect(names(await recalled(run))).toEqual(['s0', 's1', 's2']);
});

test('a run says whether it resumes another', async () => {
  const { run: rootRun } = await done();
  expect(await beginRun(deps, { run: rootRun })).not.toHaveProperty('resumes');
  const run = await startRun(fixture, three(), input, { rootRun });
  await asRequester(fixture, (tx) =>
    tx.run.update({ where: { tenantId_id: { tenantId: tenant, id: rootRun } }, data: { endedAt: new Date() } }),
  );
  await asSuperuser(`UPDATE run SET resumes_run_id = '${rootRun}' WHERE id = '${run}'`);
  expect(await beginRun(deps, { run })).toMatchObject({ resumes: true });
});
