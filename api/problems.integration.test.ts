/**
 * Every problem as a caller meets it, provoked through HTTP and held against fixtures/problems.json. To accept a change
 * of shape, run this file with `-u` and read the difference: clients depend on it.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ProblemSlug } from './errors.ts';
import { problemTypes, problemUri } from './errors.ts';
import type { ApiFixture } from './testing/api-fixture.ts';
import {
  asWorker,
  claimDocument,
  claimInput,
  lendingDocument,
  openApiFixture,
  openClaimGate,
  publishClaim,
  startClaim,
} from './testing/api-fixture.ts';
import { startPurchase } from './testing/gate-documents.ts';
import { errandDocument, leaveWrite, parkStep, startErrand } from './testing/parked-step.ts';
import { incident, publishGraph, startProposalOf } from './testing/proposal-documents.ts';
import { askOwnerOf } from './testing/session-questions.ts';

let fixture: ApiFixture;
beforeAll(async () => {
  fixture = await openApiFixture({ practice: false });
  await publishClaim(fixture);
  await publishGraph(fixture, incident);
});
afterAll(() => fixture.close());

const post = async (url: string, payload: object | string, user = 'an', more: Record<string, string> = {}) =>
  fixture.app.inject({
    method: 'POST',
    url,
    headers: { ...(await fixture.as(user, randomUUID())), ...more },
    payload,
  });

async function decideOn(
  user: string,
  said: object = {},
  before: (gate: { id: string; subject: string }, run: string) => Promise<unknown> = async () => undefined,
  row: Parameters<typeof openClaimGate>[2] = {},
) {
  const run = await startClaim(fixture);
  const gate = await openClaimGate(fixture, run, row);
  await before(gate, run);
  return post(`/gates/${gate.id}/decisions`, { action: 'approve', subject: gate.subject, ...said }, user);
}

const put = async (
  url: string,
  payload: object,
  headers: Record<string, string> = { 'if-match': '"0"' },
  user = 'an',
) => fixture.app.inject({ method: 'PUT', url, headers: { ...(await fixture.as(user)), ...headers }, payload });

/** A proposal of Olga's, without a run, that nothing was written in. */
const openReport = () => startProposalOf(fixture, 'incident-report', 'olga').then((id) => `/proposals/${id}`);

/** A suggestion of another's on the section Cause of the proposal. */
async function suggestCause(proposal: string): Promise<string> {
  await post(`${proposal}/share`, { person: 'bo', mode: 'reviewer' }, 'olga');
  const made = await post(
    `${proposal}/suggestions`,
    { kind: 'replace', section: 'Cause', base: null, content: 'Rain' },
    'bo',
  );
  return `${proposal}/suggestions/${made.json().id}`;
}

/** Hash of a version of the errand that pays nobody. */
async function withoutPaying(): Promise<string> {
  const markdown = errandDocument.replaceAll('Pay it', 'Fetch more').replaceAll('pay-it', 'fetch-more');
  return (await post('/documents', { markdown })).json().graphHash;
}

