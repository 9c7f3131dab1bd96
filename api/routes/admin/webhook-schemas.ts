import { z } from 'zod';
import { notificationKinds } from '../../../prisma/notifications.ts';
import { pageOf, pageQuery } from '../../pages.ts';

const id = z.string().min(1).max(64);
const kinds = z
  .array(z.enum(notificationKinds))
  .min(1)
  .max(notificationKinds.length)
  .describe('Of notifications, that are sent there');

export const webhookParams = z.object({ id });
export const deliveryParams = z.object({ id, delivery: id });
export const listWebhooksQuery = z.object(pageQuery);
export const listDeliveriesQuery = z.object({
  ...pageQuery,
  state: z.enum(['pending', 'delivered', 'dead']).optional(),
});

export const webhook = z.object({
  id: z.string(),
  url: z.string(),
  kinds: z.array(z.enum(notificationKinds)),
  enabled: z.boolean(),
  disabledWhy: z.enum(['admin', 'gone']).optional().describe('`gone`: it answered 410'),
  failingSince: z.iso.datetime().optional().describe('Since then no delivery has succeeded'),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
});
export const webhooksPage = pageOf(webhook);
export const webhookWithSecret = webhook.extend({
  secret: z
    .string()
    .optional()
    .describe('By which the receiver checks signatures. Shown this once: absent when the request was repeated'),
});

export const addWebhookBody = z.strictObject({
  url: z.string().min(1).max(2_000).describe('https, at a public address'),
  kinds: kinds.default([...notificationKinds]),
});
export const changeWebhookBody = z
  .strictObject({
    kinds: kinds.optional(),
    enabled: z.boolean().optional().describe('False: nothing is sent there; what waits goes on once it is true again'),
  })
  .describe('What is left out stays');
export const nothingBody = z.strictObject({}).nullish();
export const removedWebhook = z.object({ id: z.string(), removed: z.literal(true) });

export const delivery = z.object({
  id: z.string().describe('The `webhook-id` of every attempt'),
  notification: z.string(),
  kind: z.enum(notificationKinds),
  state: z.enum(['pending', 'delivered', 'dead']).describe('`dead`: it is not tried again by itself'),
  attempts: z.int().describe('Since it was made, or sent again by an admin'),
  nextAt: z.iso.datetime().optional().describe('Of one that is pending: when it is tried next'),
  lastAt: z.iso.datetime().optional(),
  lastStatus: z.int().optional().describe('What the last attempt was answered with'),
  lastFailure: z.string().optional().describe('Why the last attempt had no answer'),
  createdAt: z.iso.datetime(),
});
export const deliveriesPage = pageOf(delivery);
