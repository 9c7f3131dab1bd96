import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const checkout = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(checkout, path), 'utf8');

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly restart?: string;
  readonly environment?: Record<string, string>;
  readonly ports?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Record<string, { readonly condition: string }>;
  readonly configs?: ReadonlyArray<{ readonly source: string }>;
}
interface Compose {
  readonly services: Record<string, Service>;
  readonly configs: Record<string, { readonly content: string }>;
}

const compose = parse(read('docker-compose.temporal.yml'), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const ours = services.filter(([, service]) => service.build !== undefined);

/** The schema of the Compose specification; tests/fixtures/README.md says where it is from. */
function composeProblems(document: unknown): string[] {
  const { $schema, ...schema } = JSON.parse(read('tests/fixtures/compose-spec.json')) as Record<string, unknown>;
  expect($schema).toBe('https://json-schema.org/draft-07/schema');
  const ajv = new Ajv({ strict: false, allErrors: true, formats: { duration: true } });
  const validate = ajv.compile(schema);
  return validate(document)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

test('the compose file is valid against the Compose specification', () => {
  expect(composeProblems(compose)).toEqual([]);
  expect(composeProblems({ services: { api: { imag: 'waymark' } } })).toEqual([
    '/services/api must NOT have additional properties',
  ]);
});

test('it describes the whole stack', () => {
  expect(services.map(([name]) => name).sort()).toEqual([
    'api',
    'migrate',
    'postgres',
    'temporal',
    'temporal-namespace',
    'temporal-schema',
    'temporal-ui',
    'worker',
  ]);
  expect(ours.map(([name]) => name)).toEqual(['migrate', 'worker', 'api']);
});

test('every file that our services start exists', () => {
  const started = ours.map(([, { command }]) => command);
  expect(started).toEqual([
    ['node', 'prisma/migrate.ts'],
    ['node', 'worker.ts'],
    ['node', 'api/server.ts'],
  ]);
  const checks = ours.flatMap(([, { healthcheck }]) => healthcheck?.test ?? []);
  const files = [...started.flat(), ...checks].filter((word) => word?.endsWith('.ts'));
  expect(files.filter((file) => !existsSync(join(checkout, file ?? '')))).toEqual([]);
});

test('every service that stays up has a health check, and every other one is waited for until it has succeeded', () => {
  const stays = services.filter(([, { restart }]) => restart === 'unless-stopped').map(([name]) => name);
  const checked = services.filter(([, { healthcheck }]) => healthcheck !== undefined).map(([name]) => name);
  expect(checked).toEqual(stays);
  const waits = services.flatMap(([, service]) => Object.entries(service.depends_on ?? {}));
  const wrong = waits.filter(
    ([name, { condition }]) =>
      condition !== (stays.includes(name) ? 'service_healthy' : 'service_completed_successfully'),
  );
  expect(wrong).toEqual([]);
});

test('every image is pinned to a version', () => {
  const loose = services.filter(([, { image }]) => !/:\d+\.\d+/.test(image)).map(([name]) => name);
  expect(loose).toEqual([]);
});

test('every port is published on the loopback address unless WAYMARK_BIND says otherwise', () => {
  const open = services
    .flatMap(([, { ports }]) => ports ?? [])
    .filter((port) => !/^(127\.0\.0\.1|\$\{WAYMARK_BIND:-127\.0\.0\.1\}):/.test(port));
  expect(open).toEqual([]);
});

test('the worker and the API each connect as a login of their own, which the migrations make', () => {
  for (const name of ['worker', 'api']) {
    const password = `WAYMARK_${name.toUpperCase()}_DATABASE_PASSWORD`;
    expect(compose.services[name]?.environment?.DATABASE_URL).toBe(
      `postgresql://waymark_${name}:$\{${password}:?set ${password}}@postgres:5432/waymark`,
    );
    expect(Object.keys(compose.services.migrate?.environment ?? {})).toContain(password);
    expect(read('prisma/migrate.ts')).toContain(password);
  }
});

test('every variable that a service of ours is given is one that it reads', () => {
  const readers = { api: ['api/env.ts'], worker: ['worker.ts', 'worker-health.ts'], migrate: ['prisma/migrate.ts'] };
  const unread = Object.entries(readers).flatMap(([name, files]) => {
    const code = files.map(read).join('\n');
    const given = Object.keys(compose.services[name]?.environment ?? {});
    expect(given.length).toBeGreaterThan(0);
    return given
      .filter((variable) => !new RegExp(`\\b${variable}\\b`).test(code))
      .map((variable) => `${name}: ${variable}`);
  });
  expect(unread).toEqual([]);
});

test('every script that a service mounts is described', () => {
  const mounted = services.flatMap(([, { configs }]) => configs ?? []).map(({ source }) => source);
  expect(mounted.sort()).toEqual(Object.keys(compose.configs).sort());
});
