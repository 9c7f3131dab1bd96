/** API keys: made, listed and revoked by people with the role admin; no key reaches these. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { KeyScope } from '../../../prisma/api-keys.ts';
import { createKey, keyTextOf, newKeyText, revokeKey } from '../../../prisma/api-keys.ts';
import { notFound, Problem } from '../../errors.ts';
import { keyOfNewest, olderThan, page } from '../../pages.ts';
import { answer, idempotencyKeyAllowed, idempotencyKeyRequired, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import { createdKey, createKeyBody, key, keyParams, keysPage, listKeysQuery, revokeBody } from './schemas.ts';

export const keyRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/admin/keys',
    {
      schema: {
        summary: 'API keys, newest first, revoked ones too',
        tags: ['admin'],
        querystring: listKeysQuery,
        response: responses({ 200: keysPage }, ['invalid-request', 'not-permitted']),
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const rows = await request.actAs((tx) =>
        tx.apiKey.findMany({
          where: {
            tenantId: personOf(request).tenant,
            ...olderThan(cursor),
          },
          include: { user: { select: { name: true } } },
          orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
          take: limit + 1,
        }),
      );
      return page(rows, limit, keyOfNewest, (row) => viewOfKey(row, row.user.name));
    },
  );

  app.post(
    '/admin/keys',
    {
      schema: {
        summary: 'Make an API key',
        description: 'The answer holds the key, this once: what is kept of it is a hash.',
        tags: ['admin'],
        headers: idempotencyKeyRequired,
        body: createKeyBody,
        response: responses({ 201: createdKey }, [
          'invalid-request',
          'idempotency-key-required',
          'not-permitted',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const { service, scopes, expiresAt } = request.body;
      const ends = expiresAt === undefined ? undefined : new Date(expiresAt);
      if (ends !== undefined && ends.getTime() <= Date.now()) {
        const error = { at: '/expiresAt', in: 'body' as const, message: 'Expected a time to come' };
        throw new Problem('invalid-request', { errors: [error] });
      }
      const text = newKeyText();
      const done = await request.once(async (tx) => {
        const wanted = { service, scopes, ...(ends === undefined ? {} : { expiresAt: ends }) };
        const row = await createKey(tx, personOf(request), text, wanted);
        // Without the secret: what answers a repeated request is kept in the database.
        return answer(201, createdKey, viewOfKey(row, service));
      });
      if (done.replayed) return sendAnswer(reply, done);
      return sendAnswer(reply, { ...done, body: JSON.stringify({ ...JSON.parse(done.body), key: keyTextOf(text) }) });
    },
  );

  app.post(
    '/admin/keys/:id/revoke',
    {
      schema: {
        summary: 'Revoke an API key, at once and for good',
        tags: ['admin'],
        params: keyParams,
        headers: idempotencyKeyAllowed,
        body: revokeBody,
        response: responses({ 200: key }, ['invalid-request', 'not-permitted', 'not-found', 'idempotency-key-reused']),
      },
    },
    async (request, reply) => {
      const { tenant } = personOf(request);
      const done = await request.once(async (tx) => {
        const row = await revokeKey(tx, tenant, request.params.id);
        if (row === undefined) throw notFound('key');
        const { name } = await tx.user.findUniqueOrThrow({
          where: { tenantId_id: { tenantId: tenant, id: row.userId } },
        });
        return answer(200, key, viewOfKey(row, name));
      });
      return sendAnswer(reply, done);
    },
  );
};

interface KeyRow {
  id: string;
  userId: string;
  scopes: string[];
  createdBy: string;
  createdAt: Date;
  expiresAt: Date | null;
  revokedAt: Date | null;
  lastUsedAt: Date | null;
}

const viewOfKey = (row: KeyRow, service: string) => ({
  id: row.id,
  service,
  user: row.userId,
  scopes: row.scopes as KeyScope[],
  createdBy: row.createdBy,
  createdAt: row.createdAt.toISOString(),
  ...(row.expiresAt === null ? {} : { expiresAt: row.expiresAt.toISOString() }),
  ...(row.revokedAt === null ? {} : { revokedAt: row.revokedAt.toISOString() }),
  ...(row.lastUsedAt === null ? {} : { lastUsedAt: row.lastUsedAt.toISOString() }),
});
