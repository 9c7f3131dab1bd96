import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiFixture } from '../../api/testing/api-fixture.ts';
import { eventually, openApiFixture } from '../../api/testing/api-fixture.ts';
import type { WebhookReceiver } from '../../api/testing/webhook-receiver.ts';
import { openWebhookReceiver } from '../../api/testing/webhook-receiver.ts';
import { runInProcess } from '../../cli/testing/scripted-world.ts';
import { notify } from '../../prisma/notifications.ts';

let fixture: ApiFixture;
let receiver: WebhookReceiver;
let apiUrl: string;
beforeAll(async () => {
  fixture = await openApiFixture({
    credentialKey: Buffer.alloc(32, 5),
    webhookReach: { loopback: true },
    webhookTimes: { everyMs: 20, pausesMs: [10] },
  });
  apiUrl = await fixture.app.listen({ host: '127.0.0.1', port: 0 });
  receiver = await openWebhookReceiver();
});
afterAll(async () => {
  await fixture.close();
  await receiver.close();
});

async function webhooks(args: string[], as = 'ada') {
  const env = { WAYMARK_API_URL: apiUrl, WAYMARK_TOKEN: await fixture.issuer.sign(as) };
  return runInProcess(['admin', 'webhooks', ...args], { env });
}
const tell = () =>
  fixture.store.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
    notify(tx, 'acme', [{ user: 'mai', kind: 'stale', address: '/gates/g', body: {}, sourceKey: randomUUID() }]),
  );

test('an admin adds a webhook, sees what failed, has it sent again, rotates the secret and removes it', async () => {
  receiver.answer = () => 500;
  const added = await webhooks(['add', receiver.url, '--kind', 'stale', 'shared']);
  expect(added.stdout).toMatch(/^whsec_[\w+/]{43}=\n$/);
  const id = /^Secret of webhook (\S+) to \S+\. It is shown this once:$/m.exec(added.stderr)?.[1] ?? '';
  expect((await webhooks(['list'])).stdout).toMatch(new RegExp(`${id} +${receiver.url}/ +shared, stale`));

  await tell();
  const dead = await eventually(async () => {
    const [one] = JSON.parse((await webhooks(['deliveries', id, '--state', 'dead', '--json'])).stdout);
    return one as { id: string } | undefined;
  });
  expect((await webhooks(['deliveries', id])).stdout).toMatch(new RegExp(`${dead.id} +stale +\\S+ +dead +2 +500`));
  expect((await webhooks(['list'])).stdout).toContain('failing since ');

  receiver.answer = () => 204;
  const rotated = await webhooks(['rotate', id]);
  expect((await webhooks(['resend', id, dead.id])).stdout).toBe(`Delivery ${dead.id} is sent again.\n`);
  await eventually(async () => ((await webhooks(['deliveries', id])).stdout.includes('delivered') ? true : undefined));
  const sent = receiver.received.at(-1);
  expect(sent?.headers['webhook-id']).toBe(dead.id);
  for (const secret of [added.stdout.trim(), rotated.stdout.trim()]) {
    expect(new Webhook(secret).verify(sent?.body ?? '', sent?.headers ?? {})).toMatchObject({
      type: 'notification.stale',
    });
  }

  expect((await webhooks(['set-kinds', id, 'shared'])).stdout).toBe(`Webhook ${id} to ${receiver.url}/: shared\n`);
  expect((await webhooks(['disable', id])).stdout).toBe(`Webhook ${id} to ${receiver.url}/: disabled\n`);
  expect((await webhooks(['list'])).stdout).toMatch(/ disabled$/m);
  expect((await webhooks(['enable', id])).stdout).toBe(`Webhook ${id} to ${receiver.url}/: shared\n`);
  expect((await webhooks(['remove', id])).stdout).toBe(`Removed webhook ${id}.\n`);
  expect((await webhooks(['list'])).stdout).toBe('There are none.\n');
});

test('what cannot be done says why and exits 1', async () => {
  const refused = await webhooks(['list'], 'bo');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('This is for the role admin.')]);
  const wrong = await webhooks(['add', 'http://example.com/']);
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('Expected https, or http to this machine')]);
  const unknown = await webhooks(['remove', 'nothing']);
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('no such webhook')]);
});
