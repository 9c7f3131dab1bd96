/**
 * The API against a bare Fastify server with SQL by hand that verifies the same token, sets the same tenant, and reads and
 * writes the same rows: a run's view, the start of a run, and the decision of a gate.
 *
 * Both are processes of their own on the same PostgreSQL and Temporal, and are asked in turn, by a few connections that each
 * wait for their answer. No worker runs: what both start and ring at Temporal stays where it is.
 */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import type { Row } from '../report.ts';
import { median, percentile } from '../report.ts';
import type { BenchStack } from '../stack.ts';
import { startBenchStack } from '../stack.ts';
import type { Call, Caller } from './closed-loop.ts';
import { createCaller } from './closed-loop.ts';

const bar = 1.25;
const connections = 4;
/** Of one turn: short, so that what slows the machine for a moment falls on both. */
const requests = 40;
/** In a round, of each. */
const turns = 10;
/** How many runs are read in turn. */
const runsToRead = 20;
/** That the tenant has besides. */
const earlierRuns = 5_000;

const order = `# Order

## Inputs
| Name     | Type   |
|----------|--------|
| amount   | number |
| supplier | text   |

## Steps
### Sum it up
- set:
  - total: \`input.amount * 2.0\`
  - supplier: \`input.supplier\`

### Manager approves
- approve: manager
- not by: requester
- show: [Sum it up](#sum-it-up), \`input.supplier\`

Shall this be ordered?

### Note it
- set:
  - ordered: \`sum_it_up.total\`

## Result
| Name  | Type   | Value             |
|-------|--------|-------------------|
| total | number | \`note_it.ordered\` |
`;

interface Scene {
  owner: pg.Client;
  document: string;
  /** Runs whose gate is open. */
  runs: string[];
}

/** One of the three routes. `calls` gives those of one turn. */
interface Route {
  what: string;
  person: string;
  status: number;
  calls(): Promise<Call[]>;
}

/** @param rounds how many times each route is measured on both, after one time that is not counted */
export async function benchApi(rounds: number, progress: (line: string) => void): Promise<Row[]> {
  const stack = await startBenchStack(progress);
  const owner = new pg.Client({ connectionString: stack.ownerUrl });
  try {
    await owner.connect();
    const api = await stack.startApi();
    const bare = await stack.startServer('bench/api/bare-server.ts', {
      databaseUrl: stack.apiDatabaseUrl,
      issuerFolder: stack.issuerFolder,
      temporal: stack.temporal,
    });
    progress('api: runs that wait at their gate');
    const scene = await setScene(stack, api.url, owner);
    await requireSameAnswers(stack, scene, [api.url, bare.url]);
    const rows: Row[] = [];
    for (const route of routesOf(scene)) {
      const token = stack.tokenOf(route.person);
      const [ours, theirs] = [api.url, bare.url].map((url) => createCaller(url, token, connections)) as [
        Caller,
        Caller,
      ];
      rows.push(...(await measure(route, ours, theirs, { owner, rounds, progress })));
      ours.close();
      theirs.close();
    }
    return rows;
  } finally {
    await owner.end();
    await stack.stop();
  }
}

async function measure(
  route: Route,
  ours: Caller,
  theirs: Caller,
  { owner, rounds, progress }: { owner: pg.Client; rounds: number; progress: (line: string) => void },
): Promise<Row[]> {
  const measured: { ours: number[]; theirs: number[] }[] = [];
  const turn = async (caller: Caller): Promise<number[]> => {
    const calls = await route.calls();
    const times = await caller.times(calls, route.status);
    await settle(owner);
    return times;
  };
  for (let round = 0; round <= rounds; round += 1) {
    progress(`api: ${route.what}, round ${round} of ${rounds}${round === 0 ? ' (warm-up)' : ''}`);
    const times: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
    for (let taken = 0; taken < turns; taken += 1) {
      // Turn about, so that neither always goes first.
      if (taken % 2 === 0) times.ours.push(...(await turn(ours)));
      times.theirs.push(...(await turn(theirs)));
      if (taken % 2 === 1) times.ours.push(...(await turn(ours)));
    }
    if (round > 0) measured.push(times);
  }
  const row = (share: number): Row => {
    const of = (side: 'ours' | 'theirs') => measured.map((one) => percentile(one[side], share));
    const [mine, base] = [of('ours'), of('theirs')];
    const ratios = mine.map((one, round) => one / (base[round] ?? Number.NaN));
    return {
      what: `${route.what}: p${share * 100}`,
      ours: `${median(mine).toFixed(2)} ms`,
      baseline: `${median(base).toFixed(2)} ms`,
      ratio: median(ratios),
      bar,
      spread: [Math.min(...ratios), Math.max(...ratios)],
    };
  };
  return [row(0.5), row(0.95)];
}

