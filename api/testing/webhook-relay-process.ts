/** A process with a relay of webhooks and nothing else, to be killed. Its one argument is JSON: the database, the key, the times. */
import { openStore } from '../../prisma/open.ts';
import { resolveWithin } from '../notifications/reach.ts';
import type { WebhookTimes } from '../notifications/webhook-relay.ts';
import { createWebhookRelay } from '../notifications/webhook-relay.ts';

export interface RelayProcess {
  databaseUrl: string;
  /** Base64. */
  key: string;
  times: Partial<WebhookTimes>;
}

const reach = { privateHosts: [], loopback: true };
const { databaseUrl, key, times } = JSON.parse(process.argv[2] ?? '') as RelayProcess;
createWebhookRelay({
  store: await openStore({ url: databaseUrl, role: 'api', max: 2 }),
  key: Buffer.from(key, 'base64'),
  reach,
  resolve: resolveWithin(reach),
  log: { notDelivered: () => undefined, deliveryFailed: (error) => process.stderr.write(`${error}\n`) },
  times,
}).start();
