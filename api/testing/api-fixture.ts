/** An API over a real database with a Temporal that is scripted: for the integration tests of this room. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { inject } from 'vitest';
import type { Json } from '../../compiler/types.ts';
import type { TestDatabase } from '../../dev/test-postgres.ts';
import { createTestDatabase } from '../../dev/test-postgres.ts';
import { putArtifact } from '../../prisma/artifacts.ts';
import type { Store, Tx } from '../../prisma/open.ts';
import { openStore } from '../../prisma/open.ts';
import { provision } from '../../prisma/provision.ts';
import type { Ring } from '../../workflows/messages.ts';
import type { AppDependencies } from '../app.ts';
import { buildApp } from '../app.ts';
import type { DevelopmentIssuer } from '../development-issuer.ts';

import type { RunToStart, Workflows } from '../temporal-client.ts';
import { openIssuerOfItsOwn } from './issuer-folder.ts';

/** An, who works; Mai and Minh, managers; Olga, an operator; Ada, an admin; and Gus, a manager of another tenant. */
const people = [
  { id: 'an', tenant: 'acme', roles: ['employee', 'manager'] },
  { id: 'bo', tenant: 'acme', roles: ['employee'] },
  { id: 'mai', tenant: 'acme', roles: ['manager'] },
  { id: 'minh', tenant: 'acme', roles: ['manager'] },
  { id: 'ada', tenant: 'acme', roles: ['admin'] },
  { id: 'olga', tenant: 'acme', roles: ['operator'] },
  { id: 'gus', tenant: 'globex', roles: ['manager', 'operator'] },
];

export interface ScriptedWorkflows extends Workflows {
  started: RunToStart[];
  rings: { workflowId: string; ring: Ring }[];
  /** Sessions that were to be answered. */
  answered: string[];
  /** What is found under a workflow id; running, unless said. */
  found: Map<string, Awaited<ReturnType<Workflows['look']>>>;
  /** While true every call fails as if the server were away. */
  away: boolean;
}

export interface ApiFixture {
  database: TestDatabase;
  app: FastifyInstance;
  store: Store;
  /** Under the worker's role, to do what activities do. */
  worker: Store;
  workflows: ScriptedWorkflows;
  issuer: DevelopmentIssuer;
  /** Every line the API logged. */
  lines: string[];
  /** Another API on the same store. Closed with the fixture. */
  secondApp(changes?: Partial<AppDependencies>): Promise<FastifyInstance>;
  as(user: string, key?: string): Promise<Record<string, string>>;
  close(): Promise<void>;
}

export function scriptWorkflows(): ScriptedWorkflows {
  const scripted: ScriptedWorkflows = {
    started: [],
    rings: [],
    answered: [],
    found: new Map(),
    away: false,
    async start(run) {
      await scripted.check();
      scripted.started.push(run);
    },
    async ring(workflowId, ring) {
      await scripted.check();
      scripted.rings.push({ workflowId, ring });
      return 'rung';
    },
    async answer(_workflowId, session) {
      await scripted.check();
      scripted.answered.push(session);
    },
    async look(workflowId) {
      await scripted.check();
      return scripted.found.get(workflowId) ?? 'running';
    },
    async check() {
      if (scripted.away) throw Object.assign(new Error('the server is away'), { code: 'ECONNREFUSED' });
    },
    close: async () => undefined,
  };
  return scripted;
}

export async function openApiFixture(changes: Partial<AppDependencies> = {}): Promise<ApiFixture> {
  const database = await createTestDatabase(inject('ownerUrl'));
  const issuer = await openIssuerOfItsOwn();
  await provision(database.ownerUrl, {
    tenants: [
      { id: 'acme', name: 'Acme' },
      { id: 'globex', name: 'Globex' },
    ],
    users: people.map((person) => ({
      ...person,
      name: person.id,
      email: `${person.id}@${person.tenant}.test`,
      issuer: issuer.issuer,
      subject: person.id,
    })),
  });
  const store = await openStore({ url: database.apiUrl, role: 'api', max: 8 });
  const worker = await openStore({ url: database.workerUrl, role: 'worker', max: 4 });
  const workflows = scriptWorkflows();
  const lines: string[] = [];
  const apps: FastifyInstance[] = [];
  const secondApp: ApiFixture['secondApp'] = async (more = {}) => {
    const app = await buildApp({
      store,
      workflows,
      tokens: issuer,
      practice: true,
      webUi: { url: 'http://127.0.0.1:8233', namespace: 'default' },
      log: { level: 'info', stream: { write: (line) => lines.push(line) } },
      relayEveryMs: 50,
      ...changes,
      ...more,
    });
    apps.push(app);
    return app;
  };
  const app = await secondApp();
  await app.ready();
  return {
    database,
    app,
    store,
    worker,
    workflows,
    issuer,
    lines,
    secondApp,
    async as(user, key) {
      return {
        authorization: `Bearer ${await issuer.sign(user)}`,
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      };
    },
    async close() {
      for (const one of apps) await one.close();
      await Promise.all([store.close(), worker.close()]);
      await database.drop();
    },
  };
}

