/**
 * How soon things happen on the stack as it is shipped, ten agents at once: from POST run to the first call of the model, and from
 * the answer that ends one step to the call that begins the next. The model is a server of the benchmark, which answers after a
 * second, as a quick one does; both times are taken at its door, so all that lies between is ours. Runs are started while others
 * are under way, a quarter of a second apart.
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Caller } from './api/closed-loop.ts';
import { createCaller } from './api/closed-loop.ts';
import type { Row } from './report.ts';
import { median, percentile } from './report.ts';
import { startBenchStack } from './stack.ts';
import { untilCompleted } from './until-completed.ts';

const agents = 10;
const steps = 10;
const modelMs = 1000;
const apartMs = 250;
/** Milliseconds, at the 95th of 100. */
const bar = 100;

interface Times {
  firstMs: number[];
  stepMs: number[];
}

/** @param rounds how many times it is measured, after one time that is not counted */
export async function benchLatency(rounds: number, progress: (line: string) => void): Promise<Row[]> {
  const model = await startModel();
  const stack = await startBenchStack(progress);
  const owner = new pg.Client({ connectionString: stack.ownerUrl });
  const callers: Caller[] = [];
  try {
    await owner.connect();
    await stack.startWorker({ OPENAI_API_KEY: 'of-the-benchmark', OPENAI_BASE_URL: model.url });
    const { url } = await stack.startApi();
    const caller = createCaller(url, stack.tokenOf('An Nguyen'), agents);
    callers.push(caller);
    const markdown = agentChain(steps);
    const published = await caller.ask({ method: 'POST', path: '/documents', body: { markdown }, key: randomUUID() });
    if (published.status !== 201) throw new Error(`the chain was not published: ${published.body}`);
    const { document } = JSON.parse(published.body) as { document: string };
    const measured: Times[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      progress(`latency: round ${round} of ${rounds}${round === 0 ? ' (warm-up)' : ''}`);
      const starting = Array.from({ length: agents }, async (_, index) => {
        await sleep(index * apartMs);
        return runOnce(caller, document);
      });
      const asked = await Promise.all(starting);
      const runs = asked.map(({ run }) => run);
      // Seldom, so that looking is no part of what is measured.
      await untilCompleted(owner, runs, 50);
      const times = asked.map(({ marker, at }) => timesOf(at, model.callsOf(marker)));
      if (round === 0) continue;
      measured.push({
        firstMs: times.map(({ firstMs }) => firstMs),
        stepMs: times.flatMap(({ stepMs }) => stepMs),
      });
    }
    return [
      rowOf('POST run to the first call of its agent', measured, ({ firstMs }) => firstMs),
      rowOf('answer of a step’s model to the call of the next', measured, ({ stepMs }) => stepMs),
    ];
  } finally {
    for (const caller of callers) caller.close();
    await owner.end();
    await stack.stop();
    await model.close();
  }
}

function rowOf(what: string, measured: readonly Times[], of: (times: Times) => number[]): Row {
  const p95 = measured.map((times) => percentile(of(times), 0.95));
  const p50 = measured.map((times) => percentile(of(times), 0.5));
  return {
    what: `${agents} agents at once, ${what}: p95, against its bar`,
    ours: `${median(p95).toFixed(1)} ms`,
    baseline: `${bar} ms`,
    ratio: median(p95) / bar,
    bar: 1,
    spread: [Math.min(...p95) / bar, Math.max(...p95) / bar],
    note: `p50 ${median(p50).toFixed(1)} ms`,
  };
}

/** The marker is in every call of the run's agents: each step passes on what the one before it gave. */
async function runOnce(caller: Caller, document: string): Promise<{ run: string; marker: string; at: number }> {
  const marker = randomUUID();
  const at = performance.now();
  const body = { document, input: { text: marker } };
  const answered = await caller.ask({ method: 'POST', path: '/runs', body, key: randomUUID() });
  if (answered.status !== 201) throw new Error(`POST /runs: ${answered.status} ${answered.body}`);
  return { run: (JSON.parse(answered.body) as { id: string }).id, marker, at };
}

function timesOf(at: number, calls: readonly ModelCall[]): { firstMs: number; stepMs: number[] } {
  const [first, ...rest] = calls;
  if (first === undefined || calls.length !== steps)
    throw new Error(`the model was called ${calls.length} times by a run, expected ${steps}`);
  return {
    firstMs: first.at - at,
    stepMs: rest.map((call, index) => call.at - (calls[index]?.answeredAt ?? Number.NaN)),
  };
}

/** Each step asks the model once, and gives what it was given. */
function agentChain(length: number): string {
  const parts = Array.from({ length }, (_, index) => {
    const before = index === 0 ? 'input.text' : `step_${index}.text`;
    return `### Step ${index + 1}\n- agent: [Clerk](#clerk)\n- uses: \`${before}\`\n- gives: Note\n\nPass it on.\n`;
  });
  return [
    '# Agents\n\n## Inputs\n| Name | Type |\n|---|---|\n| text | text |\n',
    '## Types\n### Note\n| Field | Type |\n|---|---|\n| text | text |\n',
    '## Agents\n### Clerk\n- model: small\n\nYou pass notes on.\n',
    '## Steps',
    ...parts,
  ].join('\n');
}

interface ModelCall {
  at: number;
  answeredAt: number;
}

interface Model {
  url: string;
  /** In the order in which they came. */
  callsOf(marker: string): ModelCall[];
  close(): Promise<void>;
}

/** Speaks chat completions, and says what it was given: the marker. */
async function startModel(): Promise<Model> {
  const calls = new Map<string, ModelCall[]>();
  const server = createServer(async (request, response) => {
    const at = performance.now();
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const [marker = ''] = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(body) ?? [];
    await sleep(modelMs);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(answerOf(JSON.stringify({ text: marker })));
    calls.set(marker, [...(calls.get(marker) ?? []), { at, answeredAt: performance.now() }]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    callsOf: (marker) => calls.get(marker) ?? [],
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answerOf(content: string): string {
  const message = { role: 'assistant', content, refusal: null };
  return JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 0,
    model: 'bench',
    choices: [{ index: 0, logprobs: null, finish_reason: 'stop', message }],
    usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 },
  });
}
