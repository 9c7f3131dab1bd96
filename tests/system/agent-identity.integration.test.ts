/**
 * As whom agents act, told by a tool that is sent the credential of the person for whom it is called: whatever an operator
 * does in Temporal or with the run, it is the owner of the session's, and of a step who started the run.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import type { StreamingModel } from '../../activities/sessions/testing/streaming-model.ts';
import { startStreamingModel } from '../../activities/sessions/testing/streaming-model.ts';
import type { ApiClient } from './api-client.ts';
import type { System } from './stack-fixture.ts';
import { startSystem } from './stack-fixture.ts';

const talk = `# Talk

## Agents
### Clerk
- model: small
- tools: identity.tell

You say who asks.

## Proposal
| Section | Type |
|---------|------|
| Notes   | text |

## Steps
### Look who asks
- tool: identity.tell
- gives: Asker

### Talk it over
- session: assignee
- agent: [Clerk](#clerk)
- section: Notes
- after: [Look who asks](#look-who-asks)

## Types
### Asker
| Field | Type |
|-------|------|
| asker | text |

## Result
| Name  | Type | Value                 |
|-------|------|-----------------------|
| asker | text | \`look_who_asks.asker\` |
| notes | text | \`talk_it_over\`        |
`;

let system: System;
let model: StreamingModel;
let an: ApiClient;
let minh: ApiClient;
let olga: ApiClient;
beforeAll(async () => {
  // Calls the tool, and then says what it answered.
  model = await startStreamingModel(({ messages, answer }) =>
    messages.at(-1)?.role === 'tool' ? answer : { calls: [{ name: 'identity__tell', args: {} }] },
  );
  system = await startSystem({ copies: 2, modelUrl: model.url });
  an = system.as('An Nguyen');
  minh = system.as('Minh Pham', 1);
  olga = system.as('Olga Petrova');
  await an.publish(talk);
  for (const [person, credential] of [
    [an, 'of-an'],
    [minh, 'of-minh'],
    [olga, 'of-olga'],
  ] as const) {
    expect((await person.call('PUT', '/connections/identity.tell', { credential })).status).toBe(200);
  }
});
afterAll(async () => {
  await system?.close();
  await model?.close();
});

interface Talk {
  run: string;
  proposal: string;
}

/** A run of An's that talks, with Minh as reviewer. */
async function shared(): Promise<Talk> {
  const run = await an.start('talk', {});
  await system.openGateOf(run);
  const proposal = `/proposals/${(await an.call('POST', `/runs/${run}/proposal`)).body.id}`;
  await share(proposal, 'reviewer');
  return { run, proposal };
}
async function share(proposal: string, mode: 'reviewer' | 'handoff'): Promise<void> {
  expect((await an.call('POST', `${proposal}/share`, { person: 'minh', mode })).status).toBe(201);
}

const sessionOf = async (person: ApiClient, proposal: string): Promise<string> =>
  (await person.call('POST', `${proposal}/sessions`, {})).body.id;

async function asks(person: ApiClient, session: string): Promise<void> {
  expect((await person.call('POST', `/sessions/${session}/messages`, { text: 'Who am I?' })).status).toBe(201);
}

/** What the agent says at last, once the turn is over. */
async function saidAtLast(person: ApiClient, session: string): Promise<string> {
  await vi.waitFor(
    async () => expect((await person.call('GET', `/sessions/${session}`)).body.turn.state).toBe('done'),
    { timeout: 60_000, interval: 50 },
  );
  const { items } = (await person.call('GET', `/sessions/${session}/messages?limit=100`)).body;
  return items.findLast(({ kind }: { kind: string }) => kind === 'text').text;
}

async function saidOnAsking(person: ApiClient, proposal: string): Promise<string> {
  const session = await sessionOf(person, proposal);
  await asks(person, session);
  return saidAtLast(person, session);
}

/** The credentials that the tool is sent meanwhile. */
async function sentDuring(work: () => Promise<void>): Promise<string[]> {
  const before = system.tools.askers.length;
  await work();
  return system.tools.askers.slice(before);
}

async function reset(workflow: string): Promise<void> {
  const where = ['--address', inject('temporalAddress'), '--namespace', system.namespace];
  const what = ['--workflow-id', workflow, '--type', 'FirstWorkflowTask', '--reason', 'test', '--output', 'json'];
  await promisify(execFile)(inject('temporalCli'), ['workflow', 'reset', ...where, ...what]);
}

test('turns that are handed over and Reset in the middle of a call are done as whose session it is', async () => {
  const { proposal } = await shared();
  const [ans, minhs] = [await sessionOf(an, proposal), await sessionOf(minh, proposal)];
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const sent = await sentDuring(async () => {
    const started = system.tools.askers.length;
    const calls = (count: number) =>
      vi.waitFor(() => expect(system.tools.askers.length - started).toBe(count), { timeout: 60_000, interval: 50 });
    system.tools.askersWait = promise;
    await Promise.all([asks(an, ans), asks(minh, minhs)]);
    await calls(2);
    await share(proposal, 'handoff');
    // What the calls before it are answered is no longer heard: each is made again.
    await Promise.all([reset(`session/${ans}`), reset(`session/${minhs}`)]);
    await calls(4);
    system.tools.askersWait = undefined;
    release();
    expect(await saidAtLast(an, ans)).toContain('Bearer-of-an');
    expect(await saidAtLast(minh, minhs)).toContain('Bearer-of-minh');
  });
  expect(sent.toSorted()).toEqual(['Bearer-of-an', 'Bearer-of-an', 'Bearer-of-minh', 'Bearer-of-minh']);
});

test('a run that an operator resumes goes on for whom it acted before, and so does every session of its proposal', async () => {
  const { run, proposal } = await shared();
  expect(await saidOnAsking(an, proposal)).toContain('Bearer-of-an');
  expect((await an.call('POST', `/runs/${run}/cancel`, {})).status).toBe(202);
  await system.until(run, 'cancelled');

  let resumed = '';
  const bySteps = await sentDuring(async () => {
    const from = 'look_who_asks';
    const { body: plan } = await olga.call('POST', `/runs/${run}/resume-plan`, { from });
    const { status, body } = await olga.call('POST', `/runs/${run}/resume`, { from, digest: plan.digest });
    expect([status, body.resumes]).toEqual([201, run]);
    resumed = body.id;
    await system.openGateOf(resumed);
  });
  expect(bySteps).toEqual(['Bearer-of-an']);

  const bySessions = await sentDuring(async () => {
    expect(await saidOnAsking(an, proposal)).toContain('Bearer-of-an');
    expect(await saidOnAsking(minh, proposal)).toContain('Bearer-of-minh');
    await share(proposal, 'handoff');
    expect(await saidOnAsking(minh, proposal)).toContain('Bearer-of-minh');
    expect(await saidOnAsking(an, proposal)).toContain('Bearer-of-an');
  });
  expect(bySessions).toEqual(['Bearer-of-an', 'Bearer-of-minh', 'Bearer-of-minh', 'Bearer-of-an']);

  // The workflow of the run is done again as well, from its first task.
  const { workflowId } = await system.until(resumed, 'waiting');
  const afterReset = await sentDuring(async () => {
    await reset(workflowId);
    await system.openGateOf(resumed);
    expect(await saidOnAsking(minh, proposal)).toContain('Bearer-of-minh');
    expect(await saidOnAsking(an, proposal)).toContain('Bearer-of-an');
  });
  expect(afterReset).toEqual(['Bearer-of-minh', 'Bearer-of-an']);
});
