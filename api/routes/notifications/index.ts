/** What the caller was told: by page, as a stream, and marking it as read. Nobody reads what another was told. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { notFound } from '../../errors.ts';
import type { StreamLimits } from '../../event-stream.ts';
import { notification, viewOfNotification } from '../../notifications/notification-view.ts';
import { lastTold, readTold, toldLogOf } from '../../notifications/told-log.ts';
import { keyOfNewest, olderThan, page } from '../../pages.ts';
import { callerOf, personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import { streamer, streamResponses } from '../../stream-handler.ts';
import { eventHeaders } from '../runs/schemas.ts';
import {
  listNotificationsQuery,
  markedRead,
  notificationParams,
  notificationsPage,
  readAllBody,
  readBody,
} from './schemas.ts';

export const notificationRoutes: FastifyPluginAsyncZod<{ streams: StreamLimits }> = async (app, { streams }) => {
  app.get(
    '/notifications',
    {
      schema: {
        summary: 'What the caller was told, newest first, and how much of it is unread',
        tags: ['notifications'],
        querystring: listNotificationsQuery,
        response: responses({ 200: notificationsPage }, ['invalid-request']),
      },
    },
    async (request) => {
      const { limit, cursor, unread } = request.query;
      const { tenant, user } = personOf(request);
      const of = { tenantId: tenant, userId: user };
      const { rows, count, last } = await request.actAs(async (tx) => ({
        // Before the rows: what comes between the two is in both, and nothing in neither.
        last: cursor === undefined ? await lastTold(tx, of) : undefined,
        rows: await tx.notification.findMany({
          where: { ...of, ...(unread === 'true' ? { readAt: null } : {}), ...olderThan(cursor) },
          orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
          take: limit + 1,
        }),
        count: await tx.notification.count({ where: { ...of, readAt: null } }),
      }));
      const shown = page(rows, limit, keyOfNewest, viewOfNotification);
      return { ...shown, unread: count, ...(last === undefined ? {} : { streamAfter: last }) };
    },
  );

  const stream = streamer(app, streams, { of: 'notifications', read: readTold });
  app.get(
    '/notifications/stream',
    {
      schema: {
        summary: 'What the caller is told, as server-sent events',
        description:
          'One event for each notification, in the order in which they came: its type is the kind, its data the notification, its id a number to go on after. Begins with the oldest; does not end by itself before an hour.',
        tags: ['notifications'],
        headers: eventHeaders,
        response: streamResponses('The notifications'),
      },
    },
    (request, reply) => stream(request, reply, toldLogOf(callerOf(request))),
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
      return viewOfNotification(row);
    },
  );

  app.post(
    '/notifications/read',
    {
      schema: {
        summary: 'Mark all as read, or all up to one',
        description: 'With the newest that was shown as `until`, what came meanwhile stays unread.',
        tags: ['notifications'],
        body: readAllBody,
        response: responses({ 200: markedRead }, ['invalid-request', 'not-found']),
      },
    },
    async (request) => {
      const { tenant, user } = personOf(request);
      const of = { tenantId: tenant, userId: user };
      const until = request.body?.until;
      const count = await request.actAs(async (tx) => {
        const last = until === undefined ? null : await tx.notification.findFirst({ where: { ...of, id: until } });
        if (until !== undefined && last === null) return undefined;
        const shown =
          last === null
            ? {}
            : { OR: [{ createdAt: { lt: last.createdAt } }, { createdAt: last.createdAt, id: { lte: last.id } }] };
        return (
          await tx.notification.updateMany({ where: { ...of, readAt: null, ...shown }, data: { readAt: new Date() } })
        ).count;
      });
      if (count === undefined) throw notFound('notification');
      return { marked: count };
    },
  );
};
