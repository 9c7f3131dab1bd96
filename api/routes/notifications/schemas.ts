import { z } from 'zod';
import { notification } from '../../notifications/notification-view.ts';
import { pageOf, pageQuery } from '../../pages.ts';

export const notificationParams = z.object({ id: z.string().min(1).max(64) });
export const listNotificationsQuery = z.object({
  ...pageQuery,
  unread: z.enum(['true', 'false']).optional().describe('true: only those not marked as read'),
});

export const notificationsPage = pageOf(notification).extend({
  unread: z.int().describe('How many of all are not marked as read'),
  streamAfter: z
    .int()
    .optional()
    .describe('Of the first page: the `Last-Event-ID` by which the stream gives what came after it'),
});
export const readBody = z.strictObject({}).nullish();
export const readAllBody = z
  .strictObject({ until: z.string().min(1).max(64).optional().describe('Id of the newest of them; all unless said') })
  .nullish();
export const markedRead = z.object({ marked: z.int().describe('How many became read by this') });
