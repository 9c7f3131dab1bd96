/**
 * The processes of docker-compose.temporal.yml without Docker: its roles, its commands, its environment and its health
 * checks, started natively against a Temporal server and an empty PostgreSQL that run elsewhere. Two of each.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CryptoKey, JWK } from 'jose';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { parse } from 'yaml';
import type { GuardedChild } from '../../dev/children.ts';
import { startGuarded } from '../../dev/children.ts';
import { findFreePorts } from '../../dev/ports.ts';
import type { TestServer } from '../../dev/test-postgres.ts';
import { startTestPostgres } from '../../dev/test-postgres.ts';
import { provision } from '../../prisma/provision.ts';
import type { ApiClient } from './api-client.ts';
import { apiClient } from './api-client.ts';
import { order } from './documents.ts';
import type { ScriptedTools } from './scripted-tools.ts';
import { configurationFor, startScriptedTools } from './scripted-tools.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Service {
  command: string[];
  environment: Record<string, string>;
  healthcheck?: { test: string[] };
}
const compose = parse(readFileSync(join(root, 'docker-compose.temporal.yml'), 'utf8'), { merge: true }) as {
  services: Record<'migrate' | 'worker' | 'api', Service>;
  configs: Record<'create-roles', { content: string }>;
};

const owner = { role: 'compose_owner', database: 'compose', password: 'owner-password' };
const taskQueue = 'separate-processes';
let dir: string;
let postgres: TestServer;
let tools: ScriptedTools;
let issuer: { url: string; sign(subject: string): Promise<string>; close(): void };
let ports: number[];
const children: GuardedChild[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'waymark-separate-'));
  [postgres, tools, issuer, ports] = await Promise.all([
    startTestPostgres(),
    startScriptedTools(),
    startIssuer(),
    findFreePorts(2),
  ]);
  writeFileSync(join(dir, 'config.json'), JSON.stringify(configurationFor(tools)));
  await createRoles();
  expect(await runToEnd('migrate', compose.services.migrate.command)).toEqual({
    code: 0,
    said: expect.stringMatching(/^migrate: applied \w+/),
  });
  const person = { tenant: 'acme', issuer: 'https://issuer.example' };
  await provision(databaseUrl(owner.role, owner.password), {
    tenants: [{ id: 'acme', name: 'Acme' }],
    users: [
      { ...person, id: 'an', name: 'An', email: 'an@acme.example', subject: 'an', roles: [] },
      { ...person, id: 'mai', name: 'Mai', email: 'mai@acme.example', subject: 'mai', roles: ['manager'] },
    ],
  });
  // The first worker registers what runs are started with; only then the APIs.
  await Promise.all([startService('worker', 0), startService('worker', 1)]);
  await Promise.all([startService('api', 0), startService('api', 1)]);
});
afterAll(async () => {
  await Promise.all(children.map((child) => child.stop()));
  await Promise.all([tools?.close(), postgres?.stop()]);
  issuer?.close();
  rmSync(dir, { recursive: true, force: true });
});

/** The script that the compose file gives to PostgreSQL's image, but for the names that the test's own server has. */
async function createRoles(): Promise<void> {
  const sql = /<<'SQL'\n([\s\S]*?)\n\s*SQL\n/.exec(compose.configs['create-roles'].content)?.[1] ?? '';
  expect(sql).toContain('CREATE ROLE waymark_owner');
  const client = new Client({ connectionString: postgres.ownerUrl });
  await client.connect();
  try {
    for (const statement of sql.split(';').filter((one) => one.trim() !== '')) {
      const named = statement
        .replaceAll('waymark_owner', owner.role)
        .replaceAll('DATABASE waymark', `DATABASE ${owner.database}`)
        .replaceAll(/:'\w+'/g, `'${owner.password}'`);
      await client.query(named);
    }
  } finally {
    await client.end();
  }
}

function databaseUrl(user: string, password: string): string {
  return `postgresql://${user}:${password}@${new URL(postgres.ownerUrl).host}/${owner.database}`;
}

