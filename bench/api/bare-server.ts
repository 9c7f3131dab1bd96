/**
 * The baseline: a bare Fastify server with SQL written by hand. It verifies the same tokens, sets the same tenant, reads and
 * writes the same rows and carries the same outbox to Temporal; it validates nothing and answers one shape of each.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyRequest } from 'fastify';
import Fastify from 'fastify';
import { createLocalJWKSet, jwtVerify } from 'jose';
import pg from 'pg';
import type { TemporalSettings } from '../../api/temporal-client.ts';
import { connectWorkflows } from '../../api/temporal-client.ts';
import { createBareRelay } from './bare-relay.ts';
import type { Decision, Person, Start } from './bare-work.ts';
import { decideGate, readRun, startRun } from './bare-work.ts';

interface Settings {
  port: number;
  databaseUrl: string;
  issuerFolder: string;
  temporal: TemporalSettings;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings;
const issuer = 'urn:waymark:development';
const key = JSON.parse(readFileSync(join(settings.issuerFolder, 'development-issuer.jwk.json'), 'utf8'));
const keys = createLocalJWKSet({ keys: [{ kty: key.kty, crv: key.crv, x: key.x, kid: key.kid, alg: 'EdDSA' }] });
const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: 20, options: '-c role=api_user' });
const workflows = connectWorkflows(settings.temporal);
const relay = createBareRelay(pool, workflows);
const app = Fastify();

async function personOf(request: FastifyRequest): Promise<Person> {
  const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
  const { payload } = await jwtVerify(token, keys, { issuer, audience: 'waymark', algorithms: ['EdDSA'] });
  const { rows } = await pool.query<Person & { active: boolean }>({
    name: 'identify',
    text: 'SELECT tenant, user_id AS "user", name, email, active, roles FROM identify($1, $2)',
    values: [issuer, payload.sub],
  });
  if (rows[0]?.active !== true) throw Object.assign(new Error('unauthenticated'), { statusCode: 401 });
  return rows[0];
}

/** One transaction with the person's tenant. */
async function asPerson<T>({ tenant, user }: Person, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query({
      name: 'tenant',
      text: `SELECT set_config('app.tenant', $1, true), set_config('app.user', $2, true)`,
      values: [tenant, user],
    });
    const done = await work(client);
    await client.query('COMMIT');
    return done;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

/** Tells those who wait for a run's log, or to be told something, as the store does after a commit. */
const announce = (grown: string[]) =>
  pool.query({
    name: 'announce',
    text: 'SELECT pg_notify($1, one) FROM unnest($2::text[]) AS one',
    values: ['waymark_run_events', grown],
  });

app.get('/health', () => ({ status: 'ok' }));

app.get<{ Params: { id: string } }>('/runs/:id', async (request) => {
  const person = await personOf(request);
  return asPerson(person, (client) => readRun(client, person, request.params.id));
});

app.post<{ Body: Start }>('/runs', async (request, reply) => {
  const person = await personOf(request);
  const key = String(request.headers['idempotency-key']);
  const started = await asPerson(person, (client) => startRun(client, person, key, request.body));
  void announce([started.id]);
  relay.nudge();
  return reply.code(201).send(started);
});

app.post<{ Params: { id: string }; Body: Decision }>('/gates/:id/decisions', async (request, reply) => {
  const person = await personOf(request);
  const key = String(request.headers['idempotency-key']);
  const { decided, requester } = await asPerson(person, (client) =>
    decideGate(client, person, key, request.params.id, request.body),
  );
  void announce([decided.run, `told:${person.tenant}:${requester}`]);
  relay.nudge();
  return reply.code(201).send(decided);
});

await app.listen({ host: '127.0.0.1', port: settings.port });
relay.start();
process.once('SIGTERM', async () => {
  await app.close();
  await relay.stop();
  await Promise.all([workflows.close(), pool.end()]);
});
