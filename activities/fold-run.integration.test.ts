import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Graph } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import { foldRun } from '../prisma/fold-run.ts';
import type { StepInput, StepOutcome } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { openGate } from './gates.ts';
import { runToolStep } from './run-tool-step.ts';
import { finishRun, flushLog } from './runs.ts';
import { attemptOf } from './testing/attempt.ts';
import type { Fixture } from './testing/run-fixture.ts';
import { asRequester, dependencies, graphOf, openFixture, retry, startRun } from './testing/run-fixture.ts';
import type { ToolServer } from './testing/tool-server.ts';
import { json, startToolServer } from './testing/tool-server.ts';

let fixture: Fixture;
let server: ToolServer;
let deps: Dependencies;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());
beforeEach(async () => {
  server = await startToolServer();
  const tool = (effect: string) => ({
    effect,
    description: effect,
    http: { method: 'POST', url: `${server.url}/${effect}` },
    input: { type: 'object' },
    output: {},
  });
  deps = dependencies(fixture, {
    configuration: { allowedHosts: ['127.0.0.1'], tools: { 'shop.read': tool('read'), 'shop.write': tool('write') } },
  });
});
afterEach(() => server.close());

const toolNode = (id: string, tool: string): Graph['nodes'][number] => ({
  kind: 'tool',
  id,
  title: id,
  tool,
  with: [],
  gives: { kind: 'anything' },
  checks: [],
  retry: retry(0),
  timeoutMs: 300,
});
const graph = graphOf({
  nodes: [
    toolNode('look', 'shop.read'),
    toolNode('pay', 'shop.write'),
    toolNode('late', 'shop.read'),
    {
      kind: 'approve',
      id: 'ask',
      title: 'Ask',
      approvers: { need: 'any', of: [{ role: 'manager' }] },
      notBy: [],
      show: [],
      instruction: '',
      actions: [{ name: 'approve', effect: 'continue' }],
    },
  ],
});

const answers: Record<string, (response: Parameters<ToolServer['answer']>[1]) => void> = {
  answers: (response) => json(response, 200, { ok: true }),
  fails: (response) => json(response, 500, {}),
  refuses: (response) => json(response, 400, {}),
  drops: (response) => void response.destroy(),
};

const operation = fc.oneof(
  fc.record({
    does: fc.constant('step' as const),
    node: fc.constantFrom('look', 'pay'),
    path: fc.constantFrom('', 'each[0]'),
    server: fc.constantFrom(...Object.keys(answers)),
  }),
  fc.record({ does: fc.constant('open' as const) }),
  fc.record({ does: fc.constant('skip' as const) }),
  fc.record({
    does: fc.constant('tell' as const),
    status: fc.constantFrom('running', 'needs-attention'),
    paused: fc.boolean(),
  }),
  fc.record({ does: fc.constant('end' as const), outcome: fc.constantFrom('cancelled', 'rejected') }),
);
type Operation = typeof operation extends fc.Arbitrary<infer Of> ? Of : never;

async function perform(run: string, one: Operation): Promise<void> {
  switch (one.does) {
    case 'step': {
      server.answer = (_, response) => answers[one.server]?.(response);
      const input: StepInput = { run, node: one.node, ...(one.path === '' ? {} : { path: one.path }) };
      await attemptOf<StepOutcome>((signal) => runToolStep(deps, input, signal)).catch(() => undefined);
      return;
    }
    case 'open':
      await openGate(deps, { run, node: 'ask' });
      return;
    case 'skip':
      await flushLog(deps, { run, status: 'running', log: [{ node: 'late', to: 'skipped' }] });
      return;
    case 'tell':
      await flushLog(deps, { run, status: one.status as 'running', paused: one.paused });
      return;
    case 'end':
      await finishRun(deps, { run, outcome: one.outcome as 'cancelled' });
  }
}

/** What the rows say, in the words of the fold. */
function rowsOf(run: string) {
  return asRequester(fixture, async (tx) => {
    const row = await tx.run.findFirstOrThrow({ where: { id: run } });
    const steps = await tx.stepExecution.findMany({ where: { runId: run }, orderBy: { generation: 'asc' } });
    const gates = await tx.gate.findMany({ where: { runId: run } });
    const effects = await tx.effect.findMany({ where: { runId: run } });
    const events = await tx.runEvent.findMany({ where: { runId: run }, orderBy: { seq: 'asc' } });
    const parsed = events.map(({ seq, type, node, body }) => ({
      seq,
      type,
      node,
      body: JSON.parse(body) as { [field: string]: Json },
    }));
    return { row, steps, gates, effects, folded: foldRun(parsed) };
  });
}

test('after whatever happened to a run, its rows say what its log comes to', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 9 }), async (operations) => {
      const run = await startRun(fixture, graph);
      for (const one of operations) {
        await perform(run, one);
        if (one.does === 'end') break;
      }
      const { row, steps, gates, effects, folded } = await rowsOf(run);
      expect([folded.seq, folded.status, folded.paused]).toEqual([row.seq, row.status, row.paused]);
      const latest = new Map(steps.map((step) => [`${step.node} ${step.path}`, step]));
      const claimed = folded.steps.filter(({ step }) => step !== 'ask');
      const sorted = (list: unknown[][]) => list.map((one) => JSON.stringify(one)).sort();
      expect(sorted(claimed.map((one) => [one.step, one.path, one.class ?? null, one.status]))).toEqual(
        sorted(
          [...latest.values()].map((one) => [
            one.node,
            one.path,
            one.status === 'failed' ? one.failureClass : null,
            one.status,
          ]),
        ),
      );
      expect(sorted(folded.gates.map(({ gate, status }) => [gate, status]))).toEqual(
        sorted(gates.map(({ id, status }) => [id, status])),
      );
      expect(sorted(folded.effects.map(({ effect, status }) => [effect, status]))).toEqual(
        sorted(effects.map(({ effectKey, status }) => [effectKey, status])),
      );
    }),
    { numRuns: 25 },
  );
});
