import { z } from 'zod';
import { notificationKinds } from '../../../prisma/notifications.ts';
import { json } from '../../json-value.ts';
import { pageOf, pageQuery } from '../../pages.ts';

export const notificationParams = z.object({ id: z.string().min(1).max(64) });
export const listNotificationsQuery = z.object({
  ...pageQuery,
  unread: z.enum(['true', 'false']).optional().describe('true: only those not marked as read'),
});

export const notification = z.object({
  id: z.string(),
  kind: z.enum(notificationKinds),
  proposal: z.string().optional(),
  address: z.string().describe('Path in this API of what to open'),
  about: json.describe('Ids of what happened'),
  createdAt: z.iso.datetime(),
  readAt: z.iso.datetime().optional(),
});
export const notificationsPage = pageOf(notification);
export const readBody = z.strictObject({}).nullish();
