/** Webhooks on the app: the relay that sends what was told, from when the app is ready until it closes. */
import fp from 'fastify-plugin';
import { webhookLog } from '../log-lines.ts';
import type { WebhookRelaySettings } from '../notifications/webhook-relay.ts';
import { createWebhookRelay } from '../notifications/webhook-relay.ts';

export type WebhookOptions = Pick<WebhookRelaySettings, 'key' | 'reach' | 'resolve' | 'times'>;

export const webhooks = fp<WebhookOptions>(
  async (app, options) => {
    const relay = createWebhookRelay({ store: app.store, log: webhookLog(app.log), ...options });
    app.addHook('onReady', async () => relay.start());
    app.addHook('onClose', () => relay.stop());
  },
  { name: 'webhooks', dependencies: ['database'], fastify: '5.x' },
);
