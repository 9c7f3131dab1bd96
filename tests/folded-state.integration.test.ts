/**
 * The state of a run, as the API gives it, is what the run's log comes to, and what its rows say: whatever tools answer and
 * people do. The interpreter and the activities are the real ones, on a real database; only Temporal is played in this process.
 * `WAYMARK_ALL_ROUNDS` in the environment makes it 200 runs.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createActivities } from '../activities/index.ts';
import { dependencies } from '../activities/testing/run-fixture.ts';
import type { ToolServer } from '../activities/testing/tool-server.ts';
import { json, startToolServer } from '../activities/testing/tool-server.ts';
import type { ApiFixture } from '../api/testing/api-fixture.ts';
import { eventually, openApiFixture, scriptWorkflows } from '../api/testing/api-fixture.ts';
import type { Json } from '../compiler/types.ts';
import type { FoldedRun } from '../prisma/fold-run.ts';
import { foldRun } from '../prisma/fold-run.ts';
import { undoSlotPrefix } from '../prisma/taken-back.ts';
import { runDocument } from '../workflows/run-document.ts';
import type { InProcessRun } from '../workflows/testing/in-process-temporal.ts';
import { runInProcess } from '../workflows/testing/in-process-temporal.ts';

vi.mock('@temporalio/workflow', async (importOriginal) => ({
  ...(await importOriginal<typeof import('@temporalio/workflow')>()),
  ...(await import('../workflows/testing/in-process-temporal.ts')),
}));

/** Every kind but those that need a model or a proposal. */
const document = `# Errands

## Inputs
| Name    | Type           |
|---------|----------------|
| amounts | list of number |

## Types
### Payment
| Field     | Type |
|-----------|------|
| reference | text |

## Steps
### Look
- tool: shop.look
- gives: Payment
- retry: 1 times, after 1 second

### Buy all
- for each: amount in \`input.amounts\`, at most 2 at once
- if it fails: skip

#### Buy
- tool: shop.pay
- with:
  - amount: \`amount\`
- gives: Payment
- undo: shop.refund
- retry: 0 times

#### Note it
- set:
  - bought: \`buy.reference\`

### Enough?
- choose:
  - \`size(buy_all) > 1\`: [Ask](#ask)
  - otherwise: [Extra](#extra)

### Extra
- tool: shop.pay
- with:
  - amount: \`1\`
- undo: shop.refund
- retry: 0 times
- if it fails: [Ask](#ask)

### Ask
- after: [Enough?](#enough), [Extra](#extra)
- approve: manager
- show: [Look](#look)
- actions: approve, reject, request changes to [Ask again](#ask-again)

### Ask again
- person: employee
- gives: Payment

### Sign
- after: [Ask](#ask), [Ask again](#ask-again)
- tool: shop.pay
- with:
  - amount: \`2\`
- requires approval: manager
- undo: shop.refund
- retry: 0 times

### Weigh
- repeat: at most 2 times until \`weigh_once.enough\`
- if not reached: continue

#### Weigh once
- set:
  - enough: \`size(input.amounts) > 1\`

### Last word
- approve: manager
- show: [Sign](#sign)
`;

const rounds = process.env.WAYMARK_ALL_ROUNDS === undefined ? 4 : 200;
const reader = { tenant: 'acme', user: 'bo' };

let shop: ToolServer;
let fixture: ApiFixture;
/** By their workflow ids. */
const workflows = new Map<string, InProcessRun<unknown>>();

beforeAll(async () => {
  shop = await startToolServer();
  const scripted = scriptWorkflows();
  fixture = await openApiFixture({
    practice: false,
    workflows: {
      ...scripted,
      async start({ workflowId, run }) {
        if (workflows.has(workflowId)) return;
        const started = runInProcess(activities, runDocument, { run });
        workflows.set(workflowId, started);
        // A run that was aborted or cancelled ends by an error.
        started.result.catch(() => undefined);
      },
      async ring(workflowId, ring) {
        workflows.get(workflowId)?.ring(ring);
        return 'rung';
      },
    },
  });
  const tool = (name: string, effect: string) => ({
    effect,
    description: name,
    http: { method: 'POST', url: `${shop.url}/${name}` },
    input: { type: 'object' },
    output: { type: 'object' },
  });
  const { database, worker, store, close } = fixture;
  const deps = dependencies(
    { database, store: worker, api: store, lines: [], close },
    {
      breakers: { failures: 1_000_000 },
      configuration: {
        allowedHosts: ['127.0.0.1'],
        tools: {
          'shop.look': tool('look', 'read'),
          'shop.pay': tool('pay', 'write'),
          'shop.refund': tool('refund', 'write'),
        },
      },
    },
  );
  const activities = createActivities(deps);
  await post('an', '/documents', { markdown: document });
});
afterAll(async () => {
  await fixture?.close();
  await shop?.close();
});

