/** The API without a database: for tests of what is refused before one is asked. */
import type { FastifyInstance } from 'fastify';
import type { Identity, KeyIdentity, Store } from '../../prisma/open.ts';
import type { AppDependencies } from '../app.ts';
import { buildApp } from '../app.ts';
import type { DevelopmentIssuer } from '../development-issuer.ts';
import { openIssuerOfItsOwn } from './issuer-folder.ts';

export interface OfflineApp {
  app: FastifyInstance;
  issuer: DevelopmentIssuer;
  lines: string[];
  /** What the store knows of people, by subject. */
  people: Map<string, Identity>;
  /** And of API keys, by id. */
  keys: Map<string, KeyIdentity>;
}

export async function openOfflineApp(changes: Partial<AppDependencies> = {}): Promise<OfflineApp> {
  const issuer = await openIssuerOfItsOwn();
  const person = { tenant: 'acme', name: 'Mai', email: 'mai@acme.test', active: true, roles: ['manager'] };
  const people = new Map([['mai', { ...person, user: 'mai' }]]);
  const keys = new Map<string, KeyIdentity>();
  const store: Store = {
    actAs: async () => {
      throw Object.assign(new Error('no database here: "canary"'), { code: 'ECONNREFUSED' });
    },
    before: {
      identify: async (from, subject) => (from === issuer.issuer ? people.get(subject) : undefined),
      identifyKey: async (id) => keys.get(id),
      noteKeyUse: async () => undefined,
      runScope: async () => undefined,
      sessionScope: async () => undefined,
      dueOutbox: async () => [],
      dueDeliveries: async () => [],
      forgetDeliveries: async () => 0,
      runsToSweep: async () => [],
      settleOutbox: async () => undefined,
    },
    onRunEvents: () => () => undefined,
    ready: async () => undefined,
    close: async () => undefined,
  };
  const lines: string[] = [];
  const app = await buildApp({
    store,
    workflows: {
      start: async () => undefined,
      ring: async () => 'rung',
      answer: async () => undefined,
      look: async () => 'running',
      check: async () => undefined,
      close: async () => undefined,
    },
    tokens: issuer,
    practice: false,
    log: { level: 'info', stream: { write: (line) => lines.push(line) } },
    ...changes,
  });
  await app.ready();
  return { app, issuer, lines, people, keys };
}
