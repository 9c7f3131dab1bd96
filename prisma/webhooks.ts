/**
 * Webhooks of a tenant, as its admins set them up. A secret is given out where it is made and nowhere else; the store keeps
 * it sealed, since signing needs it. Each change is one event of the admin log.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Actor, Tx } from './act-as.ts';
import { appendAdminEvent } from './admin-log.ts';
import type { Webhook, WebhookDelivery } from './generated/client.ts';
import type { NotificationKind } from './notifications.ts';
import { notificationKinds } from './notifications.ts';
import type { CredentialKey } from './sealing.ts';
import { seal, unseal } from './sealing.ts';

export type WebhookRow = Webhook;
export type WebhookDeliveryRow = WebhookDelivery;

/** Each has requests of ours under way: a tenant has no more of them. */
export const mostWebhooks = 20;

/** How long the secret before a rotation still signs, in milliseconds. */
const overlapMs = 24 * 60 * 60_000;

/** As Standard Webhooks writes a symmetric secret: 256 random bits. */
export const newWebhookSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

const sealedFor = (tenant: string, id: string) => ['webhook', tenant, id, 'secret'];

export interface NewWebhook {
  url: string;
  kinds: readonly NotificationKind[];
  secret: string;
}

/** Undefined when the tenant has as many as it may. Holds the admin log, so of two at once one is the last. */
export async function addWebhook(
  tx: Tx,
  key: CredentialKey,
  { tenant, user }: Actor,
  { url, kinds, secret }: NewWebhook,
): Promise<WebhookRow | undefined> {
  const id = randomUUID();
  const wanted = inOrder(kinds);
  await appendAdminEvent(tx, { what: 'webhook.added', subject: id, detail: { kinds: wanted } });
  if ((await tx.webhook.count({ where: { tenantId: tenant, removedAt: null } })) >= mostWebhooks) return undefined;
  const sealed = seal(key, sealedFor(tenant, id), secret);
  return tx.webhook.create({
    data: { tenantId: tenant, id, url, kinds: wanted, sealed, createdBy: user, createdAt: new Date() },
  });
}

/** Undefined when the tenant has none of that id, or removed it. */
export async function findWebhook(tx: Tx, tenant: string, id: string): Promise<WebhookRow | undefined> {
  const row = await tx.webhook.findFirst({ where: { tenantId: tenant, id, removedAt: null } });
  return row ?? undefined;
}

export interface WebhookChange {
  kinds?: readonly NotificationKind[];
  /** False: nothing is sent there; what waits then waits, and goes on when it is enabled again. */
  enabled?: boolean;
}

export async function changeWebhook(tx: Tx, row: WebhookRow, { kinds, enabled }: WebhookChange): Promise<WebhookRow> {
  const wanted = kinds && inOrder(kinds);
  const disabling = enabled === false && row.disabledAt === null;
  const enabling = enabled === true && row.disabledAt !== null;
  if (wanted === undefined && !disabling && !enabling) return row;
  await appendAdminEvent(tx, {
    what: 'webhook.changed',
    subject: row.id,
    detail: { ...(wanted && { kinds: wanted }), ...((disabling || enabling) && { enabled: enabling }) },
  });
  return tx.webhook.update({
    where: keyOf(row),
    data: {
      ...(wanted && { kinds: wanted }),
      ...(disabling && { disabledAt: new Date(), disabledWhy: 'admin' }),
      ...(enabling && { disabledAt: null, disabledWhy: null, failingSince: null }),
    },
  });
}

/** From now on the new secret signs; the one before it signs besides for a day, so that the receiver can change over. */
export async function rotateSecret(tx: Tx, key: CredentialKey, row: WebhookRow, secret: string): Promise<WebhookRow> {
  await appendAdminEvent(tx, { what: 'webhook.rotated', subject: row.id, detail: {} });
  return tx.webhook.update({
    where: keyOf(row),
    data: {
      sealed: seal(key, sealedFor(row.tenantId, row.id), secret),
      sealedBefore: row.sealed,
      beforeUntil: new Date(Date.now() + overlapMs),
    },
  });
}

/** For good. What waits is given up: not sent, and removed when it is old. */
export async function removeWebhook(tx: Tx, row: WebhookRow): Promise<void> {
  await appendAdminEvent(tx, { what: 'webhook.removed', subject: row.id, detail: {} });
  const now = new Date();
  await tx.webhook.updateMany({
    where: { tenantId: row.tenantId, id: row.id, removedAt: null },
    data: { removedAt: now },
  });
  await tx.webhookDelivery.updateMany({
    where: { tenantId: row.tenantId, webhookId: row.id, state: 'pending' },
    data: { state: 'dead', lastFailure: 'webhook-removed', lastAt: now },
  });
}

/** The secrets that sign now, the newest first. Throws when they were sealed under another key. */
export function secretsOf(key: CredentialKey, row: WebhookRow): string[] {
  const before = row.beforeUntil !== null && row.beforeUntil.getTime() > Date.now() ? row.sealedBefore : null;
  return [row.sealed, ...(before === null ? [] : [before])].map((sealed) =>
    unseal(key, sealedFor(row.tenantId, row.id), sealed),
  );
}

/** Has it sent as if it were new, under the id it has; one that is being sent now is not sent beside it. Undefined when there is none. */
export async function resendDelivery(
  tx: Tx,
  { tenantId, id: webhookId }: WebhookRow,
  id: string,
): Promise<WebhookDeliveryRow | undefined> {
  const { count } = await tx.webhookDelivery.updateMany({
    where: { tenantId, id, webhookId },
    data: { state: 'pending', attempts: 0, nextAt: new Date() },
  });
  if (count === 0) return undefined;
  await appendAdminEvent(tx, { what: 'webhook.resent', subject: webhookId, detail: { delivery: id } });
  return tx.webhookDelivery.findUniqueOrThrow({ where: { tenantId_id: { tenantId, id } } });
}

const keyOf = ({ tenantId, id }: WebhookRow) => ({ tenantId_id: { tenantId, id } });
const inOrder = (kinds: readonly NotificationKind[]) => notificationKinds.filter((kind) => kinds.includes(kind));