const provoked: Record<ProblemSlug, () => ReturnType<typeof post>> = {
  'malformed-request': () => post('/runs', '{', 'an', { 'content-type': 'application/json' }),
  'invalid-request': () => post('/runs', { document: 'claim', input: {}, inputs: {} }),
  'invalid-input': () => post('/runs', { document: 'claim', input: { amount: 'much' } }),
  'idempotency-key-required': async () => {
    const { authorization = '' } = await fixture.as('an');
    return fixture.app.inject({ method: 'POST', url: '/runs', headers: { authorization }, payload: { document: 'x' } });
  },
  unauthenticated: () => fixture.app.inject('/runs'),
  'not-permitted': async () => post(`/runs/${await startClaim(fixture, 'an')}/cancel`, {}, 'bo'),
  'practice-not-allowed': () => post('/runs', { document: 'claim', input: claimInput, practice: {} }),
  'not-an-approver': () => decideOn('bo'),
  'separation-of-duties': () => decideOn('an'),
  'not-found': () => post('/runs', { document: 'nothing' }),
  'not-open': () => decideOn('mai', {}, (gate) => asWorker(fixture, { lapsed: gate.id })),
  'already-decided': () =>
    decideOn('mai', {}, (gate) =>
      post(`/gates/${gate.id}/decisions`, { action: 'reject', subject: gate.subject }, 'minh'),
    ),
  'already-voted': () =>
    decideOn(
      'mai',
      {},
      (gate) => post(`/gates/${gate.id}/decisions`, { action: 'approve', subject: gate.subject }, 'mai'),
      {
        row: { quorum: 2 },
      },
    ),
  claimed: () => decideOn('mai', {}, (gate) => post(`/gates/${gate.id}/claim`, {}, 'minh')),
  'stale-subject': () => decideOn('mai', { subject: 'another' }),
  'already-exists': () =>
    post('/admin/users', { id: 'an', displayName: 'An', email: 'an2@acme.test', subject: 'an2' }, 'ada'),
  'last-admin': async () => {
    const headers = await fixture.as('ada');
    return fixture.app.inject({ method: 'PATCH', url: '/admin/users/ada', headers, payload: { active: false } });
  },
  'step-not-parked': async () => post(`/runs/${await startErrand(fixture)}/steps/fetch_it/retry`, {}),
  'not-for-this-step': async () => post(`/runs/${await startErrand(fixture)}/steps/manager_approves/skip`, {}),
  'step-is-needed': async () => post(`/runs/${await startErrand(fixture)}/steps/price_it/skip`, {}),
  'invalid-output': async () =>
    post(`/runs/${await startErrand(fixture)}/steps/price_it/supply`, { output: { amount: 41 } }),
  'write-unsettled': async () => {
    const run = await startErrand(fixture);
    await leaveWrite(
      fixture,
      run,
      await parkStep(fixture, run, 'pay_it', { failureClass: 'outcome-unknown' }),
      'unknown',
    );
    return post(`/runs/${run}/steps/pay_it/supply`, { output: {} });
  },
  'effect-not-asked': async () => {
    const run = await startErrand(fixture);
    const effect = await leaveWrite(fixture, run, await parkStep(fixture, run, 'pay_it'), 'unknown');
    return post(`/runs/${run}/effects/${effect}/answer`, { answer: 'did not happen' });
  },
  'already-resumed': async () => {
    const run = await startClaim(fixture);
    const { digest } = (await post(`/runs/${run}/resume-plan`, {})).json();
    await post(`/runs/${run}/resume`, { digest });
    return post(`/runs/${run}/resume`, { digest });
  },
  'plan-changed': async () => post(`/runs/${await startClaim(fixture)}/resume`, { digest: 'another' }),
  'effects-not-acknowledged': async () => {
    const run = await startErrand(fixture);
    await leaveWrite(fixture, run, await parkStep(fixture, run, 'pay_it'), 'unknown');
    const graph = await withoutPaying();
    const { digest } = (await post(`/runs/${run}/resume-plan`, { graph })).json();
    return post(`/runs/${run}/resume`, { graph, digest });
  },
  'run-ended': async () => {
    const run = await startClaim(fixture);
    await asWorker(fixture, { ended: run, status: 'failed' });
    return post(`/runs/${run}/cancel`, {});
  },
  'no-result': async () => post(`/runs/${await startClaim(fixture)}/proposal`, {}),
  'proposal-closed': async () => {
    const proposal = await openReport();
    const headers = await fixture.as('olga');
    await fixture.app.inject({ method: 'PATCH', url: proposal, headers, payload: { status: 'closed' } });
    return put(`${proposal}/sections/Cause`, { content: 'Rain' }, { 'if-match': '"0"' }, 'olga');
  },
  'has-assignee': async () => {
    const headers = await fixture.as('olga');
    return fixture.app.inject({
      method: 'POST',
      url: `${await openReport()}/reassign`,
      headers,
      payload: { person: 'mai' },
    });
  },
  'assignee-needed': async () => {
    const proposal = await openReport();
    const headers = await fixture.as('olga');
    return fixture.app.inject({ method: 'DELETE', url: `${proposal}/collaborators/olga`, headers });
  },
  'stale-suggestion': async () => {
    const proposal = await openReport();
    const suggestion = await suggestCause(proposal);
    await put(`${proposal}/sections/Cause`, { content: 'Snow' }, { 'if-match': '"0"' }, 'olga');
    return post(`${suggestion}/accept`, {}, 'olga');
  },
  'suggestion-decided': async () => {
    const suggestion = await suggestCause(await openReport());
    await post(`${suggestion}/reject`, {}, 'olga');
    return post(`${suggestion}/accept`, {}, 'olga');
  },
  'nothing-to-retry': async () => {
    const session = await post(`${await openReport()}/sessions`, {}, 'olga');
    return post(`/sessions/${session.json().id}/retry`, {}, 'olga');
  },
  'confirmation-answered': async () => {
    const { id } = (await post(`${await openReport()}/sessions`, {}, 'olga')).json();
    await post(`/sessions/${id}/messages`, { text: 'Share it.' }, 'olga');
    const confirmation = await askOwnerOf(fixture, id, { does: 'share', person: 'bo' }, 'olga');
    await post(`/sessions/${id}/confirmations/${confirmation}`, { answer: 'no' }, 'olga');
    return post(`/sessions/${id}/confirmations/${confirmation}`, { answer: 'yes' }, 'olga');
  },
  'version-conflict': async () =>
    put(`${await openReport()}/sections/Cause`, { content: 'Rain' }, { 'if-match': '"3"' }, 'olga'),
  'payload-too-large': () => post('/documents', { markdown: 'x'.repeat(5 * 1024 * 1024) }),
  'unsupported-media-type': () => post('/runs', 'document: claim', 'an', { 'content-type': 'application/yaml' }),
  'invalid-content': async () =>
    put(`${await openReport()}/state`, { content: { severity: 9 } }, { 'if-match': '"0"' }, 'olga'),
  'unknown-person': async () => post(`${await openReport()}/share`, { person: 'gus', mode: 'reviewer' }, 'olga'),
  'document-has-mistakes': () =>
    post('/documents', { markdown: claimDocument.replace('not by: requester', 'not by: me') }),
  'graph-has-mistakes': () => post('/workflows/execute', { graph: { schemaVersion: 1, id: 'x' }, input: {} }),
  'not-runnable': async () => {
    await post('/documents', { markdown: lendingDocument });
    return post('/runs', { document: 'reviewers', input: {} });
  },
  'no-model': () => post('/documents/drafts', { prose: 'A clerk reads it.' }),
  'unknown-action': () => decideOn('mai', { action: 'postpone' }),
  'invalid-form': async () => {
    const { gates } = await startPurchase(fixture);
    const { id, subject } = await gates.task();
    return post(`/gates/${id}/decisions`, { action: 'done', subject, form: { amount: -1 } }, 'bo');
  },
  'idempotency-key-reused': async () => {
    const key = { 'idempotency-key': randomUUID() };
    await post('/runs', { document: 'claim', input: claimInput }, 'an', key);
    return post('/runs', { document: 'claim', input: { ...claimInput, amount: 1 } }, 'an', key);
  },
  'version-required': async () => put(`${await openReport()}/sections/Cause`, { content: 'Rain' }, {}, 'olga'),
  internal: async () => {
    const broken = await fixture.secondApp();
    broken.relay.nudge = () => {
      throw new Error('the canary sings');
    };
    const headers = await fixture.as('an', randomUUID());
    const payload = { document: 'claim', input: claimInput };
    return broken.inject({ method: 'POST', url: '/runs', headers, payload });
  },
  unavailable: async () => {
    fixture.workflows.away = true;
    return fixture.app.inject('/ready').finally(() => {
      fixture.workflows.away = false;
    });
  },
};

