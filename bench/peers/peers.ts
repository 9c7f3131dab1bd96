/**
 * Durable steps a second, and how long one takes, against DBOS and LangGraph: chains of steps that do nothing but return, one
 * run at a time and a hundred at once, on the same PostgreSQL server with each its own database, in turn within each round.
 *
 * Waymark is measured as it is shipped: runs are started at the API, steps are claimed, validated and committed with their log
 * by the worker, and a Temporal dev server, which keeps its data in a file, decides what is next. DBOS and LangGraph run in
 * one process each, with their own store in PostgreSQL; LangGraph writes its checkpoints before it goes on.
 */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Caller } from '../api/closed-loop.ts';
import { createCaller } from '../api/closed-loop.ts';
import type { Row } from '../report.ts';
import { median, percentile } from '../report.ts';
import type { BenchStack } from '../stack.ts';
import { chainDocument, startBenchStack } from '../stack.ts';
import { untilCompleted } from '../until-completed.ts';
import type { Burst, BurstTimes } from './burst-server.ts';

const steps = 10;
/** A hundred at once take a minute or two: more rounds of them would tell nothing more. */
const atOnce = [
  { runs: 1, most: Number.POSITIVE_INFINITY },
  { runs: 100, most: 3 },
];
/** As the pool of Waymark's worker. */
const connections = 20;

interface Contender {
  name: string;
  burst(burst: Burst): Promise<BurstTimes>;
}

/** @param rounds how many times each is measured, after one time that is not counted */
export async function benchPeers(rounds: number, progress: (line: string) => void): Promise<Row[]> {
  const stack = await startBenchStack(progress);
  const owner = new pg.Client({ connectionString: stack.ownerUrl });
  const callers: Caller[] = [];
  try {
    await owner.connect();
    const [waymark, ...peers] = [
      await startWaymark(stack, owner, callers),
      await startPeer(stack, 'DBOS', 'dbos'),
      await startPeer(stack, 'LangGraph', 'langgraph'),
    ];
    if (waymark === undefined) throw new Error('nothing to measure');
    const contenders = [waymark, ...peers];
    const measured = new Map<string, BurstTimes[]>();
    for (const { runs, most } of atOnce) {
      const last = Math.min(rounds, most);
      for (let round = 0; round <= last; round += 1) {
        progress(`peers: ${runs} at once, round ${round} of ${last}${round === 0 ? ' (warm-up)' : ''}`);
        // Another one goes first in each round.
        for (const { name, burst } of rotated(contenders, round)) {
          const key = `${name} ${runs}`;
          const times = await burst({ runs, steps });
          if (round > 0) measured.set(key, [...(measured.get(key) ?? []), times]);
        }
      }
    }
    return atOnce.flatMap(({ runs }) =>
      peers.flatMap(({ name }) => rowsOf(runs, name, measured.get(`Waymark ${runs}`), measured.get(`${name} ${runs}`))),
    );
  } finally {
    for (const caller of callers) caller.close();
    await owner.end();
    await stack.stop();
  }
}

function rowsOf(runs: number, peer: string, ours: BurstTimes[] = [], theirs: BurstTimes[] = []): Row[] {
  const named = `${runs === 1 ? 'one run' : `${runs} runs at once`}, against ${peer}`;
  const rate = ({ wallMs }: BurstTimes) => (runs * steps * 1000) / wallMs;
  const row = (
    what: string,
    of: (times: BurstTimes) => number,
    shown: (value: number) => string,
    least: boolean,
  ): Row => {
    const [mine, base] = [ours.map(of), theirs.map(of)];
    const ratios = mine.map((one, round) => {
      const other = base[round] ?? Number.NaN;
      return least ? one / other : other / one;
    });
    return {
      what: `${named}: ${what}`,
      ours: shown(median(mine)),
      baseline: shown(median(base)),
      ratio: median(ratios),
      spread: [Math.min(...ratios), Math.max(...ratios)],
    };
  };
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  return [
    row('durable steps a second', rate, (value) => `${value.toFixed(0)} / s`, false),
    row('step to step, p50', ({ stepMs }) => percentile(stepMs, 0.5), ms, true),
    row('step to step, p95', ({ stepMs }) => percentile(stepMs, 0.95), ms, true),
  ];
}

const rotated = <T>(list: readonly T[], by: number): T[] =>
  list.map((_, index) => list[(index + by) % list.length] as T);

async function startPeer(stack: BenchStack, name: string, script: string): Promise<Contender> {
  const databaseUrl = await stack.createDatabase(script);
  const { url } = await stack.startServer(`bench/peers/${script}-server.ts`, { databaseUrl, connections });
  return {
    name,
    async burst(burst) {
      const response = await fetch(url, { method: 'POST', body: JSON.stringify(burst) });
      if (!response.ok) throw new Error(`${name}: ${await response.text()}`);
      return (await response.json()) as BurstTimes;
    },
  };
}

async function startWaymark(stack: BenchStack, owner: pg.Client, callers: Caller[]): Promise<Contender> {
  await stack.startWorker();
  const { url } = await stack.startApi();
  const caller = createCaller(url, stack.tokenOf('An Nguyen'), 100);
  callers.push(caller);
  const published = await caller.ask({
    method: 'POST',
    path: '/documents',
    body: { markdown: chainDocument(steps) },
    key: randomUUID(),
  });
  if (published.status !== 201) throw new Error(`the chain was not published: ${published.body}`);
  const { document } = JSON.parse(published.body) as { document: string };
  return {
    name: 'Waymark',
    async burst({ runs }) {
      const started = performance.now();
      const ids = await Promise.all(
        Array.from({ length: runs }, async () => {
          const body = { document, input: { text: randomUUID() } };
          const answered = await caller.ask({ method: 'POST', path: '/runs', body, key: randomUUID() });
          if (answered.status !== 201) throw new Error(`POST /runs: ${answered.status} ${answered.body}`);
          return (JSON.parse(answered.body) as { id: string }).id;
        }),
      );
      await untilCompleted(owner, ids);
      return { wallMs: performance.now() - started, stepMs: await gapsOf(owner, ids) };
    },
  };
}

/** From the beginning of a step to that of the next, as the store has them. */
async function gapsOf(owner: pg.Client, ids: string[]): Promise<number[]> {
  const { rows } = await owner.query<{ ms: string }>(
    `SELECT extract(epoch FROM next - started_at) * 1000 AS ms FROM (
      SELECT started_at, lead(started_at) OVER (PARTITION BY run_id ORDER BY started_at) AS next
        FROM step_execution WHERE run_id = ANY($1)) AS step WHERE next IS NOT NULL`,
    [ids],
  );
  return rows.map(({ ms }) => Number(ms));
}
