/** Webhooks on the app: the relay that sends what was told, and what removes old deliveries, from when the app is ready until it closes. */
import fp from 'fastify-plugin';
import { webhookLog } from '../log-lines.ts';
import type { OldDeliveriesSettings } from '../notifications/old-deliveries.ts';
import { createOldDeliveries } from '../notifications/old-deliveries.ts';
import type { WebhookRelaySettings } from '../notifications/webhook-relay.ts';
import { createWebhookRelay } from '../notifications/webhook-relay.ts';

export type WebhookOptions = Pick<WebhookRelaySettings, 'key' | 'reach' | 'resolve' | 'times'> &
  Pick<OldDeliveriesSettings, 'keptDays'>;

export const webhooks = fp<WebhookOptions>(
  async (app, { keptDays, ...options }) => {
    const settings = { store: app.store, log: webhookLog(app.log) };
    const relay = createWebhookRelay({ ...settings, ...options });
    const oldDeliveries = createOldDeliveries({ ...settings, ...(keptDays !== undefined && { keptDays }) });
    app.addHook('onReady', async () => {
      relay.start();
      oldDeliveries.start();
    });
    app.addHook('onClose', async () => {
      await Promise.all([relay.stop(), oldDeliveries.stop()]);
    });
  },
  { name: 'webhooks', dependencies: ['database'], fastify: '5.x' },
);
