/**
 * Going on from history: how long a resume takes until the first step that is done again begins, against the start of a new run
 * until its first step begins; how long its plan takes; and what it costs to replay a long history into an empty cache.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import type { Call, Caller } from '../api/closed-loop.ts';
import { createCaller } from '../api/closed-loop.ts';
import type { Row } from '../report.ts';
import { median } from '../report.ts';
import type { BenchStack } from '../stack.ts';
import { chainDocument, startBenchStack } from '../stack.ts';
import { untilCompleted } from '../until-completed.ts';
import { benchReplay } from './replay.ts';

const steps = 20;
/** The first that is done again. */
const from = 'step_11';

interface Times {
  startMs: number;
  planMs: number;
  resumeMs: number;
}

/** @param rounds how many times each is measured, after one time that is not counted */
export async function benchResume(rounds: number, progress: (line: string) => void): Promise<Row[]> {
  const stack = await startBenchStack(progress);
  const owner = new pg.Client({ connectionString: stack.ownerUrl });
  try {
    await owner.connect();
    const times = await measure(stack, owner, rounds, progress);
    const of = (key: keyof Times) => times.map((one) => one[key]);
    const row = (what: string, key: 'planMs' | 'resumeMs'): Row => {
      const ratios = times.map((one) => one[key] / one.startMs);
      return {
        what,
        ours: `${median(of(key)).toFixed(1)} ms`,
        baseline: `${median(of('startMs')).toFixed(1)} ms`,
        ratio: median(ratios),
        spread: [Math.min(...ratios), Math.max(...ratios)],
      };
    };
    const started = 'POST run to its first activity';
    return [
      row(`POST resume to the first new activity, after ${steps / 2} kept steps, against ${started}`, 'resumeMs'),
      row(`the plan of that resume, against ${started}`, 'planMs'),
      ...(await benchReplay(rounds, progress)),
    ];
  } finally {
    await owner.end();
    await stack.stop();
  }
}

async function measure(
  stack: BenchStack,
  owner: pg.Client,
  rounds: number,
  progress: (line: string) => void,
): Promise<Times[]> {
  await stack.startWorker();
  const { url } = await stack.startApi();
  const caller = createCaller(url, stack.tokenOf('An Nguyen'), 1);
  try {
    const { document } = await asked(caller, z.object({ document: z.string() }), {
      path: '/documents',
      body: { markdown: chainDocument(steps) },
    });
    const times: Times[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      progress(`resume: round ${round} of ${rounds}${round === 0 ? ' (warm-up)' : ''}`);
      const one = await measureOnce(caller, owner, document);
      if (round > 0) times.push(one);
    }
    return times;
  } finally {
    caller.close();
  }
}

const startedRun = z.object({ id: z.string() });
const plan = z.object({ digest: z.string(), kept: z.array(z.object({ step: z.string() })) });

async function measureOnce(caller: Caller, owner: pg.Client, document: string): Promise<Times> {
  const startedAt = Date.now();
  const { id } = await asked(caller, startedRun, { path: '/runs', body: { document, input: { text: randomUUID() } } });
  const startMs = (await firstStepOf(owner, id)) - startedAt;
  await untilCompleted(owner, [id]);

  const asksPlan = performance.now();
  const read = await asked(caller, plan, { path: `/runs/${id}/resume-plan`, body: { from }, status: 200 });
  const planMs = performance.now() - asksPlan;
  if (read.kept.length !== steps / 2)
    throw new Error(`the plan keeps ${read.kept.length} steps, expected half of them`);

  const resumedAt = Date.now();
  const body = { from, digest: read.digest };
  const resumed = await asked(caller, startedRun, { path: `/runs/${id}/resume`, body });
  const resumeMs = (await firstStepOf(owner, resumed.id)) - resumedAt;
  await untilCompleted(owner, [resumed.id]);
  return { startMs, planMs, resumeMs };
}

async function asked<Shape extends z.ZodType>(
  caller: Caller,
  shape: Shape,
  { status = 201, ...call }: Omit<Call, 'method' | 'key'> & { status?: number },
): Promise<z.output<Shape>> {
  const answered = await caller.ask({ method: 'POST', key: randomUUID(), ...call });
  if (answered.status !== status) throw new Error(`POST ${call.path}: ${answered.status} ${answered.body}`);
  return shape.parse(JSON.parse(answered.body));
}

/** When the first step that this run did itself began, in milliseconds since the epoch: worker and benchmark have one clock. */
async function firstStepOf(owner: pg.Client, run: string): Promise<number> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    const { rows } = await owner.query<{ at: Date | null }>(
      'SELECT min(started_at) AS at FROM step_execution WHERE run_id = $1',
      [run],
    );
    const [{ at } = { at: null }] = rows;
    if (at !== null) return at.getTime();
    await sleep(5);
  }
  throw new Error('what the benchmark waits for did not come within a minute');
}
