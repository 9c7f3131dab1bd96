/** Telling people. A row is written in the transaction of what it tells of: told if that happened, and then once. */
import { randomUUID } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Json } from '../compiler/types.ts';
import type { Actor, Tx } from './act-as.ts';
import { noteGrown } from './run-log.ts';
import { ask } from './statements.ts';

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
  'delegation-withdrawn',
  'question',
  'answer',
  'write-answered',
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

/**
 * Tells those of them who are active people and, where it is of a proposal, see it as things stand in the transaction (for
 * the reasons of `reasonsOf`): so it comes after what gives them access. The others are passed over. Webhooks that want
 * the kind get a delivery each, by a trigger.
 */
export async function notify(tx: Tx, tenant: string, notifications: NewNotification[]): Promise<void> {
  if (notifications.length === 0) return;
  const told = JSON.stringify(
    notifications.map(({ user, kind, proposal, address, body, sourceKey }) => ({
      id: randomUUID(),
      user,
      kind,
      proposal: proposal ?? null,
      address,
      body: canonicalize(body) ?? '{}',
      sourceKey,
    })),
  );
  for (const { user } of notifications) noteGrown(tx, toldChannel({ tenant, user }));
  await ask(tx)`
    INSERT INTO notification (tenant_id, id, user_id, kind, proposal_id, address, body, source_key, created_at)
    SELECT u.tenant_id, t."id", u.id, t."kind", t."proposal", t."address", t."body", t."sourceKey", date_trunc('milliseconds', statement_timestamp())
    FROM json_to_recordset(${told}::json) AS t("id" text, "user" text, "kind" text, "proposal" text, "address" text, "body" text, "sourceKey" text)
    JOIN user_account u ON u.tenant_id = ${tenant} AND u.id = t."user" AND u.active AND u.kind = 'person'
    WHERE t."proposal" IS NULL OR EXISTS (
      SELECT FROM proposal p WHERE p.tenant_id = u.tenant_id AND p.id = t."proposal" AND (
        p.assignee_id = u.id
        OR EXISTS (SELECT FROM membership m WHERE m.tenant_id = u.tenant_id AND m.user_id = u.id AND m.role = p.assignee_role)
        OR EXISTS (SELECT FROM collaborator c WHERE c.tenant_id = u.tenant_id AND c.proposal_id = p.id AND c.user_id = u.id AND c.revoked_at IS NULL)
        OR EXISTS (SELECT FROM section s WHERE s.tenant_id = u.tenant_id AND s.proposal_id = p.id AND (
          s.owner_id = u.id
          OR EXISTS (SELECT FROM membership m WHERE m.tenant_id = u.tenant_id AND m.user_id = u.id AND m.role = s.owner_role)))))
    ON CONFLICT DO NOTHING`;
}

/** What a process that waits for something to be told to this person is woken by. */
export const toldChannel = ({ tenant, user }: Actor): string => `told:${tenant}:${user}`;

/** Ids of active people who hold the role, in order. */
export async function holdersOf(tx: Tx, tenant: string, role: string): Promise<string[]> {
  const where = { tenantId: tenant, active: true, kind: 'person', memberships: { some: { role } } };
  const rows = await tx.user.findMany({ where, select: { id: true }, orderBy: { id: 'asc' } });
  return rows.map(({ id }) => id);
}
