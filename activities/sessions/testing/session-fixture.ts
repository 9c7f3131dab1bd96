/** Proposals and sessions of Ann, Ben and Cal in a real database, and turns that are answered by a scripted model. */
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { inject } from 'vitest';
import { graphSchema } from '../../../compiler/graph.ts';
import { createDefinitionCache } from '../../../compiler/proposal-definition.ts';
import type { Json } from '../../../compiler/types.ts';
import { createTestDatabase } from '../../../dev/test-postgres.ts';
import { putArtifact } from '../../../prisma/artifacts.ts';
import type { Actor, Store } from '../../../prisma/open.ts';
import { openStore } from '../../../prisma/open.ts';
import { readContents } from '../../../prisma/proposal-contents.ts';
import { holdProposal, openProposal, writeContents } from '../../../prisma/proposals.ts';
import { provision } from '../../../prisma/provision.ts';
import { askTurn, continueSession } from '../../../prisma/sessions.ts';
import { createBreakers } from '../../breakers.ts';
import { configurationSchema } from '../../configuration.ts';
import type { Dependencies } from '../../dependencies.ts';
import { graphCache } from '../../graph-cache.ts';
import { jsonLinesLog } from '../../step-log.ts';
import type { StreamingModel } from './streaming-model.ts';

export const ann: Actor = { tenant: 'acme', user: 'ann' };
export const ben: Actor = { tenant: 'acme', user: 'ben' };
export const cal: Actor = { tenant: 'acme', user: 'cal' };

const text = { kind: 'text' } as const;
const definition = JSON.stringify({
  types: [],
  sections: [
    { name: 'Summary', type: { ...text }, rules: { lengthAtMost: 200 } },
    { name: 'Costs', type: text },
  ],
  state: {
    kind: 'record',
    fields: [
      { name: 'phase', type: { kind: 'one of', values: ['draft', 'ready'] }, default: 'draft' },
      { name: 'note', type: text, optional: true },
    ],
  },
});

export interface SessionFixture {
  api: Store;
  worker: Store;
  deps: Dependencies;
  /** Whose assignee is Ann. */
  propose(): Promise<string>;
  /** Somebody writes a section by themselves, or has it computed. */
  write(actor: Actor, proposal: string, section: string, content: Json, source?: 'computed'): Promise<void>;
  contents(proposal: string): Promise<Readonly<Record<string, unknown>>>;
  /** A collaborator, and Ann's transcript where that is granted. */
  share(proposal: string, actor: Actor, transcript?: boolean): Promise<void>;
  /** Makes somebody the assignee. */
  handOver(proposal: string, to: Actor): Promise<void>;
  /** Takes a collaborator's access away. */
  revoke(proposal: string, actor: Actor): Promise<void>;
  /** Makes somebody inactive, or active again. */
  setActive(actor: Actor, active: boolean): Promise<void>;
  /** Says something in one's own session. */
  say(actor: Actor, proposal: string, text: string): Promise<{ session: string; turn: string }>;
  /** Author, kind and words of what the actor reads, pieces and states of turns left out. */
  transcript(actor: Actor, session: string): Promise<[author: string, kind: string, body: string][]>;
  close(): Promise<void>;
}

export interface FixtureSettings {
  /** As in the file. */
  configuration?: unknown;
  /** Names of tools that the document gives its agent. */
  tools?: string[];
}

/** Seals credentials of the people here. */
export const credentialKey = Buffer.alloc(32, 7);