function routesOf(scene: Scene): Route[] {
  const post = (path: string, body: unknown): Call => ({ method: 'POST', path, body, key: randomUUID() });
  return [
    {
      what: 'GET run',
      person: 'An Nguyen',
      status: 200,
      calls: async () =>
        Array.from({ length: requests }, (_, index) => ({
          method: 'GET' as const,
          path: `/runs/${scene.runs[index % scene.runs.length]}`,
        })),
    },
    {
      what: 'POST run',
      person: 'An Nguyen',
      status: 201,
      calls: async () =>
        Array.from({ length: requests }, (_, index) =>
          post('/runs', { document: scene.document, input: { amount: index, supplier: `Supplier ${index}` } }),
        ),
    },
    {
      what: 'POST decision',
      person: 'Mai Tran',
      status: 201,
      calls: async () =>
        (await openGates(scene, requests)).map(({ id, subject }) =>
          post(`/gates/${id}/decisions`, { action: 'approve', subject, comment: 'Fine.' }),
        ),
    },
  ];
}

/** Publishes the document and brings runs of it to their gate, by the real worker. */
async function setScene(stack: BenchStack, url: string, owner: pg.Client): Promise<Scene> {
  const worker = await stack.startWorker();
  const caller = createCaller(url, stack.tokenOf('An Nguyen'), 1);
  try {
    const document = String((await created(caller, '/documents', { markdown: order })).document);
    const runs: string[] = [];
    for (let index = 0; index < runsToRead; index += 1) {
      const input = { amount: index, supplier: `Supplier ${index}` };
      runs.push(String((await created(caller, '/runs', { document, input })).id));
    }
    for (const run of runs) await untilWaiting(caller, run);
    await addEarlierRuns(owner, runs[0] as string);
    await settle(owner);
    return { owner, document, runs };
  } finally {
    caller.close();
    await worker.stop();
  }
}

