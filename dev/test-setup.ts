/**
 * Global setup of the integration tests: one PostgreSQL with a migrated template and one Temporal dev server for the whole run, both in
 * temporary folders and gone at its end. Tests read what is provided by `inject` of vitest.
 */
import type { TestProject } from 'vitest/node';
import { searchAttributes } from '../workflows/messages.ts';
import type { DevServer } from './temporal.ts';
import { defaultCacheDir, findTemporal, findTestServer, startTemporalDevServer } from './temporal.ts';
import type { TestServer } from './test-postgres.ts';
import { prepareTemplate, startTestPostgres } from './test-postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the superuser of the test server; hand it to createTestDatabase. */
    ownerUrl: string;
    temporalAddress: string;
    temporalNamespace: string;
    temporalUiUrl: string;
    /** Paths of the `temporal` CLI and of the time-skipping server. */
    temporalCli: string;
    temporalTestServer: string;
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const find = { env: process.env, cacheDir: await defaultCacheDir(process.env), log: console.error };
  const started = await Promise.allSettled([startStore(), startTemporal(find), findTestServer(find)]);
  const [store, temporal, testServer] = started;
  async function tearDown(): Promise<void> {
    await Promise.all([store, temporal].map((one) => (one.status === 'fulfilled' ? one.value.stop() : undefined)));
  }
  if (store.status === 'rejected' || temporal.status === 'rejected' || testServer.status === 'rejected') {
    await tearDown();
    throw started.find((one) => one.status === 'rejected')?.reason;
  }
  project.provide('ownerUrl', store.value.ownerUrl);
  project.provide('temporalAddress', temporal.value.address);
  project.provide('temporalNamespace', temporal.value.namespace);
  project.provide('temporalUiUrl', temporal.value.uiUrl);
  project.provide('temporalCli', temporal.value.binary);
  project.provide('temporalTestServer', testServer.value);
  return tearDown;
}

async function startStore(): Promise<TestServer> {
  const server = await startTestPostgres();
  try {
    const { migrate } = await import('../prisma/migrate.ts');
    await prepareTemplate(server.ownerUrl, migrate);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function startTemporal(find: Parameters<typeof findTemporal>[0]): Promise<DevServer & { binary: string }> {
  const binary = await findTemporal(find);
  return { ...(await startTemporalDevServer({ binary, namespace: 'waymark-tests', searchAttributes })), binary };
}