export async function openSessionFixture(
  model: StreamingModel,
  { configuration = {}, tools }: FixtureSettings = {},
): Promise<SessionFixture> {
  const database = await createTestDatabase(inject('ownerUrl'));
  await provision(database.ownerUrl, {
    tenants: [{ id: 'acme', name: 'Acme' }],
    users: [ann, ben, cal].map(({ tenant, user }) => ({
      tenant,
      id: user,
      name: user,
      email: `${user}@acme.test`,
      issuer: 'https://issuer.test',
      subject: user,
      roles: [],
    })),
  });
  const worker = await openStore({ url: database.workerUrl, role: 'worker', max: 5 });
  const api = await openStore({ url: database.apiUrl, role: 'api', max: 5 });
  const deps: Dependencies = {
    store: worker,
    configuration: configurationSchema.parse(configuration),
    values: {},
    breakers: createBreakers({ counts: () => false }),
    model: { baseUrl: model.url, apiKey: 'none', practice: false },
    log: jsonLinesLog(() => undefined),
    graphs: graphCache(),
    definitions: createDefinitionCache(),
    credentialKey,
    clock: () => new Date(),
  };
  const graphHash = tools === undefined ? undefined : await publish(api, tools);
  return {
    api,
    worker,
    deps,
    async propose() {
      const id = await api.actAs(ann, async (tx) =>
        openProposal(tx, ann, {
          title: 'Trip',
          ...(graphHash === undefined ? {} : { graphHash }),
          definition,
          assignee: { person: 'ann' },
          sections: [{ name: 'Summary' }, { name: 'Costs' }, { name: '' }],
          contents: [{ section: '', digest: await putArtifact(tx, 'acme', { phase: 'draft' }), source: 'default' }],
        }),
      );
      if (id === undefined) throw new Error('it was opened before');
      return id;
    },
    async write(actor, proposal, section, content, source: 'person' | 'computed' = 'person') {
      await api.actAs(actor, async (tx) => {
        const held = await holdProposal(tx, 'acme', proposal);
        const digest = await putArtifact(tx, 'acme', content);
        await writeContents(tx, actor, held, [{ section, digest, source }]);
      });
    },
    contents: (proposal) =>
      api.actAs(ann, async (tx) => readContents(tx, 'acme', (await holdProposal(tx, 'acme', proposal)).sections)),
    async share(proposal, actor, transcript = false) {
      await api.actAs(ann, async (tx) => {
        const at = new Date();
        const of = { tenantId: 'acme', proposalId: proposal };
        await tx.collaborator.create({
          data: { ...of, userId: actor.user, mode: 'reviewer', addedBy: 'ann', addedAt: at },
        });
        if (transcript) {
          const grant = { id: randomUUID(), ownerId: 'ann', granteeId: actor.user, grantedAt: at };
          await tx.transcriptGrant.create({ data: { ...of, ...grant } });
        }
      });
    },
    async handOver(proposal, to) {
      await api.actAs(ann, (tx) =>
        tx.proposal.updateMany({
          where: { id: proposal },
          data: { assigneeId: to.user, assigneeEpoch: { increment: 1 } },
        }),
      );
    },
    async revoke(proposal, actor) {
      await api.actAs(ann, (tx) =>
        tx.collaborator.updateMany({
          where: { proposalId: proposal, userId: actor.user },
          data: { revokedAt: new Date() },
        }),
      );
    },
    async setActive({ tenant, user }, active) {
      const owner = new Client({ connectionString: database.ownerUrl });
      await owner.connect();
      await owner.query('UPDATE user_account SET active = $3 WHERE tenant_id = $1 AND id = $2', [tenant, user, active]);
      await owner.end();
    },
    async say(actor, proposal, words) {
      return api.actAs(actor, async (tx) => {
        const { session } = await continueSession(tx, actor, proposal);
        const { turn } = await askTurn(tx, actor, session.id, words);
        return { session: session.id, turn: turn.id };
      });
    },
    async transcript(actor, session) {
      const rows = await api.actAs(actor, (tx) =>
        tx.message.findMany({
          where: { sessionId: session, kind: { notIn: ['piece', 'turn'] } },
          orderBy: { seq: 'asc' },
        }),
      );
      return rows.map(({ author, kind, body }) => [author, kind, body]);
    },
    async close() {
      await Promise.all([worker.close(), api.close()]);
      await database.drop();
    },
  };
}

/** A document whose one agent has these tools; gives its graph's hash. */
async function publish(api: Store, tools: string[]): Promise<string> {
  const clerk = { id: 'clerk', name: 'Clerk', model: 'small', tools, mayDelegateTo: [], instruction: '' };
  const parts = { inputs: [], types: [], nodes: [], edges: [], result: [], externals: [] };
  const graph = graphSchema.parse({ schemaVersion: 1, id: 'trip', title: 'Trip', agents: [clerk], ...parts });
  const of = { tenantId: 'acme', publishedAt: new Date() };
  await api.actAs(ann, async (tx) => {
    await tx.document.create({ data: { ...of, id: 'trip', title: 'Trip', graphHash: 'trip' } });
    const version = { hash: 'trip', documentId: 'trip', receipt: '{}', markdown: '# Trip', publishedBy: 'ann' };
    await tx.graphVersion.create({ data: { ...of, ...version, graph: JSON.stringify(graph) } });
  });
  return 'trip';
}
