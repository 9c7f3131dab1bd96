/** A run in a real database, ready for its activities: for the integration tests of this room. */
import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { canonicalJson, sha256Hex } from '../../compiler/canonical.ts';
import type { Graph } from '../../compiler/graph.ts';
import { graphSchema } from '../../compiler/graph.ts';
import { createDefinitionCache } from '../../compiler/proposal-definition.ts';
import type { Json } from '../../compiler/types.ts';
import type { TestDatabase } from '../../dev/test-postgres.ts';
import { createTestDatabase } from '../../dev/test-postgres.ts';
import { putArtifact } from '../../prisma/artifacts.ts';
import type { Store, Tx } from '../../prisma/open.ts';
import { openStore } from '../../prisma/open.ts';
import { provision } from '../../prisma/provision.ts';
import type { BreakerOptions } from '../breakers.ts';
import { createBreakers } from '../breakers.ts';
import type { Configuration } from '../configuration.ts';
import { configurationSchema } from '../configuration.ts';
import type { Dependencies } from '../dependencies.ts';
import { graphCache } from '../graph-cache.ts';
import { jsonLinesLog } from '../step-log.ts';
import { isToolUnavailable } from '../tools/tool-problem.ts';

export const tenant = 'acme';
export const requester = { tenant, user: 'rita' };
export const manager = { tenant, user: 'mona' };

export interface Fixture {
  database: TestDatabase;
  /** Under the worker's role, as activities have it. */
  store: Store;
  /** Under the API's role: writes what only people may. */
  api: Store;
  /** Every line of the worker's log. */
  lines: string[];
  close(): Promise<void>;
}

export async function openFixture(): Promise<Fixture> {
  const database = await createTestDatabase(inject('ownerUrl'));
  const person = (id: string, roles: string[]) => ({
    tenant,
    id,
    name: id,
    email: `${id}@acme.test`,
    issuer: 'https://issuer.test',
    subject: id,
    roles,
  });
  await provision(database.ownerUrl, {
    tenants: [{ id: tenant, name: 'Acme' }],
    users: [person('rita', ['staff']), person('mona', ['manager'])],
  });
  const store = await openStore({ url: database.workerUrl, role: 'worker', max: 5 });
  const api = await openStore({ url: database.apiUrl, role: 'api', max: 5 });
  return {
    database,
    store,
    api,
    lines: [],
    async close() {
      await Promise.all([store.close(), api.close()]);
      await database.drop();
    },
  };
}

export interface Settings {
  configuration?: unknown;
  breakers?: Partial<BreakerOptions>;
  values?: Record<string, string>;
  practiceUrl?: string;
}

export function dependencies(fixture: Fixture, settings: Settings = {}): Dependencies {
  const configuration: Configuration = configurationSchema.parse(settings.configuration ?? {});
  return {
    store: fixture.store,
    configuration,
    values: settings.values ?? {},
    breakers: createBreakers({ counts: isToolUnavailable, ...settings.breakers }),
    model: { baseUrl: 'http://127.0.0.1:9/v1', apiKey: 'none', practice: false },
    ...(settings.practiceUrl === undefined ? {} : { practiceUrl: settings.practiceUrl }),
    log: jsonLinesLog((line) => fixture.lines.push(line)),
    graphs: graphCache(),
    definitions: createDefinitionCache(),
    clock: () => new Date(),
  };
}

/** The graph with what every one needs filled in. Throws when it is not a valid graph. */
export function graphOf(parts: Partial<Graph> & Pick<Graph, 'nodes'>): Graph {
  return graphSchema.parse({
    schemaVersion: 1,
    id: 'claims',
    title: 'Claims',
    inputs: [],
    types: [],
    agents: [],
    edges: [],
    result: [],
    externals: [],
    ...parts,
  });
}

export const record = (
  fields: Record<string, 'text' | 'number' | 'anything'>,
): { kind: 'record'; fields: Graph['inputs'] } => ({
  kind: 'record',
  fields: Object.entries(fields).map(([name, kind]) => ({ name, type: { kind } })),
});

export const retry = (times: number, initialMs = 1000) => ({ times, initialMs, factor: 2, maxMs: 60_000 });

/** Publishes the graph and starts a run of it; gives the run's id. */
export async function startRun(
  fixture: Fixture,
  graph: Graph,
  input: Json = {},
  more: { practice?: string; rootRun?: string; fresh?: string[] } = {},
): Promise<string> {
  const run = randomUUID();
  const text = canonicalJson(graph);
  const hash = sha256Hex(text);
  await fixture.api.actAs(requester, async (tx) => {
    const publishedAt = new Date();
    await tx.graphVersion.createMany({
      data: [
        {
          tenantId: tenant,
          hash,
          documentId: graph.id,
          graph: text,
          receipt: '{}',
          markdown: '',
          publishedBy: requester.user,
          publishedAt,
        },
      ],
      skipDuplicates: true,
    });
    await tx.document.createMany({
      data: [{ tenantId: tenant, id: graph.id, title: graph.title, graphHash: hash, publishedAt }],
      skipDuplicates: true,
    });
    await tx.run.create({
      data: {
        tenantId: tenant,
        id: run,
        rootRunId: more.rootRun ?? run,
        workflowId: `claims-${run}`,
        documentId: graph.id,
        graphHash: hash,
        title: graph.title,
        status: 'running',
        requesterId: requester.user,
        inputDigest: await putArtifact(tx, tenant, input),
        traceId: 'trace-1',
        createdAt: new Date(),
        ...(more.practice === undefined ? {} : { practice: more.practice }),
        ...(more.fresh === undefined ? {} : { fresh: JSON.stringify(more.fresh) }),
      },
    });
  });
  return run;
}

/** What the API does when a person decides: verdict and its content in one transaction. */
export async function decide(fixture: Fixture, gate: string, action: string, comment = ''): Promise<string> {
  return fixture.api.actAs(manager, async (tx) => {
    const outputDigest = await putArtifact(tx, tenant, { action, comment, form: null, by: manager.user });
    await tx.gate.update({
      where: { tenantId_id: { tenantId: tenant, id: gate } },
      data: {
        status: 'decided',
        verdict: action,
        outputDigest,
        view: JSON.stringify({ values: { action } }),
        decidedAt: new Date(),
      },
    });
    return outputDigest;
  });
}

export function asRequester<T>(fixture: Fixture, work: (tx: Tx) => Promise<T>): Promise<T> {
  return fixture.store.actAs(requester, work);
}

export type LoggedEvent = { type: string; node: string | null } & { [fact: string]: Json };

/** In order, the facts of each beside its type. */
export function eventsOf(fixture: Fixture, run: string, type?: string): Promise<LoggedEvent[]> {
  return asRequester(fixture, async (tx) => {
    const rows = await tx.runEvent.findMany({
      where: { runId: run, ...(type ? { type } : {}) },
      orderBy: { seq: 'asc' },
    });
    return rows.map(({ type, node, body }) => ({ type, node, ...(JSON.parse(body) as Record<string, Json>) }));
  });
}

export function stepOf(fixture: Fixture, run: string, node: string) {
  return asRequester(fixture, (tx) =>
    tx.stepExecution.findFirstOrThrow({ where: { rootRunId: run, node }, orderBy: { generation: 'desc' } }),
  );
}

export function effectsOf(fixture: Fixture, run: string) {
  return asRequester(fixture, (tx) =>
    tx.effect.findMany({ where: { rootRunId: run }, orderBy: { firstIntentAt: 'asc' } }),
  );
}
