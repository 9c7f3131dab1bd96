/** What the caller was told, and marking it as read. Nobody reads what another was told. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import type { Tx } from '../../../prisma/open.ts';
import { notFound } from '../../errors.ts';
import { keyOfNewest, olderThan, page } from '../../pages.ts';
import { personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import { listNotificationsQuery, notification, notificationParams, notificationsPage, readBody } from './schemas.ts';

type NotificationRow = Awaited<ReturnType<Tx['notification']['findMany']>>[number];

export const notificationRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/notifications',
    {
      schema: {
        summary: 'What the caller was told, newest first',
        tags: ['notifications'],
        querystring: listNotificationsQuery,
        response: responses({ 200: notificationsPage }, ['invalid-request']),
      },
    },
    async (request) => {
      const { limit, cursor, unread } = request.query;
      const { tenant, user } = personOf(request);
      const rows = await request.actAs((tx) =>
        tx.notification.findMany({
          where: {
            tenantId: tenant,
            userId: user,
            ...(unread === 'true' ? { readAt: null } : {}),
            ...olderThan(cursor),
          },
          orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
          take: limit + 1,
        }),
      );
      return page(rows, limit, keyOfNewest, viewOf);
    },
  );

  app.post(
    '/notifications/:id/read',
    {
      schema: {
        summary: 'Mark as read',
        description: 'Again changes nothing: the first time stands.',
        tags: ['notifications'],
        params: notificationParams,
        body: readBody,
        response: responses({ 200: notification }, ['invalid-request', 'not-found']),
      },
    },
    async (request) => {
      const { tenant, user } = personOf(request);
      const where = { tenantId: tenant, userId: user, id: request.params.id };
      const row = await request.actAs(async (tx) => {
        await tx.notification.updateMany({ where: { ...where, readAt: null }, data: { readAt: new Date() } });
        return tx.notification.findFirst({ where });
      });
      if (row === null) throw notFound('notification');
      return viewOf(row);
    },
  );
};

function viewOf(row: NotificationRow): z.infer<typeof notification> {
  return {
    id: row.id,
    kind: notification.shape.kind.parse(row.kind),
    ...(row.proposalId === null ? {} : { proposal: row.proposalId }),
    address: row.address,
    about: JSON.parse(row.body),
    createdAt: row.createdAt.toISOString(),
    ...(row.readAt === null ? {} : { readAt: row.readAt.toISOString() }),
  };
}
