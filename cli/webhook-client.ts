/** The webhook routes of the API as typed calls. */
import type { ApiCalls } from './api-calls.ts';
import { pathOf } from './api-calls.ts';
import type { Delivery, ListedWebhook, WebhookWithSecret } from './api-shapes.ts';
import { deliverySchema, removedWebhookSchema, webhookSchema, webhookWithSecretSchema } from './api-shapes.ts';

/** Every call throws ApiProblem when the API refuses, and ApiUnreachable when it cannot be asked. */
export interface WebhookClient {
  webhooks(): Promise<ListedWebhook[]>;
  add(webhook: { url: string; kinds?: string[] }): Promise<WebhookWithSecret>;
  change(id: string, change: { kinds?: string[]; enabled?: boolean }): Promise<ListedWebhook>;
  rotate(id: string): Promise<WebhookWithSecret>;
  remove(id: string): Promise<void>;
  deliveries(id: string, state?: string): Promise<Delivery[]>;
  resend(id: string, delivery: string): Promise<Delivery>;
}

export function createWebhookClient({ call, list }: Pick<ApiCalls, 'call' | 'list'>): WebhookClient {
  const of = (id: string, ...rest: string[]) => pathOf('admin', 'webhooks', id, ...rest);
  return {
    webhooks: () => list(webhookSchema, '/admin/webhooks'),
    add: (webhook) => call(webhookWithSecretSchema, 'POST', '/admin/webhooks', webhook),
    change: (id, change) => call(webhookSchema, 'PATCH', of(id), change),
    rotate: (id) => call(webhookWithSecretSchema, 'POST', of(id, 'rotate'), {}),
    remove: async (id) => {
      await call(removedWebhookSchema, 'DELETE', of(id));
    },
    deliveries: (id, state) => list(deliverySchema, of(id, 'deliveries'), state === undefined ? {} : { state }),
    resend: (id, delivery) => call(deliverySchema, 'POST', of(id, 'deliveries', delivery, 'resend'), {}),
  };
}
