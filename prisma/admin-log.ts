/** The admin log of a tenant: what was changed of its name, people, groups, keys, credentials and webhooks, by whom. Append-only, gapless, hash-chained. */
import canonicalize from 'canonicalize';
import type { Json } from '../compiler/types.ts';
import type { Tx } from './act-as.ts';
import type { AdminEvent } from './generated/client.ts';
import type { ChainHead, ChainVerdict, HashChain } from './hash-chain.ts';
import { verifyHashChain } from './hash-chain.ts';

/** Everything that is logged of the tenant's name, people, groups, keys, credentials and webhooks. */
export const adminEventTypes = [
  'tenant.provisioned',
  'tenant.renamed',
  'user.provisioned',
  'user.created',
  'user.changed',
  'user.deactivated',
  'user.activated',
  'group.changed',
  'key.created',
  'key.revoked',
  'credential.connected',
  'credential.removed',
  'webhook.added',
  'webhook.changed',
  'webhook.rotated',
  'webhook.removed',
  'webhook.resent',
] as const;
export type AdminEventType = (typeof adminEventTypes)[number];

export interface NewAdminEvent {
  what: AdminEventType;
  /** Id of the tenant, the user, the group, the key or the webhook; of the actor's own credential, the tool that it is for. */
  subject: string;
  /** Ids, roles, scopes and names of fields. Never names of people, addresses or secrets. */
  detail: Record<string, Json>;
}

export type AdminEventRow = AdminEvent;

/**
 * Appends in the actor's name and returns the event's number. Holds the tenant's log until the transaction ends, so
 * changes of people that are logged first come one after the other.
 */
export async function appendAdminEvent(tx: Tx, { what, subject, detail }: NewAdminEvent): Promise<number> {
  const rows = await tx.$queryRaw<{ seq: number }[]>`
    SELECT append_admin_event(${what}, ${subject}, ${canonicalize(detail)}) AS seq`;
  const [row] = rows;
  if (row === undefined) throw new Error('append_admin_event gave no number');
  return row.seq;
}

/** As verifyHashChain; `head` is the tenant's adminSeq and adminHeadHash. */
export function verifyAdminChain(events: AdminEventRow[], head?: ChainHead): ChainVerdict {
  return verifyHashChain(events, adminLogChain, head);
}

/** As append_admin_event computes it, field by field. */
export const adminLogChain: HashChain<AdminEventRow> = {
  chainOf: (event) => event.tenantId,
  hashedFields: (event) => [
    event.prevHash,
    event.tenantId,
    String(event.seq),
    event.actor,
    event.what,
    event.subject,
    event.detail,
    event.at.toISOString(),
  ],
};