interface Answer {
  status: number;
  body: Record<string, Json>;
}

async function post(user: string, url: string, payload: object): Promise<Answer> {
  const headers = await fixture.as(user, randomUUID());
  const response = await fixture.app.inject({ method: 'POST', url, headers, payload });
  return { status: response.statusCode, body: response.json() };
}

async function get<Of>(user: string, url: string): Promise<Of> {
  const response = await fixture.app.inject({ url, headers: await fixture.as(user) });
  if (response.statusCode !== 200) throw new Error(`${url}: ${response.body}`);
  return response.json<Of>();
}

const answers: ((response: Parameters<ToolServer['answer']>[1]) => void)[] = [
  (response) => json(response, 200, { reference: randomUUID() }),
  (response) => json(response, 200, { reference: randomUUID() }),
  (response) => json(response, 500, {}),
  (response) => json(response, 400, {}),
  (response) => void response.destroy(),
];
type Choose = <Of>(list: readonly Of[]) => Of;

type Act = () => Promise<Answer>;

const order =
  (run: string, what: string, payload: object = {}): Act =>
  () =>
    post('olga', `/runs/${run}/${what}`, payload);

/** What somebody could do now, each as a call of the API. */
function acts(run: string, state: FoldedRun, choose: Choose): Act[] {
  const output = { reference: 'by hand' };
  const gates = state.gates.filter(({ status }) => status === 'open');
  const parked = state.steps.filter(({ status }) => status === 'failed');
  const unknown = state.effects.filter(({ status }) => status === 'unknown');
  return [
    ...gates.map(
      ({ gate }) =>
        () =>
          decide(gate, choose),
    ),
    ...parked.map(({ step, path }) => {
      const what = choose(['retry', 'retry', 'skip', 'supply']);
      return order(run, `steps/${step}/${what}`, {
        ...(path === '' ? {} : { path }),
        ...(what === 'supply' ? { output } : {}),
      });
    }),
    ...unknown.map(({ effect }) => {
      const answer = choose(['happened', 'did not happen', 'send again']);
      return order(run, `effects/${effect}/answer`, { answer, ...(answer === 'happened' ? { output } : {}) });
    }),
    ...(state.paused ? [order(run, 'unpause')] : []),
  ];
}

async function decide(gate: string, choose: Choose): Promise<Answer> {
  const user = choose(['mai', 'minh']);
  const { purpose, subject, actions } = await get<{
    purpose: string;
    subject: string;
    actions: { name: string }[];
  }>(user, `/gates/${gate}`);
  if (purpose === 'task') {
    return post('bo', `/gates/${gate}/decisions`, { action: 'done', subject, form: { reference: 'filled in' } });
  }
  return post(user, `/gates/${gate}/decisions`, { action: choose(actions).name, subject });
}

