/** A database with two tenants, each with a row in every table, written the way the product writes it. */
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { inject } from 'vitest';
import type { TestDatabase } from '../../dev/test-postgres.ts';
import { createTestDatabase } from '../../dev/test-postgres.ts';
import { createKey, newKeyText } from '../api-keys.ts';
import { putArtifact } from '../artifacts.ts';
import { putConnection } from '../connections.ts';
import { notify } from '../notifications.ts';
import type { Actor, Store } from '../open.ts';
import { openStore } from '../open.ts';
import { changePerson, setGroupRoles } from '../people.ts';
import { openProposal } from '../proposals.ts';
import { provision } from '../provision.ts';
import { noteRead } from '../read-log.ts';
import { appendEvents } from '../run-log.ts';
import { appendMessage, askTurn, continueSession } from '../sessions.ts';
import { addWebhook, newWebhookSecret } from '../webhooks.ts';

export const acme: Actor = { tenant: 'acme', user: 'ann' };
export const globex: Actor = { tenant: 'globex', user: 'gus' };

export interface StoreWorld {
  database: TestDatabase;
  api: Store;
  worker: Store;
  /** One statement as the superuser, whom no policy binds. */
  asSuperuser(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

/** Two tenants with a person each, and nothing else. */
export async function createStoreWorld(): Promise<StoreWorld> {
  const database = await createTestDatabase(inject('ownerUrl'));
  await provision(database.ownerUrl, {
    tenants: [
      { id: 'acme', name: 'Acme' },
      { id: 'globex', name: 'Globex' },
    ],
    users: [acme, globex].map(({ tenant, user }) => ({
      tenant,
      id: user,
      name: user,
      email: `${user}@example.com`,
      issuer: 'https://issuer.example',
      subject: `subject-of-${user}`,
      roles: ['manager', 'finance'],
    })),
  });
  const api = await openStore({ url: database.apiUrl, role: 'api' });
  const worker = await openStore({ url: database.workerUrl, role: 'worker' });
  return {
    database,
    api,
    worker,
    asSuperuser: (sql, values) => queryOnce(database.ownerUrl, sql, values),
    async close() {
      await Promise.all([api.close(), worker.close()]);
      await database.drop();
    },
  };
}

export async function queryOnce(url: string, sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** A published document and a run of it, as the API writes them. Ids begin with the tenant's. */
export async function startRun(api: Store, actor: Actor): Promise<string> {
  const tenantId = actor.tenant;
  const run = `${tenantId}-${randomUUID()}`;
  const at = new Date();
  await api.actAs(actor, async (tx) => {
    const inputDigest = await putArtifact(tx, tenantId, { amount: 1 });
    const document = { id: 'expense', title: 'Expense', graphHash: 'hash', publishedAt: at };
    await tx.document.createMany({ data: [{ tenantId, ...document }], skipDuplicates: true });
    await tx.graphVersion.createMany({
      data: [
        {
          tenantId,
          hash: 'hash',
          documentId: 'expense',
          graph: '{}',
          receipt: '{}',
          markdown: '# Expense',
          publishedBy: actor.user,
          publishedAt: at,
        },
      ],
      skipDuplicates: true,
    });
    await tx.run.create({
      data: {
        tenantId,
        id: run,
        rootRunId: run,
        workflowId: `workflow-${run}`,
        documentId: 'expense',
        graphHash: 'hash',
        title: 'Expense',
        status: 'running',
        requesterId: actor.user,
        inputDigest,
        traceId: 'trace',
        createdAt: at,
      },
    });
    await tx.outbox.create({
      data: {
        tenantId,
        id: randomUUID(),
        runId: run,
        workflowId: `workflow-${run}`,
        kind: 'start',
        payload: '{}',
        nextAt: at,
      },
    });
  });
  return run;
}

export interface FilledRun {
  run: string;
  step: string;
  effect: string;
  gate: string;
}

/** A group with the actor in it, a key of a service, a credential of theirs, and a webhook. */
export async function fillPeople(api: Store, actor: Actor): Promise<void> {
  const group = `group-${randomUUID()}`;
  await api.actAs(actor, async (tx) => {
    await setGroupRoles(tx, actor.tenant, group, ['reader']);
    await changePerson(tx, actor.tenant, actor.user, { groups: [group] });
    await putConnection(tx, Buffer.alloc(32), actor, 'calendar', `credential of ${actor.user}`);
    const webhook = {
      url: `https://${actor.tenant}.example/`,
      kinds: ['suggested'],
      secret: newWebhookSecret(),
    } as const;
    await addWebhook(tx, Buffer.alloc(32), actor, webhook);
    await createKey(tx, actor, newKeyText(), { service: `sync of ${actor.tenant}`, scopes: ['runs:read'] });
  });
}

/** A proposal of a run with a written section, a suggestion, a transcript that is granted, and a notification; its id. */
export async function fillProposal(api: Store, actor: Actor, run: string): Promise<string> {
  const { tenant: tenantId, user } = actor;
  const at = new Date();
  return api.actAs(actor, async (tx) => {
    const digest = await putArtifact(tx, tenantId, 'A summary.');
    const id = await openProposal(tx, actor, {
      title: 'Expense',
      run,
      definition: '{}',
      assignee: { person: user },
      sections: [{ name: 'Summary' }, { name: 'Costs', owner: { role: 'finance' } }, { name: '' }],
      contents: [{ section: 'Summary', digest, source: 'result' }],
    });
    if (id === undefined) throw new Error('the run has a proposal already');
    const of = { tenantId, proposalId: id };
    await tx.transcriptGrant.create({ data: { ...of, id, ownerId: user, granteeId: user, grantedAt: at } });
    await tx.suggestion.create({
      data: {
        ...of,
        id,
        authorId: user,
        kind: 'replace',
        section: 'Summary',
        baseDigest: digest,
        bodyDigest: digest,
        madeAt: at,
      },
    });
    await noteRead(tx, { what: 'proposal.read', thing: id });
    await notify(tx, tenantId, [
      { user, kind: 'suggested', proposal: id, address: `/proposals/${id}`, body: { suggestion: id }, sourceKey: id },
    ]);
    return id;
  });
}

/** The actor's session on the proposal, with a turn that answered and asks something. */
export async function fillSession(
  { api, worker }: Pick<StoreWorld, 'api' | 'worker'>,
  actor: Actor,
  proposal: string,
): Promise<string> {
  const { tenant: tenantId, user: ownerId } = actor;
  const at = new Date();
  const { session, turn } = await api.actAs(actor, async (tx) => {
    const { session } = await continueSession(tx, actor, proposal);
    return { session: session.id, turn: (await askTurn(tx, actor, session.id, 'What is missing?')).turn.id };
  });
  await worker.actAs(actor, async (tx) => {
    const call = { seq: 0, kind: 'model', requestDigest: 'q', response: '{}', source: 'scripted', latencyMs: 1, at };
    await tx.turnEntry.create({ data: { tenantId, turnId: turn, ownerId, ...call } });
    await appendMessage(tx, actor, session, { author: 'agent', kind: 'text', turn, body: 'The costs.' });
    const asked = { sessionId: session, ownerId, turnId: turn, body: '{}', askedAt: at };
    await tx.confirmation.create({ data: { tenantId, id: turn, ...asked } });
  });
  return session;
}

/** A run with a row in every table: a committed step with a turn and an effect, a decided gate, a command. */
export async function fillRun(world: Pick<StoreWorld, 'api' | 'worker'>, actor: Actor): Promise<FilledRun> {
  const tenantId = actor.tenant;
  await fillPeople(world.api, actor);
  const run = await startRun(world.api, actor);
  await fillSession(world, actor, await fillProposal(world.api, actor, run));
  const step = await insertStep(world.worker, actor, run);
  const [effect, gate] = [`effect-${run}`, await insertGate(world.worker, actor, run)];
  const at = new Date();
  await world.worker.actAs(actor, async (tx) => {
    await tx.stepTurn.create({
      data: {
        tenantId,
        stepExecutionId: step,
        seq: 1,
        kind: 'model',
        requestDigest: 'q',
        responseDigest: 'a',
        source: 'practice',
        attempt: 1,
        latencyMs: 3,
        at,
      },
    });
    await tx.effect.create({
      data: {
        tenantId,
        effectKey: effect,
        rootRunId: run,
        runId: run,
        stepExecutionId: step,
        node: 'pay',
        slot: 'call',
        tool: 'payments',
        requestDigest: 'r',
        status: 'intent',
        deadline: at,
        firstIntentAt: at,
      },
    });
    await appendEvents(tx, [{ run, type: 'run.started', sourceKey: 'started', body: {} }]);
  });
  await world.api.actAs(actor, async (tx) => {
    await tx.decision.create({
      data: {
        tenantId,
        id: randomUUID(),
        gateId: gate,
        userId: actor.user,
        action: 'approve',
        comment: 'fine',
        subject: 'subject',
        decidedAt: at,
      },
    });
    const ofGate = { tenantId, id: randomUUID(), gateId: gate };
    await tx.gateDelegation.create({
      data: { ...ofGate, fromUserId: actor.user, toUserId: actor.user, madeAt: at },
    });
    await tx.gateMessage.create({
      data: { ...ofGate, userId: actor.user, toUserId: actor.user, kind: 'question', text: 'Why?', at },
    });
    await tx.gate.update({
      where: { tenantId_id: { tenantId, id: gate } },
      data: { status: 'decided', verdict: 'approve', outputDigest: 'o', view: '{}', decidedAt: at },
    });
    await tx.command.create({
      data: { tenantId, id: randomUUID(), runId: run, kind: 'cancel', userId: actor.user, comment: '', createdAt: at },
    });
    await tx.idempotentRequest.create({
      data: { tenantId, userId: actor.user, key: run, fingerprint: 'f', status: 202, body: '{}', createdAt: at },
    });
  });
  return { run, step, effect, gate };
}

/** A step execution that has just been claimed. */
export async function insertStep(worker: Store, actor: Actor, run: string, status = 'running'): Promise<string> {
  const id = randomUUID();
  await worker.actAs(actor, (tx) =>
    tx.stepExecution.create({
      data: {
        tenantId: actor.tenant,
        id,
        rootRunId: run,
        runId: run,
        node: id,
        status,
        fence: 1,
        attempt: 1,
        memoKey: `memo-${id}`,
        actorId: actor.user,
      },
    }),
  );
  return id;
}

/** An open gate. */
export async function insertGate(worker: Store, actor: Actor, run: string): Promise<string> {
  const id = randomUUID();
  await worker.actAs(actor, (tx) =>
    tx.gate.create({
      data: {
        tenantId: actor.tenant,
        id,
        rootRunId: run,
        runId: run,
        node: id,
        purpose: 'step',
        subject: 'subject',
        bindings: '{}',
        title: 'Manager',
        question: 'Pay?',
        approverRoles: '["manager"]',
        notBy: '[]',
        actions: '[]',
        shown: '[]',
        status: 'open',
        openedAt: new Date(),
      },
    }),
  );
  return id;
}
