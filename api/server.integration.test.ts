import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { findFreePorts } from '../dev/ports.ts';
import { openDevelopmentIssuer } from './development-issuer.ts';
import type { ApiFixture } from './testing/api-fixture.ts';
import { eventually, openApiFixture, publishClaim } from './testing/api-fixture.ts';
import { issuerFolder } from './testing/issuer-folder.ts';

let fixture: ApiFixture;
beforeAll(async () => {
  fixture = await openApiFixture();
  await publishClaim(fixture);
});
afterAll(() => fixture.close());

function startServer(env: Record<string, string>) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'server.ts')], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => {
    said.out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said.err += chunk;
  });
  return { child, said };
}

test('the process serves from its environment alone and ends on SIGTERM with 0, streams and all', async () => {
  const keys = await issuerFolder();
  const [port = 0] = await findFreePorts(1);
  const { child, said } = startServer({
    DATABASE_URL: fixture.database.apiUrl,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_NAMESPACE: inject('temporalNamespace'),
    PORT: String(port),
    WAYMARK_DEVELOPMENT_ISSUER: keys,
    WAYMARK_TASK_QUEUE: 'nobody-works-here',
  });
  const base = `http://127.0.0.1:${port}`;
  try {
    await eventually(async () => (await fetch(`${base}/ready`).catch(() => undefined))?.ok || undefined);
    const token = await (await openDevelopmentIssuer(keys, 'test')).sign('an');
    const authorization = `Bearer ${token}`;
    const started = await fetch(`${base}/runs`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', 'idempotency-key': 'k' },
      body: JSON.stringify({ document: 'claim', input: { amount: 1, purpose: 'a canary' } }),
    });
    expect(started.status).toBe(201);
    const { id } = (await started.json()) as { id: string };
    const stream = await fetch(`${base}/runs/${id}/events`, { headers: { authorization } });
    const reader = stream.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('event: run.started');

    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    expect(said.err).toBe('');
    for (const line of said.out.trim().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({ part: 'api', level: expect.any(String), at: expect.any(String) });
    }
    expect(said.out).not.toContain('canary');
    expect(said.out).not.toContain(token);
  } finally {
    child.kill('SIGKILL');
  }
});

test('an unusable environment ends the process at once with every variable named', async () => {
  const { child, said } = startServer({ TEMPORAL_ADDRESS: 'here' });
  expect(await once(child, 'exit')).toEqual([1, null]);
  expect(said.err).toContain('DATABASE_URL: is not set');
  expect(said.err).toContain('TEMPORAL_ADDRESS: expected host:port');
});
