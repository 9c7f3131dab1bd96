/** A notification as the person it is for reads it, and as it is sent to webhooks. */
import { z } from 'zod';
import { notificationKinds } from '../../prisma/notifications.ts';
import type { Tx } from '../../prisma/open.ts';
import { json } from '../json-value.ts';

export type NotificationRow = Awaited<ReturnType<Tx['notification']['findMany']>>[number];

export const notification = z.object({
  id: z.string(),
  kind: z.enum(notificationKinds),
  proposal: z.string().optional(),
  address: z.string().describe('Path in this API of what to open'),
  about: json.describe('Ids of what happened'),
  createdAt: z.iso.datetime(),
  readAt: z.iso.datetime().optional(),
});

export function viewOfNotification(row: NotificationRow): z.infer<typeof notification> {
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

/**
 * The body of a webhook's message: the same bytes at every attempt. Ids, the kind, who was told and what to open: whoever
 * may see the rest asks for it there.
 */
export function messageOf(row: NotificationRow): string {
  const { readAt: _, createdAt, ...told } = viewOfNotification(row);
  return JSON.stringify({
    type: `notification.${told.kind}`,
    timestamp: createdAt,
    data: { ...told, tenant: row.tenantId, person: row.userId },
  });
}
