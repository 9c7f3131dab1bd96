/** Content stays in the store: what people, models and tools said is in no log of the stack and in no Temporal history. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { RunView } from './api-client.ts';
import type { DevelopmentStack } from './development-stack.ts';
import { end, startDevelopment } from './development-stack.ts';
import { claim } from './documents.ts';
import type { ScriptedModel } from './scripted-model.ts';
import { startScriptedModel } from './scripted-model.ts';
import type { ScriptedTools } from './scripted-tools.ts';
import { configurationFor, startScriptedTools, toolCanary } from './scripted-tools.ts';

let folder: string;
let models: ScriptedModel;
let tools: ScriptedTools;
let stack: DevelopmentStack;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'waymark-canary-'));
  [models, tools] = await Promise.all([startScriptedModel(), startScriptedTools()]);
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify(configurationFor(tools, { small: 'scripted' })));
  const env = { OPENAI_API_KEY: 'PLANTED-CANARY-KEY', OPENAI_BASE_URL: models.url };
  stack = await startDevelopment(['--data', join(folder, 'data'), '--config', config], env);
});
afterAll(async () => {
  if (stack) await end(stack.process, 'SIGINT');
  await Promise.all([models?.close(), tools?.close()]);
  rmSync(folder, { recursive: true, force: true });
});

async function until(run: string, status: RunView['status']): Promise<RunView> {
  return vi.waitFor(
    async () => {
      const view = await stack.as('An Nguyen').run(run);
      expect(view.status).toBe(status);
      return view;
    },
    { timeout: 60_000, interval: 100 },
  );
}

/** Every event of every workflow of the server as the bytes that it keeps. */
async function histories(): Promise<Map<string, Buffer>> {
  const connection = await Connection.connect({ address: stack.facts.temporalAddress });
  try {
    const client = new Client({ connection });
    const found = new Map<string, Buffer>();
    for await (const { workflowId, runId } of client.workflow.list()) {
      const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      found.set(workflowId, Buffer.from(proto.temporal.api.history.v1.History.encode(history).finish()));
    }
    return found;
  } finally {
    await connection.close();
  }
}

/** Also as JSON and as base64 would write it. */
const forms = (canary: string) => [canary, ...[0, 1, 2].map((skip) => base64Of(canary, skip))];
function base64Of(text: string, skip: number): string {
  // Without the characters at both ends, which depend on the neighbours.
  return Buffer.from('x'.repeat(skip) + text)
    .toString('base64')
    .slice(skip === 0 ? 0 : 4, -4);
}

test('no log and no history holds what was put in, said, answered or commented, nor names, addresses and tokens', async () => {
  const receipt = 'PLANTED-CANARY-INPUT';
  models.script(
    receipt,
    { calls: [{ tool: 'policy.lookup', arguments: { about: 'PLANTED-CANARY-ARGUMENT' } }] },
    { text: 'PLANTED-CANARY-BAD-ANSWER is not JSON' },
    { says: { merchant: 'PLANTED-CANARY-ANSWER', amount: 700 } },
  );
  models.script('PLANTED-CANARY-REFUSED-INPUT', { refuses: 'PLANTED-CANARY-REFUSAL' });
  models.script('PLANTED-CANARY-SERVER-INPUT', { status: 400, error: { message: 'PLANTED-CANARY-MODEL-ERROR' } });
  const an = stack.as('An Nguyen');
  const document = await an.publish(claim);
  const [run, refused, failed] = await Promise.all(
    [receipt, 'PLANTED-CANARY-REFUSED-INPUT', 'PLANTED-CANARY-SERVER-INPUT'].map((text) =>
      an.start(document, { receipt: text, claimed: 900, claimant: 'PLANTED-CANARY-CLAIMANT' }),
    ),
  );
  tools.refusePaymentsTo('PLANTED-CANARY-CLAIMANT');
  await an.call('POST', '/runs', { document, input: { receipt: 7, claimed: 'PLANTED-CANARY-WRONG-INPUT' } });
  await an.call('POST', '/documents', { markdown: '# PLANTED-CANARY-DOCUMENT\n\n## Steps\n### PLANTED-CANARY-STEP\n' });
  await an.call('GET', '/runs/PLANTED-CANARY-RUN?PLANTED-CANARY-QUERY=1');

  const { waiting } = await until(run ?? '', 'waiting');
  const { id: gate, subject } = await stack.as('Mai Tran').gate(waiting[0]?.gate ?? '');
  await an.decide(gate, { action: 'approve', subject, comment: 'PLANTED-CANARY-REFUSED-COMMENT' });
  const decided = {
    action: 'approve',
    subject,
    comment: 'PLANTED-CANARY-COMMENT',
    form: { note: 'PLANTED-CANARY-FORM' },
  };
  expect((await stack.as('Mai Tran').decide(gate, decided)).status).toBe(201);
  const { steps } = await until(run ?? '', 'needs-attention');
  expect(steps.find(({ id }) => id === 'pay')?.failure?.class).toBe('tool-failed');
  await until(refused ?? '', 'needs-attention');
  await until(failed ?? '', 'needs-attention');
  // Those who may read the run do read it.
  expect(JSON.stringify(await stack.as('Mai Tran').gate(gate))).toContain('PLANTED-CANARY-ANSWER');

  const personal = stack.facts.users.flatMap(({ name, email, token }) => [name, email, token]);
  const canaries = ['PLANTED-CANARY-', toolCanary, ...personal];
  const logs = Object.entries(stack.logs());
  expect(logs.map(([file]) => file).sort()).toEqual([
    'api.log',
    'payments.log',
    'postgres.log',
    'temporal.log',
    'worker.log',
  ]);
  const kept = [...(await histories())];
  expect(kept.length).toBeGreaterThanOrEqual(3);
  const places = [
    ...logs.map(([file, text]) => [file, text] as const),
    ['standard error of the stack', stack.output().stderr] as const,
    ...kept.map(([workflow, bytes]) => [workflow, bytes.toString('latin1')] as const),
  ];
  for (const [place, text] of places) {
    const found = canaries.filter((canary) => forms(canary).some((form) => text.includes(form)));
    const [at] = found.map((canary) => text.indexOf(canary));
    expect({ found, around: at === undefined ? '' : text.slice(Math.max(0, at - 200), at + 60) }, place).toEqual({
      found: [],
      around: '',
    });
  }
  // The search itself finds what is there: histories name steps, the worker's log names events.
  expect(places.filter(([, text]) => text.includes('Manager approves')).length).toBeGreaterThanOrEqual(1);
  expect(readFileSync(join(folder, 'data/logs/worker.log'), 'utf8')).toContain('step.failed');
});