/** A document without agents and tools: one gate over what was claimed. */
export const claimDocument = `# Claim

Nobody approves their own claim.

## Inputs
| Name    | Type   | Rule       | Meaning |
|---------|--------|------------|---------|
| amount  | number | at least 0 |         |
| purpose | text   |            |         |

## Steps
### Note the claim
- set:
  - amount: \`input.amount\`
  - purpose: \`input.purpose\`

### Manager approves
- approve: manager
- not by: requester
- show: [Note the claim](#note-the-claim)
- actions: approve, reject

Is this within policy?

## Result
| Name    | Type   | Value                   |
|---------|--------|-------------------------|
| amount  | number | \`note_the_claim.amount\` |
`;

/** Lends an agent to others, and has no steps of its own. */
export const lendingDocument = `# Reviewers

## Agents

### Reviewer

- model: small

You ask one question at a time.
`;

/** Publishes the claim document as An; gives its graph's hash. */
export async function publishClaim(fixture: ApiFixture): Promise<string> {
  const response = await fixture.app.inject({
    method: 'POST',
    url: '/documents',
    headers: await fixture.as('an', randomUUID()),
    payload: { markdown: claimDocument },
  });
  if (response.statusCode > 201) throw new Error(response.body);
  return response.json<{ graphHash: string }>().graphHash;
}

export const claimInput = { amount: 740, purpose: 'a laptop stand' };

/** Starts a run of the claim document as `user`; gives its id. */
export async function startClaim(fixture: ApiFixture, user = 'an'): Promise<string> {
  const response = await fixture.app.inject({
    method: 'POST',
    url: '/runs',
    headers: await fixture.as(user, randomUUID()),
    payload: { document: 'claim', input: claimInput },
  });
  if (response.statusCode !== 201) throw new Error(response.body);
  return response.json<{ id: string }>().id;
}

type GateRow = NonNullable<Awaited<ReturnType<Tx['gate']['findFirst']>>>;

/** Opens the run's gate as the worker does; `row` says what is different of it. */
export async function openClaimGate(
  fixture: ApiFixture,
  run: string,
  more: { shown?: Json; subject?: string; row?: Partial<GateRow> } = {},
): Promise<{ id: string; subject: string }> {
  const id = randomUUID();
  const subject = more.subject ?? `subject-of-${id}`;
  await fixture.worker.actAs({ tenant: 'acme', user: 'an' }, async (tx) => {
    const digest = await putArtifact(tx, 'acme', more.shown ?? claimInput);
    await tx.gate.create({
      data: {
        tenantId: 'acme',
        id,
        rootRunId: run,
        runId: run,
        node: 'manager_approves',
        purpose: 'step',
        subject,
        bindings: JSON.stringify({ shown: [digest], guards: {}, lapses: 0 }),
        title: 'Manager approves',
        question: 'Is this within policy?',
        approverRoles: '["manager"]',
        notBy: '["requester"]',
        actions: '[{"name":"approve","effect":"continue"},{"name":"reject","effect":"end"}]',
        shown: JSON.stringify([{ name: 'note_the_claim', digest }]),
        status: 'open',
        openedAt: new Date(),
        ...more.row,
      },
    });
  });
  return { id, subject };
}

/** What the worker does when it reads a verdict, and at the end of a run. */
export async function asWorker(
  fixture: ApiFixture,
  change: { heard: string } | { lapsed: string } | { ended: string; status: string; result?: Json },
): Promise<void> {
  const at = new Date();
  await fixture.worker.actAs({ tenant: 'acme', user: 'an' }, async (tx) => {
    const key = (id: string) => ({ where: { tenantId_id: { tenantId: 'acme', id } } });
    if ('heard' in change) await tx.gate.update({ ...key(change.heard), data: { heardAt: at } });
    else if ('lapsed' in change) await tx.gate.update({ ...key(change.lapsed), data: { status: 'lapsed' } });
    else {
      const resultDigest = change.result === undefined ? null : await putArtifact(tx, 'acme', change.result);
      await tx.run.update({ ...key(change.ended), data: { status: change.status, endedAt: at, resultDigest } });
    }
  });
}

/** Waits until `probe` gives something; fails after 60 s. */
export async function eventually<T>(probe: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (const until = Date.now() + 60_000; ; ) {
    const found = await probe();
    if (found !== undefined) return found;
    if (Date.now() > until) throw new Error('what was waited for did not come about within 60 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
