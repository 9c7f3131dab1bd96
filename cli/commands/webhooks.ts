/** The tenant's webhooks, through the API as an admin. */
import { createApiCalls } from '../api-calls.ts';
import type { ListedWebhook, WebhookWithSecret } from '../api-shapes.ts';
import type { ConnectionOptions } from '../connection.ts';
import { findConnection } from '../connection.ts';
import { CommandFailure, exitCodes } from '../failures.ts';
import { showRows } from '../show-rows.ts';
import type { WebhookClient } from '../webhook-client.ts';
import { createWebhookClient } from '../webhook-client.ts';
import type { World } from '../world.ts';
import type { ListOptions } from './admin.ts';

const connect = (options: ConnectionOptions, world: World): WebhookClient =>
  createWebhookClient(createApiCalls(findConnection(options, world)));

export async function listWebhooks(options: ListOptions, world: World): Promise<number> {
  const webhooks = await connect(options, world).webhooks();
  return showRows(world, options, webhooks, ['webhook', 'address', 'kinds', ''], (webhook) => [
    webhook.id,
    webhook.url,
    webhook.kinds.join(', '),
    stateOf(webhook),
  ]);
}

function stateOf({ enabled, disabledWhy, failingSince }: ListedWebhook): string {
  if (!enabled) return disabledWhy === 'gone' ? 'disabled: it answered 410' : 'disabled';
  return failingSince === undefined ? '' : `failing since ${failingSince}`;
}

export interface AddWebhookOptions extends ConnectionOptions {
  kind?: string[];
}

/** Prints the secret alone on stdout, so that it can be piped to where it is kept. */
export async function addWebhook(url: string, options: AddWebhookOptions, world: World): Promise<number> {
  const { kind: kinds } = options;
  return showSecret(await connect(options, world).add({ url, ...(kinds && { kinds }) }), world);
}

export async function rotateSecret(id: string, options: ConnectionOptions, world: World): Promise<number> {
  return showSecret(await connect(options, world).rotate(id), world);
}

function showSecret({ id, url, secret }: WebhookWithSecret, { terminal }: World): number {
  if (secret === undefined) {
    throw new CommandFailure(
      `The answer with the secret was lost on its way. Have another made: waymark admin webhooks rotate ${id}`,
    );
  }
  terminal.complain(`Secret of webhook ${id} to ${url}. It is shown this once:`);
  terminal.print(secret);
  return exitCodes.done;
}

export async function changeWebhook(
  id: string,
  change: Parameters<WebhookClient['change']>[1],
  options: ConnectionOptions,
  world: World,
): Promise<number> {
  const webhook = await connect(options, world).change(id, change);
  const state = webhook.enabled ? webhook.kinds.join(', ') : 'disabled';
  world.terminal.print(`Webhook ${webhook.id} to ${webhook.url}: ${state}`, 'good');
  return exitCodes.done;
}

export async function removeWebhook(id: string, options: ConnectionOptions, world: World): Promise<number> {
  await connect(options, world).remove(id);
  world.terminal.print(`Removed webhook ${id}.`, 'good');
  return exitCodes.done;
}

export interface DeliveriesOptions extends ListOptions {
  state?: string;
}

export async function listDeliveries(id: string, options: DeliveriesOptions, world: World): Promise<number> {
  const deliveries = await connect(options, world).deliveries(id, options.state);
  const columns = ['delivery', 'kind', 'made', 'state', 'tries', 'last answer', 'next'];
  return showRows(world, options, deliveries, columns, (one) => [
    one.id,
    one.kind,
    one.createdAt,
    one.state,
    String(one.attempts),
    one.lastStatus === undefined ? (one.lastFailure ?? '') : String(one.lastStatus),
    one.nextAt ?? '',
  ]);
}

export async function resendDelivery(
  id: string,
  delivery: string,
  options: ConnectionOptions,
  world: World,
): Promise<number> {
  const resent = await connect(options, world).resend(id, delivery);
  world.terminal.print(`Delivery ${resent.id} is sent again.`, 'good');
  return exitCodes.done;
}
