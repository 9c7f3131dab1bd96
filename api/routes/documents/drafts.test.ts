import { afterEach, expect, test } from 'vitest';
import { compile } from '../../../compiler/compile.ts';
import { refundDocument, refundParts, refundProse } from '../../../compiler/drafting/testing/refund-prose.ts';
import type { ModelServer, ScriptedCompletion } from '../../../models/testing/model-server.ts';
import { startModelServer } from '../../../models/testing/model-server.ts';
import type { OfflineApp } from '../../testing/offline-app.ts';
import { openOfflineApp } from '../../testing/offline-app.ts';

let offline: OfflineApp | undefined;
let server: ModelServer | undefined;
afterEach(async () => {
  await Promise.all([offline?.app.close(), server?.close()]);
});

const answers = refundParts.map((one) => JSON.stringify(one));
const [inputs = '', looking = '', deciding = ''] = answers;

async function open(script: readonly ScriptedCompletion[]): Promise<void> {
  server = await startModelServer(script);
  const declared = { models: new Map([['small', { model: 'house-1' }]]) };
  offline = await openOfflineApp({ declared, model: { baseUrl: server.url, apiKey: 'key-1' } });
}

async function draft(payload: object) {
  const { app, issuer } = offline as OfflineApp;
  const headers = { authorization: `Bearer ${await issuer.sign('mai')}` };
  return app.inject({ method: 'POST', url: '/documents/drafts', headers, payload });
}

test('prose comes back as a document with its receipt, by the model that the configuration names', async () => {
  await open(answers);
  const response = await draft({ prose: refundProse });
  expect(response.statusCode).toBe(200);
  expect(response.json()).toEqual({
    markdown: refundDocument,
    graphHash: compile(refundDocument).hash,
    diagnostics: [],
    problems: [],
    receipt: expect.objectContaining({ schemaVersion: 1, rounds: 1, tokensIn: 30, tokensOut: 15 }),
  });
  expect(server?.asked.map((one) => one.model)).toEqual(['house-1', 'house-1', 'house-1']);
  expect(server?.authorization()).toBe('Bearer key-1');
});

test('with the receipt of a draft before, only what has changed is asked about', async () => {
  await open([...answers, deciding.replace('["manager"]', '["director"]')]);
  const { receipt } = (await draft({ prose: refundProse })).json();
  const response = await draft({ prose: refundProse.replace('A manager', 'A director'), receipt });
  expect(response.json().markdown).toBe(refundDocument.replace('approve: manager', 'approve: director'));
  expect(server?.asked).toHaveLength(4);
});

test('what does not compile comes back with its problems and diagnostics, and without a hash', async () => {
  const wrong = looking.replace('"gives":"Finding"', '"gives":"Findings"');
  await open([inputs, wrong, deciding, wrong, wrong, wrong]);
  const response = await draft({ prose: refundProse });
  expect(response.statusCode).toBe(200);
  expect(response.json()).toMatchObject({
    problems: ['step read_the_story: Unexpected type Findings, expected a built-in type or one of the section Types'],
    diagnostics: [{ severity: 'error', code: 'unknown-type' }],
  });
  expect(response.json()).not.toHaveProperty('graphHash');
});

test('a model that brings no answer is told by its class; what its server said is not', async () => {
  const body = { error: { message: 'wrong key canary' } };
  await open([inputs, { status: 401, body }]);
  const response = await draft({ prose: refundProse });
  expect(response.json()).toMatchObject({
    failure: 'not-allowed',
    problems: ['section Who looks: It was not answered.', 'section Who decides: It was not answered.'],
  });
  expect(response.body).not.toContain('canary');
  expect(response.json().receipt.sections).toHaveLength(1);
});

test('a receipt that no draft gave is refused, and nothing is asked', async () => {
  await open(answers);
  const { receipt } = (await draft({ prose: refundProse })).json();
  const [section] = receipt.sections;
  const many = { ...section, parts: { ...section.parts, inputs: Array(2_001).fill(section.parts.inputs[0]) } };
  for (const sections of [[many], [{ ...section, parts: {} }], 'all']) {
    const response = await draft({ prose: 'Something else.', receipt: { ...receipt, sections } });
    expect([response.statusCode, response.json().type]).toEqual([400, 'urn:waymark:problem:invalid-request']);
  }
  expect(server?.asked).toHaveLength(3);
});

test('when the caller leaves, the model is not asked any further', async () => {
  await open([inputs, { hang: true }]);
  const { app, issuer } = offline as OfflineApp;
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const leave = new AbortController();
  const asked = fetch(`${url}/documents/drafts`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await issuer.sign('mai')}`, 'content-type': 'application/json' },
    body: JSON.stringify({ prose: refundProse }),
    signal: leave.signal,
  }).catch(() => 'left');
  while ((server?.asked.length ?? 0) < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  leave.abort();
  expect(await asked).toBe('left');
  // The request ends, and with it the answer that nobody waits for: closing would otherwise wait for it.
  await app.close();
  expect(server?.asked).toHaveLength(2);
});

test('an API without a model says so', async () => {
  offline = await openOfflineApp();
  const response = await draft({ prose: refundProse });
  expect([response.statusCode, response.json().type]).toEqual([403, 'urn:waymark:problem:no-model']);
});