test('every problem type can be met and has the shape that is on file', async () => {
  const met: Record<string, unknown> = {};
  for (const [slug, provoke] of Object.entries(provoked) as [ProblemSlug, () => ReturnType<typeof post>][]) {
    const response = await provoke();
    expect([slug, response.statusCode, response.headers['content-type'], response.json().type]).toEqual([
      slug,
      problemTypes[slug].status,
      'application/problem+json',
      problemUri(slug),
    ]);
    met[slug] = response.json();
  }
  // Ids differ each time.
  const text = JSON.stringify(met, null, 2).replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID');
  await expect(`${text}\n`).toMatchFileSnapshot('fixtures/problems.json');
});

test('an address that is not there is a problem too', async () => {
  const response = await fixture.app.inject('/no/such/route');
  expect([response.statusCode, response.json().type]).toEqual([404, 'urn:waymark:problem:not-found']);
});

test('an error of ours is logged by its kind and place, without its text', () => {
  const failed = fixture.lines.map((line) => JSON.parse(line)).find((line) => line.event === 'request.failed');
  expect(failed).toMatchObject({ level: 'error', errorType: 'Error' });
  expect(failed.at[0]).toMatch(/problems\.integration\.test\.ts:\d+:\d+/);
  expect(fixture.lines.join('')).not.toContain('canary');
});

test('ready says which part is away and never why', async () => {
  fixture.workflows.away = true;
  const response = await fixture.app.inject('/ready');
  fixture.workflows.away = false;
  expect(response.json().detail).toBe('Not ready: temporal.');
  expect((await fixture.app.inject('/ready')).json()).toEqual({ status: 'ready' });
  expect((await fixture.app.inject('/health')).json()).toEqual({ status: 'alive', practice: false });
});
