/** Deliveries that were settled long ago are removed, so that what was sent does not grow for ever. The notifications stay. */
import type { Store } from '../../prisma/open.ts';
import type { WebhookLog } from '../log-lines.ts';
import type { Repeating } from '../repeating.ts';
import { repeating } from '../repeating.ts';

export interface OldDeliveriesSettings {
  store: Store;
  log: Pick<WebhookLog, 'forgettingFailed'>;
  /** How long a delivery is kept once it was settled. */
  keptDays?: number;
  /** How often old ones are looked for, in milliseconds. */
  everyMs?: number;
}

const hour = 3_600_000;

/** Of one transaction: short, so that it is in nobody's way. */
const batch = 1_000;

/** Every API removes; the store gives no delivery to two of them. */
export function createOldDeliveries(settings: OldDeliveriesSettings): Pick<Repeating, 'start' | 'stop'> {
  const { store, log, keptDays = 30, everyMs = hour } = settings;
  const remove = async () => (await store.before.forgetDeliveries(keptDays, batch)) === batch;
  return repeating({ everyMs, work: remove, failed: (error) => log.forgettingFailed(error) });
}
