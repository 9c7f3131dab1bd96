/** Deliveries as the relay sees them: reading one that was handed to it, and saying what became of it. */
import type { Tx } from './act-as.ts';
import type { DueDelivery } from './before-tenant.ts';
import type { Notification, WebhookDelivery } from './generated/client.ts';
import type { WebhookRow } from './webhooks.ts';

export interface DeliveryToSend {
  delivery: WebhookDelivery;
  webhook: WebhookRow;
  notification: Notification;
}

/** Undefined when it is not the caller's to send any more: handed out anew, settled, or its webhook removed or disabled. */
export async function readDelivery(tx: Tx, due: DueDelivery): Promise<DeliveryToSend | undefined> {
  const row = await tx.webhookDelivery.findFirst({
    where: {
      tenantId: due.tenant,
      id: due.id,
      fence: due.fence,
      state: 'pending',
      webhook: { removedAt: null, disabledAt: null },
    },
    include: { webhook: true, notification: true },
  });
  if (row === null) return undefined;
  return { delivery: row, webhook: row.webhook, notification: row.notification };
}

/** What an attempt came to. */
export interface Attempted {
  /** What it was answered with; absent where there was no answer. */
  status?: number;
  /** Why there was none, as a code. */
  failure?: string;
}

/** `after`: it is sent again then, in milliseconds. `gone`: the receiver wants none any more, so the webhook is disabled. */
export type Settlement = { is: 'delivered' } | { is: 'again'; after: number } | { is: 'dead'; gone: boolean };

/** Gives an attempt back that came to nothing by no fault of the receiver's: it is due at once, and does not count. */
export async function returnDelivery(tx: Tx, { tenant, id, fence }: DueDelivery): Promise<void> {
  await tx.$executeRaw`
    UPDATE webhook_delivery SET leased_until = NULL, attempts = greatest(attempts - 1, 0)
    WHERE tenant_id = ${tenant} AND id = ${id} AND fence = ${fence} AND state = 'pending'`;
}

/** Returns false, and changes nothing, when the delivery was handed out anew meanwhile: who has it now settles it. */
export async function settleDelivery(
  tx: Tx,
  { tenant, id, webhook, fence }: DueDelivery,
  { status, failure }: Attempted,
  settlement: Settlement,
): Promise<boolean> {
  const state = settlement.is === 'again' ? 'pending' : settlement.is;
  const after = settlement.is === 'again' ? settlement.after : 0;
  // By the database's clock, which says what is due. Without an attempt: an admin had it sent again meanwhile, and it is.
  const count = await tx.$executeRaw`
    UPDATE webhook_delivery SET leased_until = NULL, last_at = clock_timestamp(),
      state = CASE WHEN attempts = 0 AND ${state} = 'dead' THEN 'pending' ELSE ${state} END,
      next_at = CASE WHEN attempts = 0 THEN next_at ELSE clock_timestamp() + ${after}::float8 * interval '1 millisecond' END,
      last_status = ${status ?? null}::integer, last_failure = ${failure ?? null}::text
    WHERE tenant_id = ${tenant} AND id = ${id} AND fence = ${fence} AND state = 'pending'`;
  if (count === 0) return false;
  const of = { tenantId: tenant, id: webhook };
  if (settlement.is === 'delivered') {
    await tx.webhook.updateMany({ where: { ...of, failingSince: { not: null } }, data: { failingSince: null } });
  } else {
    await tx.webhook.updateMany({ where: { ...of, failingSince: null }, data: { failingSince: new Date() } });
  }
  if (settlement.is === 'dead' && settlement.gone) {
    await tx.webhook.updateMany({
      where: { ...of, disabledAt: null },
      data: { disabledAt: new Date(), disabledWhy: 'gone' },
    });
  }
  return true;
}
