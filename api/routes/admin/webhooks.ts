/** Webhooks of the tenant: added, changed and removed by people with the role admin, who see what became of each delivery. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import type { Tx } from '../../../prisma/open.ts';
import type { CredentialKey } from '../../../prisma/sealing.ts';
import type { WebhookDeliveryRow, WebhookRow } from '../../../prisma/webhooks.ts';
import {
  addWebhook,
  changeWebhook,
  findWebhook,
  mostWebhooks,
  newWebhookSecret,
  removeWebhook,
  resendDelivery,
  rotateSecret,
} from '../../../prisma/webhooks.ts';
import { notFound, Problem } from '../../errors.ts';
import type { Reach } from '../../notifications/reach.ts';
import { faultOf } from '../../notifications/reach.ts';
import { keyOfNewest, olderThan, page } from '../../pages.ts';
import { answer, idempotencyKeyAllowed, idempotencyKeyRequired, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import {
  addWebhookBody,
  changeWebhookBody,
  deliveriesPage,
  delivery,
  deliveryParams,
  listDeliveriesQuery,
  listWebhooksQuery,
  nothingBody,
  removedWebhook,
  webhook,
  webhookParams,
  webhooksPage,
  webhookWithSecret,
} from './webhook-schemas.ts';

export interface WebhookRouteOptions {
  reach: Reach;
  /** Without one no webhook is added: its secret could not be kept. */
  key?: CredentialKey;
}