/** The state by HTTP, what the log comes to, and the rows, as they are while nobody can change the run. */
async function compare(run: string): Promise<FoldedRun> {
  const { run: id, ...state } = await get<FoldedRun & { run: string }>('bo', `/runs/${run}/state`);
  expect(id).toBe(run);
  const { events, row, steps, gates, effects } = await fixture.store.actAs(reader, async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM run WHERE tenant_id = 'acme' AND id = ${run} FOR NO KEY UPDATE`;
    const where = { runId: run };
    const row = await tx.run.findFirstOrThrow({ where: { id: run } });
    return {
      row,
      events: await tx.runEvent.findMany({ where, orderBy: { seq: 'asc' } }),
      steps: await tx.stepExecution.findMany({ where, orderBy: { generation: 'asc' } }),
      gates: await tx.gate.findMany({ where }),
      // A write keeps the run that meant it first, also where another sends it again.
      effects: await tx.effect.findMany({ where: { rootRunId: row.rootRunId } }),
    };
  });
  const logged = events.map(({ body, seq, type, node }) => ({ seq, type, node, body: JSON.parse(body) }));
  expect(state).toEqual(foldRun(logged.filter(({ seq }) => seq <= state.seq)));

  const now = foldRun(logged);
  expect([now.seq, now.status, now.paused]).toEqual([row.seq, row.status, row.paused]);
  const claimed = new Map(steps.map((one) => [`${one.node} ${one.path}`, one]));
  const stepsNow = new Map(now.steps.map((one) => [`${one.step} ${one.path}`, one]));
  for (const [place, { status, failureClass }] of claimed) {
    const { status: told, class: failed } = stepsNow.get(place) ?? {};
    // What waits for its approval is a claim that is held meanwhile.
    const expected = { place, status: status === 'running' && told === 'waiting' ? told : status };
    expect({ place, status: told, class: failed }).toEqual({
      ...expected,
      class: status === 'failed' ? failureClass : undefined,
    });
  }
  const sorted = (list: unknown[][]) => list.map((one) => JSON.stringify(one)).sort();
  expect(sorted(now.gates.map(({ gate, status, verdict }) => [gate, status, verdict ?? null]))).toEqual(
    sorted(gates.map(({ id: gate, status, verdict }) => [gate, status, verdict])),
  );
  const made = new Map(effects.map(({ effectKey, status }) => [effectKey, status]));
  expect(sorted(now.effects.map(({ effect, status }) => [effect, status]))).toEqual(
    sorted(now.effects.map(({ effect }) => [effect, made.get(effect)])),
  );
  // Where the write is of a run before, taking it back is a write of its own.
  const told = new Map(now.effects.map(({ effect, status, undone }) => [effect, { status, undone }]));
  const undos = effects.filter(({ slot, runId }) => slot.startsWith(undoSlotPrefix) && runId === run);
  for (const { effectKey, slot, status } of undos) {
    const of = told.get(slot.slice(undoSlotPrefix.length));
    expect(of === undefined ? told.get(effectKey)?.status : of.undone).toBe(status);
  }
  return state;
}

const isOver = ({ status }: FoldedRun) => ['completed', 'rejected', 'failed', 'cancelled'].includes(status);

/** Somebody is asked, or it has ended: it goes no further by itself. */
const stands = (state: FoldedRun) => isOver(state) || acts('', state, ([first]) => first as never).length > 0;

/** Goes through with the run, doing what the dice say, until it has ended. */
async function goThrough(run: string, choose: Choose): Promise<void> {
  for (let done = 0; ; done += 1) {
    const state = await eventually(async () => {
      const one = await compare(run);
      return stands(one) ? one : undefined;
    });
    if (isOver(state)) return;
    const possible = [...acts(run, state, choose), ...(state.paused ? [] : [order(run, 'pause')])];
    // Whatever becomes of it, it comes to an end.
    const { status } = await choose(done > 15 ? [order(run, choose(['cancel', 'abort']))] : possible)();
    // What is refused changes nothing; another throw may.
    if (status < 300) await eventually(async () => ((await seqOf(run)) > state.seq ? true : undefined));
  }
}

async function seqOf(run: string): Promise<number> {
  const { seq } = await fixture.store.actAs(reader, (tx) => tx.run.findFirstOrThrow({ where: { id: run } }));
  return seq;
}

async function resumed(run: string, choose: Choose): Promise<string> {
  const from = choose(['', 'look', 'sign']);
  const plan = await get<{ digest: string }>('olga', `/runs/${run}/resume-plan${from === '' ? '' : `?from=${from}`}`);
  const { status, body } = await post('olga', `/runs/${run}/resume`, {
    digest: plan.digest,
    ...(from === '' ? {} : { from }),
  });
  expect(status, JSON.stringify(body)).toBe(201);
  return String(body.id);
}

test(`whatever tools answer and people do in ${rounds} runs that are each resumed, their state is what log and rows say`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(99), { minLength: 20, maxLength: 40 }), async (dice) => {
      let thrown = 0;
      const choose: Choose = (list) => list[(dice[thrown++ % dice.length] ?? 0) % list.length] as (typeof list)[number];
      shop.answer = (_, response) => choose(answers)(response);
      const amounts = [1, 2, 3].slice(choose([0, 1, 2, 3]));
      const { body } = await post('an', '/runs', { document: 'errands', input: { amounts } });
      const run = String(body.id);
      await goThrough(run, choose);
      const next = await resumed(run, choose);
      const left = await get('bo', `/runs/${run}/state`);
      await goThrough(next, choose);
      // What another run does with its work is no event of this one.
      expect(await get('bo', `/runs/${run}/state`)).toEqual(left);
    }),
    // Each is many runs of a shorter history: what fails is looked at as it is.
    { numRuns: rounds, endOnFailure: true },
  );
}, 3_600_000);
