/** `waymark admin webhooks`: its commands, their arguments and options. */
import type { Command } from 'commander';
import type { World } from './world.ts';

/** @param connected adds the options of a command that talks to the API */
export function addWebhookCommands(
  admin: Command,
  connected: (command: Command) => Command,
  world: World,
  done: (code: number) => void,
): void {
  const load = () => import('./commands/webhooks.ts');
  const webhooks = admin.command('webhooks').description('where notifications are sent, signed');
  connected(webhooks.command('list'))
    .description('list the webhooks, and whether they take what is sent')
    .option('--json', 'print them as a JSON array')
    .action(async (options) => done(await (await load()).listWebhooks(options, world)));
  connected(webhooks.command('add'))
    .description('add a webhook and print its secret, this once')
    .argument('<url>', 'https, at a public address')
    .option('--kind <kind...>', 'kinds of notifications that it is sent, such as gate-opened; unsaid, all')
    .action(async (url: string, options) => done(await (await load()).addWebhook(url, options, world)));
  connected(webhooks.command('set-kinds'))
    .description('make the kinds that a webhook is sent be exactly these')
    .argument('<webhook>', 'its id')
    .argument('<kinds...>')
    .action(async (id: string, kinds: string[], options) =>
      done(await (await load()).changeWebhook(id, { kinds }, options, world)),
    );
  for (const [name, enabled] of [
    ['disable', false],
    ['enable', true],
  ] as const) {
    connected(webhooks.command(name))
      .description(enabled ? 'send there again, first what waits' : 'send nothing there; what waits then waits')
      .argument('<webhook>', 'its id')
      .action(async (id: string, options) => done(await (await load()).changeWebhook(id, { enabled }, options, world)));
  }
  connected(webhooks.command('rotate'))
    .description('give a webhook a new secret and print it, this once; the one before it signs for a day more')
    .argument('<webhook>', 'its id')
    .action(async (id: string, options) => done(await (await load()).rotateSecret(id, options, world)));
  connected(webhooks.command('remove'))
    .description('remove a webhook, for good; what waits is not sent')
    .argument('<webhook>', 'its id')
    .action(async (id: string, options) => done(await (await load()).removeWebhook(id, options, world)));
  connected(webhooks.command('deliveries'))
    .description('list what became of what was sent, newest first')
    .argument('<webhook>', 'its id')
    .option('--state <state>', 'only those that are pending, delivered or dead')
    .option('--json', 'print them as a JSON array')
    .action(async (id: string, options) => done(await (await load()).listDeliveries(id, options, world)));
  connected(webhooks.command('resend'))
    .description('send a delivery again, under the id it has')
    .argument('<webhook>', 'its id')
    .argument('<delivery>', 'its id')
    .action(async (id: string, delivery: string, options) =>
      done(await (await load()).resendDelivery(id, delivery, options, world)),
    );
}