export const webhookRoutes: FastifyPluginAsyncZod<WebhookRouteOptions> = async (app, { reach, key }) => {
  app.get(
    '/admin/webhooks',
    {
      schema: {
        summary: 'Where notifications are sent, newest first',
        tags: ['admin'],
        querystring: listWebhooksQuery,
        response: responses({ 200: webhooksPage }, ['invalid-request', 'not-permitted']),
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const where = { tenantId: personOf(request).tenant, removedAt: null, ...olderThan(cursor) };
      const orderBy = [{ createdAt: 'desc' as const }, { id: 'desc' as const }];
      const rows = await request.actAs((tx) => tx.webhook.findMany({ where, orderBy, take: limit + 1 }));
      return page(rows, limit, keyOfNewest, viewOfWebhook);
    },
  );

  app.post(
    '/admin/webhooks',
    {
      schema: {
        summary: 'Add a webhook',
        description: 'The answer holds the secret that its signatures are checked by, this once.',
        tags: ['admin'],
        headers: idempotencyKeyRequired,
        body: addWebhookBody,
        response: responses({ 201: webhookWithSecret }, [
          'invalid-request',
          'idempotency-key-required',
          'not-permitted',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const { url, kinds } = request.body;
      const sealing = keyIn(key);
      const fault = faultOf(url, reach);
      if (fault !== undefined) {
        throw new Problem('invalid-request', { errors: [{ at: '/url', in: 'body', message: fault }] });
      }
      const secret = newWebhookSecret();
      const done = await request.once(async (tx) => {
        const row = await addWebhook(tx, sealing, personOf(request), { url: new URL(url).href, kinds, secret });
        if (row === undefined) {
          throw new Problem('not-permitted', {
            detail: `A tenant has at most ${mostWebhooks} webhooks: remove one first.`,
          });
        }
        // Without the secret: what answers a repeated request is kept in the database.
        return answer(201, webhookWithSecret, viewOfWebhook(row));
      });
      return sendAnswer(reply, withSecret(done, secret));
    },
  );

  app.patch(
    '/admin/webhooks/:id',
    {
      schema: {
        summary: 'Say which kinds a webhook is sent, or disable it',
        tags: ['admin'],
        params: webhookParams,
        body: changeWebhookBody,
        response: responses({ 200: webhook }, ['invalid-request', 'not-permitted', 'not-found']),
      },
    },
    async (request) => {
      const { kinds, enabled } = request.body;
      const change = { ...(kinds && { kinds }), ...(enabled !== undefined && { enabled }) };
      const { tenant } = personOf(request);
      return request.actAs(async (tx) =>
        viewOfWebhook(await changeWebhook(tx, await webhookIn(tx, tenant, request.params.id), change)),
      );
    },
  );

  app.post(
    '/admin/webhooks/:id/rotate',
    {
      schema: {
        summary: 'Give a webhook a new secret',
        description:
          'The answer holds it, this once. For a day the secret before it signs besides, so that the receiver can change over.',
        tags: ['admin'],
        params: webhookParams,
        headers: idempotencyKeyRequired,
        body: nothingBody,
        response: responses({ 200: webhookWithSecret }, [
          'invalid-request',
          'idempotency-key-required',
          'not-permitted',
          'not-found',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const sealing = keyIn(key);
      const { tenant } = personOf(request);
      const secret = newWebhookSecret();
      const done = await request.once(async (tx) => {
        const row = await rotateSecret(tx, sealing, await webhookIn(tx, tenant, request.params.id), secret);
        return answer(200, webhookWithSecret, viewOfWebhook(row));
      });
      return sendAnswer(reply, withSecret(done, secret));
    },
  );

  app.delete(
    '/admin/webhooks/:id',
    {
      schema: {
        summary: 'Remove a webhook, for good',
        description: 'What waits to be sent there is not sent.',
        tags: ['admin'],
        params: webhookParams,
        response: responses({ 200: removedWebhook }, ['not-permitted', 'not-found']),
      },
    },
    async (request) => {
      const { tenant } = personOf(request);
      const { id } = request.params;
      await request.actAs(async (tx) => removeWebhook(tx, await webhookIn(tx, tenant, id)));
      return { id, removed: true as const };
    },
  );

  app.get(
    '/admin/webhooks/:id/deliveries',
    {
      schema: {
        summary: 'What became of what was sent to a webhook, newest first',
        tags: ['admin'],
        params: webhookParams,
        querystring: listDeliveriesQuery,
        response: responses({ 200: deliveriesPage }, ['invalid-request', 'not-permitted', 'not-found']),
      },
    },
    async (request) => {
      const { tenant } = personOf(request);
      const { limit, cursor, state } = request.query;
      const rows = await request.actAs(async (tx) => {
        const { id } = await webhookIn(tx, tenant, request.params.id);
        const where = { tenantId: tenant, webhookId: id, ...(state && { state }), ...olderThan(cursor) };
        const orderBy = [{ createdAt: 'desc' as const }, { id: 'desc' as const }];
        return tx.webhookDelivery.findMany({ where, orderBy, take: limit + 1, include: ofKind });
      });
      return page(rows, limit, keyOfNewest, viewOfDelivery);
    },
  );

  app.post(
    '/admin/webhooks/:id/deliveries/:delivery/resend',
    {
      schema: {
        summary: 'Send a delivery again',
        description: 'Under the id it has, whatever became of it before: a receiver that has had it can tell.',
        tags: ['admin'],
        params: deliveryParams,
        headers: idempotencyKeyAllowed,
        body: nothingBody,
        response: responses({ 200: delivery }, [
          'invalid-request',
          'not-permitted',
          'not-found',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const { tenant } = personOf(request);
      const done = await request.once(async (tx) => {
        const found = await webhookIn(tx, tenant, request.params.id);
        const row = await resendDelivery(tx, found, request.params.delivery);
        if (row === undefined) throw notFound('delivery');
        const where = { tenantId_id: { tenantId: tenant, id: row.notificationId } };
        const told = await tx.notification.findUniqueOrThrow({ where, select: { kind: true } });
        return answer(200, delivery, viewOfDelivery({ ...row, notification: told }));
      });
      return sendAnswer(reply, done);
    },
  );
};

const ofKind = { notification: { select: { kind: true } } } as const;

/** @throws Problem not-permitted */
function keyIn(key: CredentialKey | undefined): CredentialKey {
  if (key !== undefined) return key;
  throw new Problem('not-permitted', { detail: 'This API keeps no secrets: WAYMARK_CREDENTIAL_KEY is not set.' });
}

/** @throws Problem not-found */
async function webhookIn(tx: Tx, tenant: string, id: string): Promise<WebhookRow> {
  const row = await findWebhook(tx, tenant, id);
  if (row === undefined) throw notFound('webhook');
  return row;
}

function withSecret<Done extends { body: string; replayed: boolean }>(done: Done, secret: string): Done {
  return done.replayed ? done : { ...done, body: JSON.stringify({ ...JSON.parse(done.body), secret }) };
}

const viewOfWebhook = (row: WebhookRow): z.infer<typeof webhook> => ({
  id: row.id,
  url: row.url,
  kinds: webhook.shape.kinds.parse(row.kinds),
  enabled: row.disabledAt === null,
  ...(row.disabledWhy === null ? {} : { disabledWhy: webhook.shape.disabledWhy.parse(row.disabledWhy) }),
  ...(row.failingSince === null ? {} : { failingSince: row.failingSince.toISOString() }),
  createdBy: row.createdBy,
  createdAt: row.createdAt.toISOString(),
});

const viewOfDelivery = (row: WebhookDeliveryRow & { notification: { kind: string } }): z.infer<typeof delivery> => ({
  id: row.id,
  notification: row.notificationId,
  kind: delivery.shape.kind.parse(row.notification.kind),
  state: delivery.shape.state.parse(row.state),
  attempts: row.attempts,
  ...(row.state === 'pending' ? { nextAt: row.nextAt.toISOString() } : {}),
  ...(row.lastAt === null ? {} : { lastAt: row.lastAt.toISOString() }),
  ...(row.lastStatus === null ? {} : { lastStatus: row.lastStatus }),
  ...(row.lastFailure === null ? {} : { lastFailure: row.lastFailure }),
  createdAt: row.createdAt.toISOString(),
});