/** What the compose file sets, with this machine's addresses for the names of its services. */
function environmentOf(service: keyof typeof compose.services, index = 0): Record<string, string> {
  const set: Record<string, string> = {
    TEMPORAL_NAMESPACE: inject('temporalNamespace'),
    WAYMARK_TASK_QUEUE: taskQueue,
    WAYMARK_OWNER_PASSWORD: owner.password,
    WAYMARK_API_DATABASE_PASSWORD: 'api-password',
    WAYMARK_WORKER_DATABASE_PASSWORD: 'worker-password',
    WAYMARK_TOKEN_ISSUER: 'https://issuer.example',
    WAYMARK_TOKEN_AUDIENCE: 'waymark',
    WAYMARK_JWKS_URL: issuer.url,
  };
  const elsewhere: [string, string][] = [
    ['temporal:7233', inject('temporalAddress')],
    ['postgres:5432/waymark', `${new URL(postgres.ownerUrl).host}/${owner.database}`],
    ['waymark_owner', owner.role],
    ['/etc/waymark/config.json', join(dir, 'config.json')],
    ['0.0.0.0', '127.0.0.1'],
  ];
  const entries = Object.entries(compose.services[service].environment).map(([name, value]) => {
    const filled = String(value).replaceAll(
      /\$\{(\w+)(?::[-?]([^}]*))?\}/g,
      (whole, variable: string, other?: string) => {
        return set[variable] ?? (whole.includes(':-') ? (other ?? '') : `no ${variable}`);
      },
    );
    return [name, elsewhere.reduce((text, [from, to]) => text.replaceAll(from, to), filled)] as const;
  });
  return { PATH: process.env.PATH ?? '', ...Object.fromEntries(entries), ...portOf(service, index) };
}

const portOf = (service: string, index: number): Record<string, string> =>
  service === 'api' ? { PORT: String(ports[index]) } : {};

async function runToEnd(
  service: keyof typeof compose.services,
  [, ...args]: string[],
): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, args, { cwd: root, env: environmentOf(service) });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  await once(child, 'close');
  return { code: child.exitCode, said };
}

/** Up when the health check of the compose file says so. */
async function startService(service: 'worker' | 'api', index: number): Promise<void> {
  const { command, healthcheck } = compose.services[service];
  const child = startGuarded({
    name: service,
    command: process.execPath,
    args: command.slice(1),
    cwd: root,
    env: environmentOf(service, index),
    stopSignal: 'SIGTERM',
  });
  children.push(child);
  const check = (healthcheck?.test ?? []).slice(1).map((word) => word.replace(':3000', `:${ports[index]}`));
  await child.ready(async () => ((await runToEnd(service, check)).code === 0 ? true : undefined), 60_000);
}

/** An issuer of tokens as an organisation has it: its public keys are read from a URL. */
async function startIssuer(): Promise<typeof issuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk: JWK = { ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'one' };
  const server: Server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    sign: (subject) => signed(privateKey, subject),
    close: () => server.close(),
  };
}

const signed = (key: CryptoKey, subject: string): Promise<string> =>
  new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setIssuer('https://issuer.example')
    .setAudience('waymark')
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime('10 minutes')
    .sign(key);

async function clientOf(subject: string, api: number): Promise<ApiClient> {
  return apiClient(`http://127.0.0.1:${ports[api]}`, await issuer.sign(subject));
}

test('two workers and two APIs do the runs of one database together; what one API took, the other knows', async () => {
  const an = await clientOf('an', 0);
  const mai = await clientOf('mai', 1);
  const document = await an.publish(order);
  const suppliers = Array.from({ length: 6 }, (_, index) => `separate-${index}`);
  const runs = await Promise.all(suppliers.map((supplier) => an.start(document, { amount: 9, supplier })));
  await vi.waitFor(async () => expect(await mai.inbox()).toHaveLength(runs.length), { timeout: 30_000 });
  await Promise.all((await mai.inbox()).map(({ id, subject }) => mai.decide(id, { action: 'approve', subject })));
  await vi.waitFor(
    async () => {
      const views = await Promise.all(runs.map((run) => mai.run(run)));
      expect(views.map(({ status }) => status)).toEqual(runs.map(() => 'completed'));
    },
    { timeout: 30_000 },
  );
  expect(suppliers.map((supplier) => tools.requestsFor(supplier))).toEqual(runs.map(() => 1));
});

test('a token that this issuer did not sign, and no token, are refused alike', async () => {
  const { privateKey } = await generateKeyPair('ES256');
  const forged = apiClient(`http://127.0.0.1:${ports[0]}`, await signed(privateKey, 'mai'));
  const answers = await Promise.all([
    forged.call('GET', '/gates'),
    apiClient(`http://127.0.0.1:${ports[0]}`, 'none').call('GET', '/gates'),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([401, 401]);
  expect(answers[0]?.body).toEqual(answers[1]?.body);
});

test('asked to stop, each ends in good order', async () => {
  await Promise.all(children.map((child) => child.stop()));
  const exits = await Promise.all(children.map((child) => child.exited));
  expect(exits).toEqual(children.map(() => ({ code: 0, signal: null })));
});