async function created(caller: Caller, path: string, body: unknown): Promise<Record<string, unknown>> {
  const { status, body: text } = await caller.ask({ method: 'POST', path, body, key: randomUUID() });
  if (status !== 201) throw new Error(`POST ${path}: ${status} ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

async function untilWaiting(caller: Caller, run: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; ) {
    const view = JSON.parse((await caller.ask({ method: 'GET', path: `/runs/${run}` })).body) as { status: string };
    if (view.status === 'waiting') return;
    if (Date.now() > deadline) throw new Error(`run ${run} is ${view.status}, expected it to wait at its gate`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Copies of a run that waits at its gate, and of the gate. Nobody looks for their workflows: there are none. */
async function openGates({ owner, runs }: Scene, count: number): Promise<{ id: string; subject: string }[]> {
  const { gates } = await copyRun(owner, runs[0] as string, count, ['run', 'gate']);
  return gates;
}

/**
 * As many runs as a team has after some months, with their steps, gates and logs. In tables of a few rows PostgreSQL does best
 * by reading them whole, and keeps to it for as long as a connection keeps the plan: what is measured then is how it
 * came to its plans, not how long the statements take.
 */
async function addEarlierRuns(owner: pg.Client, run: string): Promise<void> {
  // Rows that were never written by steps that did them: without the triggers.
  await owner.query('SET session_replication_role = replica');
  await copyRun(owner, run, earlierRuns, tablesOfRun);
  await owner.query('RESET session_replication_role');
  await owner.query('ANALYZE');
}

const tablesOfRun = ['run', 'gate', 'step_execution', 'run_event'] as const;
type TableOfRun = (typeof tablesOfRun)[number];

/** What is not the same in a copy of a row. */
const ofCopy: Record<TableOfRun, Record<string, string>> = {
  run: { id: 'copy.id', root_run_id: 'copy.id', workflow_id: `'copy/' || copy.id` },
  gate: { id: `'gate-' || copy.id`, run_id: 'copy.id', root_run_id: 'copy.id' },
  step_execution: {
    id: `t.id || copy.id`,
    memo_key: `t.memo_key || copy.id`,
    run_id: 'copy.id',
    root_run_id: 'copy.id',
  },
  run_event: { run_id: 'copy.id' },
};

/** Copies of a run's rows in these tables. */
async function copyRun(owner: pg.Client, run: string, count: number, tables: readonly TableOfRun[]) {
  const ids = Array.from({ length: count }, () => randomUUID());
  let gates: { id: string; subject: string }[] = [];
  for (const table of tables) {
    const { rows: columns } = await owner.query<{ name: string }>(
      'SELECT column_name AS name FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position',
      [table],
    );
    const names = columns.map(({ name }) => name);
    const values = names.map((name) => ofCopy[table][name] ?? `t.${name}`);
    const { rows } = await owner.query<{ id: string; subject: string }>(
      `INSERT INTO ${table} (${names.join(', ')}) SELECT ${values.join(', ')}
        FROM ${table} t CROSS JOIN unnest($2::text[]) AS copy(id) WHERE t.${table === 'run' ? 'id' : 'run_id'} = $1
        ${table === 'gate' ? 'RETURNING gate.id, gate.subject' : ''}`,
      [run, ids],
    );
    if (table === 'gate') gates = rows;
  }
  return { gates };
}

/** As workers would: everything heard, and every run looked at. Keeps what one turn left from weighing on the next. */
async function settle(owner: pg.Client): Promise<void> {
  await owner.query('UPDATE outbox SET done_at = now() WHERE done_at IS NULL');
  await owner.query(`UPDATE run SET swept_at = now() + interval '1 day' WHERE swept_at IS NULL OR swept_at < now()`);
}

/** That the bare server does what the API does: the same answers, and as many rows written. */
async function requireSameAnswers(stack: BenchStack, scene: Scene, urls: string[]): Promise<void> {
  const found: unknown[] = [];
  for (const url of urls) {
    const before = await rowsWritten(scene.owner);
    const answers: Record<string, unknown>[] = [];
    for (const route of routesOf(scene)) {
      const caller = createCaller(url, stack.tokenOf(route.person), 1);
      const [call] = await route.calls();
      const { status, body } = await caller.ask(call as Call);
      caller.close();
      if (status !== route.status) throw new Error(`${url}: ${route.what} answered ${status} ${body}`);
      const answer = JSON.parse(body) as Record<string, unknown>;
      answers.push(route.status === 200 ? answer : shapeOf(answer));
    }
    const after = await rowsWritten(scene.owner);
    found.push({ answers, written: after.map((count, index) => count - (before[index] ?? 0)) });
  }
  if (!isDeepStrictEqual(found[0], found[1])) {
    throw new Error(`the two servers do not do the same:\n${JSON.stringify(found, undefined, 2)}`);
  }
}

const shapeOf = (answer: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(answer)
      .map(([name, value]) => [name, typeof value])
      .toSorted(),
  );

async function rowsWritten(owner: pg.Client): Promise<number[]> {
  const counts: number[] = [];
  for (const table of ['idempotent_request', 'run', 'run_event', 'outbox', 'decision', 'notification']) {
    const { rows } = await owner.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`);
    counts.push(rows[0]?.count ?? 0);
  }
  return counts;
}
