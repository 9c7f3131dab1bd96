/**
 * The relay of webhooks: takes deliveries that are due, sends each, and says what became of it. Any API's relay takes any
 * delivery, one at a time has it: the store hands it to one caller and keeps it from the others for the length of a lease,
 * which is longer than an attempt may take. An API that dies between sending and saying so sends nothing again: its lease ends,
 * another has the delivery, and the receiver sees the same id twice.
 *
 * A webhook has its own deliveries alone to wait for: a few at a time, one while it is failing.
 */
import type { DueDelivery, Store } from '../../prisma/open.ts';
import type { CredentialKey } from '../../prisma/sealing.ts';
import type { DeliveryToSend, Settlement } from '../../prisma/webhook-deliveries.ts';
import { readDelivery, returnDelivery, settleDelivery } from '../../prisma/webhook-deliveries.ts';
import { secretsOf } from '../../prisma/webhooks.ts';
import type { WebhookLog } from '../log-lines.ts';
import { repeating } from '../repeating.ts';
import { messageOf } from './notification-view.ts';
import type { Reach, Resolve } from './reach.ts';
import type { Answered } from './send-message.ts';
import { sendMessage, stopped } from './send-message.ts';
import { signatureHeaders } from './signature.ts';

export interface WebhookRelay {
  start(): void;
  /** Takes no more, and gives up what is under way: it is sent again, by whoever has it then. */
  stop(): Promise<void>;
}

export interface WebhookRelaySettings {
  store: Store;
  /** Under which the secrets are sealed. */
  key: CredentialKey;
  reach: Reach;
  resolve: Resolve;
  log: Pick<WebhookLog, 'notDelivered' | 'deliveryFailed'>;
  times?: Partial<WebhookTimes>;
}

/** In milliseconds. */
export interface WebhookTimes {
  /** How often due deliveries are looked for. */
  everyMs: number;
  /** How long an attempt may take, looking the host up included. */
  timeoutMs: number;
  /** How long a delivery is nobody else's. */
  leaseMs: number;
  /** Before the second attempt, the third, and so on; after the last of them a delivery is dead. */
  pausesMs: readonly number[];
}

const [second, minute, hour] = [1_000, 60_000, 3_600_000];

/** Ten attempts in a little less than a day. */
export const defaultWebhookTimes: WebhookTimes = {
  everyMs: second,
  timeoutMs: 10 * second,
  leaseMs: minute,
  pausesMs: [5 * second, 30 * second, 2 * minute, 10 * minute, 30 * minute, hour, 3 * hour, 6 * hour, 12 * hour],
};

/** A receiver that asks to be left alone is, for no longer than this. */
const longestAskedMs = 24 * hour;

/** Requests that are under way at once, in all and to one webhook. */
const atOnce = 256;
const atOnceEach = 8;

export function createWebhookRelay(settings: WebhookRelaySettings): WebhookRelay {
  const { store, log } = settings;
  const times = { ...defaultWebhookTimes, ...settings.times };
  if (times.leaseMs <= times.timeoutMs) throw new Error('A lease must be longer than an attempt may take.');
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();
  /** Deliveries under way by webhook. */
  const busy = new Map<string, number>();
  const loop = repeating({ everyMs: times.everyMs, work: take, failed: (error) => log.deliveryFailed(error) });

  /** Never more to do at once: what is left waits for one of those under way to end. */
  async function take(): Promise<false> {
    const limit = atOnce - underWay.size;
    if (limit === 0) return false;
    const asked = { limit, each: atOnceEach, busy: [...busy.keys()], leaseMs: times.leaseMs };
    const takenAt = performance.now();
    for (const due of await store.before.dueDeliveries(asked)) {
      busy.set(due.webhook, (busy.get(due.webhook) ?? 0) + 1);
      const attempt = carry(due, takenAt)
        .catch((error: unknown) => log.deliveryFailed(error, due.id))
        .finally(() => {
          underWay.delete(attempt);
          release(due.webhook);
        });
      underWay.add(attempt);
    }
    return false;
  }

  function release(webhook: string): void {
    const left = (busy.get(webhook) ?? 1) - 1;
    if (left > 0) busy.set(webhook, left);
    else {
      busy.delete(webhook);
      loop.wake();
    }
  }

  /** One attempt. One that the process had no time for within its lease is left to whoever has the delivery next. */
  async function carry(due: DueDelivery, takenAt: number): Promise<void> {
    const relay = { tenant: due.tenant, user: 'relay' };
    const found = await store.actAs(relay, (tx) => readDelivery(tx, due));
    const leftMs = times.leaseMs - (performance.now() - takenAt);
    if (found === undefined || leftMs <= times.timeoutMs) return;
    const answered = await send(found);
    if (answered.failure === stopped) return store.actAs(relay, (tx) => returnDelivery(tx, due));
    const settlement = settlementOf(answered, found.delivery.attempts, times.pausesMs);
    const settled = await store.actAs(relay, (tx) => settleDelivery(tx, due, answered, settlement));
    if (!settled || settlement.is === 'delivered') return;
    const { status, failure } = answered;
    const { attempts } = found.delivery;
    log.notDelivered({ webhook: due.webhook, delivery: due.id, attempts, status, failure, is: settlement.is });
  }

  async function send({ delivery, webhook, notification }: DeliveryToSend): Promise<Answered> {
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(times.timeoutMs)]);
    let secrets: string[];
    try {
      secrets = secretsOf(settings.key, webhook);
    } catch {
      return { failure: 'secret-sealed-otherwise' };
    }
    const body = messageOf(notification);
    const headers = signatureHeaders(secrets, delivery.id, new Date(), body);
    const { reach, resolve } = settings;
    return sendMessage({ url: new URL(webhook.url), headers, body }, { reach, resolve, signal });
  }

  return {
    start: loop.start,
    async stop() {
      stopping.abort();
      await loop.stop();
      await Promise.all(underWay);
    },
  };
}

/** What an attempt comes to; `attempts`: this one included. */
export function settlementOf(
  { status, retryAfterMs = 0 }: Answered,
  attempts: number,
  pausesMs: readonly number[],
): Settlement {
  if (status !== undefined && status >= 200 && status <= 299) return { is: 'delivered' };
  if (status === 410) return { is: 'dead', gone: true };
  const pause = pausesMs[attempts - 1];
  if (pause === undefined) return { is: 'dead', gone: false };
  return { is: 'again', after: Math.max(pause, Math.min(retryAfterMs, longestAskedMs)) };
}
