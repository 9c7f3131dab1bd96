/** Telling people. A row is written in the transaction of what it tells of: told if that happened, and then once. */
import { randomUUID } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Json } from '../compiler/types.ts';
import type { Tx } from './act-as.ts';

export const notificationKinds = [
  'shared',
  'assigned',
  'suggested',
  'decided',
  'stale',
  'gate-opened',
  'reminder',
  'overdue',
  'escalated',
  'delegated',
  'question',
  'answer',
] as const;
export type NotificationKind = (typeof notificationKinds)[number];

export interface NewNotification {
  /** Who is told. */
  user: string;
  kind: NotificationKind;
  /** Of what happened to a proposal. */
  proposal?: string;
  /** Path in the API of what to open. */
  address: string;
  /** Ids and numbers. Never content. */
  body: Record<string, Json>;
  /** Names what happened: a person is told once of it, however often this is called. */
  sourceKey: string;
}

export async function notify(tx: Tx, tenant: string, notifications: NewNotification[]): Promise<void> {
  if (notifications.length === 0) return;
  const createdAt = new Date();
  await tx.notification.createMany({
    data: notifications.map(({ user, kind, proposal, address, body, sourceKey }) => ({
      tenantId: tenant,
      id: randomUUID(),
      userId: user,
      kind,
      proposalId: proposal ?? null,
      address,
      body: canonicalize(body) ?? '{}',
      sourceKey,
      createdAt,
    })),
    skipDuplicates: true,
  });
}
