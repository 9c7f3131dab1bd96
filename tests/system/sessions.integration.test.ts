/** Sessions through two APIs, Temporal and two workers: answers as they are written, in order, and once. */
import { execFile } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { emptyConfiguration } from '../../activities/configuration.ts';
import type { StreamingModel, Told } from '../../activities/sessions/testing/streaming-model.ts';
import { startStreamingModel } from '../../activities/sessions/testing/streaming-model.ts';
import { connectWorkflows } from '../../api/temporal-client.ts';
import type { ApiFixture } from '../../api/testing/api-fixture.ts';
import { openApiFixture } from '../../api/testing/api-fixture.ts';
import type { ProposalClient } from '../../api/testing/proposal-client.ts';
import { proposalClient } from '../../api/testing/proposal-client.ts';
import { expense, publishGraph, startProposalOf } from '../../api/testing/proposal-documents.ts';
import type { RunningWorker } from '../../worker.ts';
import { bundleWorkflows, startWorker } from '../../worker.ts';

const temporal = {
  address: inject('temporalAddress'),
  namespace: inject('temporalNamespace'),
  taskQueue: `sessions-${process.pid}`,
};
const workflows = connectWorkflows(temporal);
let model: StreamingModel;
let fixture: ApiFixture;
/** Another API on the same store. */
let second: FastifyInstance;
let client: ProposalClient;
const workers: RunningWorker[] = [];

beforeAll(async () => {
  model = await startStreamingModel(answerOf);
  fixture = await openApiFixture({ workflows, streams: { lookEveryMs: 100 } });
  second = await fixture.secondApp();
  client = proposalClient(fixture);
  await publishGraph(fixture, expense);
  const workflowBundle = await bundleWorkflows();
  for (let nth = 0; nth < 2; nth++) {
    workers.push(
      await startWorker({
        databaseUrl: fixture.database.workerUrl,
        temporal,
        model: { apiKey: 'none', baseUrl: model.url },
        configuration: emptyConfiguration,
        values: {},
        sink: () => undefined,
        workflowBundle,
      }),
    );
  }
});
afterAll(async () => {
  for (const worker of workers) await worker.stop();
  await fixture?.close();
  await workflows.close();
  await model?.close();
});

/** Asked for an edit, it edits and says so; asked for anything else, it tells how often it was asked. */
function answerOf({ messages }: Told) {
  const asked = messages.findLast(({ role }) => role === 'user')?.content ?? '';
  const text = /^Write: (.*)$/.exec(asked)?.[1];
  if (text === undefined) return { pieces: ['You ', 'said ', asked], pauseMs: 10 };
  const edit = { name: 'edit_section', args: { section: 'Purpose', base: null, content: text } };
  return messages.at(-1)?.role === 'tool' ? `Done with ${text}.` : { calls: [edit] };
}

const continued = async (proposal: string, user: string): Promise<string> =>
  (await client.call('POST', `/proposals/${proposal}/sessions`, user, {})).json().id;
const say = (session: string, user: string, text: string) =>
  client.call('POST', `/sessions/${session}/messages`, user, { text });
const quiet = async (session: string, user: string) =>
  expect
    .poll(async () => (await client.get(`/sessions/${session}`, user)).turn.state, { timeout: 60_000 })
    .toMatch(/done|failed|stopped/);
const textsOf = async (session: string, user: string): Promise<[string, string][]> => {
  const { items } = await client.get(`/sessions/${session}/messages?limit=100`, user);
  return items
    .filter(({ kind }: { kind: string }) => kind === 'text')
    .map(({ author, text }: { author: string; text: string }) => [author, text]);
};

test('an answer streams to who follows another API, from whichever worker writes it', async () => {
  const proposal = await startProposalOf(fixture, 'expense-report', 'an');
  const session = await continued(proposal, 'an');
  await second.listen({ host: '127.0.0.1', port: 0 });
  const { port } = second.server.address() as AddressInfo;
  const leaving = new AbortController();
  const headers = await fixture.as('an');
  const url = `http://127.0.0.1:${port}/sessions/${session}/events`;
  const response = await fetch(url, { headers, signal: leaving.signal });
  await say(session, 'an', 'hello');
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes('"state":"done"')) break;
  }
  leaving.abort();
  const events = [...text.matchAll(/^event: (\w+)\ndata: (.*)$/gm)].map(([, kind, data]) => [
    kind,
    JSON.parse(data ?? ''),
  ]);
  const kinds = events.map(([kind]) => kind);
  expect([kinds[0], kinds[1], kinds.at(-2), kinds.at(-1)]).toEqual(['text', 'turn', 'text', 'turn']);
  const pieces = events.filter(([kind]) => kind === 'piece').map(([, message]) => message.text);
  expect(pieces.join('')).toBe('You said hello');
});

test('messages that come faster than they are answered are answered in their order, one at a time', async () => {
  const proposal = await startProposalOf(fixture, 'expense-report', 'an');
  const session = await continued(proposal, 'an');
  const words = ['one', 'two', 'three', 'four', 'five'];
  for (const word of words) await say(session, 'an', word);
  await expect
    .poll(async () => (await textsOf(session, 'an')).filter(([author]) => author === 'agent').length, {
      timeout: 60_000,
    })
    .toBe(words.length);
  const texts = await textsOf(session, 'an');
  expect(texts.filter(([author]) => author === 'agent').map(([, text]) => text)).toEqual(
    words.map((word) => `You said ${word}`),
  );
});

test('Reset of the workflow of a session asks no model and writes nothing again', async () => {
  const proposal = await startProposalOf(fixture, 'expense-report', 'an');
  const session = await continued(proposal, 'an');
  await say(session, 'an', 'Write: Once');
  await quiet(session, 'an');
  const before = [await textsOf(session, 'an'), model.asked.length];
  const where = ['--address', temporal.address, '--namespace', temporal.namespace];
  const what = ['--workflow-id', `session/${session}`, '--type', 'FirstWorkflowTask', '--reason', 'test'];
  await expect.poll(() => workflows.look(`session/${session}`), { timeout: 30_000 }).toBe('ended');
  await promisify(execFile)(inject('temporalCli'), ['workflow', 'reset', ...where, ...what, '--output', 'json']);
  await expect.poll(() => workflows.look(`session/${session}`), { timeout: 60_000 }).toBe('ended');
  expect([await textsOf(session, 'an'), model.asked.length]).toEqual(before);
  // And the next message is answered.
  await say(session, 'an', 'hello');
  await expect
    .poll(async () => (await textsOf(session, 'an')).at(-1), { timeout: 60_000 })
    .toEqual(['agent', 'You said hello']);
});
