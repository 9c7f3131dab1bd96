/**
 * Webhooks to receivers over https: the certificate is held against the name in the address, whatever the address that the
 * name leads to. The certificates are fixtures, of `localhost` alone and signed by nobody else.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { notify } from '../../prisma/notifications.ts';
import type { WebhookRow } from '../../prisma/webhooks.ts';
import { addWebhook, newWebhookSecret, removeWebhook } from '../../prisma/webhooks.ts';
import type { ApiFixture } from '../testing/api-fixture.ts';
import { eventually, openApiFixture } from '../testing/api-fixture.ts';
import type { WebhookReceiver } from '../testing/webhook-receiver.ts';
import { openWebhookReceiver } from '../testing/webhook-receiver.ts';
import type { RelayProcess } from '../testing/webhook-relay-process.ts';

const key = Buffer.alloc(32, 5);
const ada = { tenant: 'acme', user: 'ada' };
const secret = newWebhookSecret();
const fixtureFile = (name: string) => fileURLToPath(new URL(`../fixtures/certificates/${name}`, import.meta.url));
const trusted = fixtureFile('localhost-for-tests-only.cert.pem');
const expired = fixtureFile('localhost-expired-for-tests-only.cert.pem');
const privateKey = fixtureFile('localhost-for-tests-only.key.pem');

let fixture: ApiFixture;
let receiver: WebhookReceiver;
let webhook: WebhookRow;
// Without a key, so that it has no relay of its own.
beforeAll(async () => {
  fixture = await openApiFixture();
});
afterAll(() => fixture.close());
afterEach(async () => {
  await fixture.store.actAs(ada, (tx) => removeWebhook(tx, webhook));
  await receiver.close();
});

const openReceiver = async (cert: string) =>
  openWebhookReceiver({ cert: await readFile(cert), key: await readFile(privateKey) });

async function tell(url: string): Promise<void> {
  webhook = await fixture.store.actAs(ada, async (tx) => {
    const added = await addWebhook(tx, key, ada, { url, kinds: ['stale'], secret });
    if (added === undefined) throw new Error('there are too many');
    const told = { user: 'mai', kind: 'stale', address: '/gates/g1', body: { gate: 'g1' } } as const;
    await notify(tx, 'acme', [{ ...told, sourceKey: randomUUID() }]);
    return added;
  });
}

/** What the webhook's delivery came to, once it is settled, by a relay in a process of its own that trusts this file too. */
async function sentBy(trusts: string | undefined) {
  const settings: RelayProcess = {
    databaseUrl: fixture.database.apiUrl,
    key: key.toString('base64'),
    times: { everyMs: 20, pausesMs: [10] },
  };
  const file = fileURLToPath(new URL('../testing/webhook-relay-process.ts', import.meta.url));
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const child = spawn(process.execPath, [file, JSON.stringify(settings)], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: trusts === undefined ? env : { ...env, NODE_EXTRA_CA_CERTS: trusts },
  });
  const ended = once(child, 'exit');
  try {
    return await eventually(async () => {
      expect(child.exitCode).toBeNull();
      const where = { webhookId: webhook.id, state: { not: 'pending' } };
      const row = await fixture.store.actAs(ada, (tx) => tx.webhookDelivery.findFirst({ where }));
      return row ?? undefined;
    });
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

describe('a receiver whose certificate is of its name', () => {
  beforeEach(async () => {
    receiver = await openReceiver(trusted);
  });

  test('is sent nothing where nobody vouches for it, and the delivery says why', async () => {
    await tell(receiver.url);
    expect(await sentBy(undefined)).toMatchObject({
      state: 'dead',
      attempts: 2,
      lastStatus: null,
      lastFailure: 'certificate-not-trusted',
    });
    expect(receiver.received).toEqual([]);
  });

  test('is sent to once the machine trusts it, and asked for by the name in the address', async () => {
    await tell(`${receiver.url}/hooks?of=acme`);
    expect(await sentBy(trusted)).toMatchObject({
      state: 'delivered',
      attempts: 1,
      lastStatus: 204,
      lastFailure: null,
    });
    expect(receiver.names).toEqual(['localhost']);
    const [request, ...more] = receiver.received;
    expect([request?.path, request?.headers.host, more]).toEqual([
      '/hooks?of=acme',
      receiver.url.replace('https://', ''),
      [],
    ]);
    expect(new Webhook(secret).verify(request!.body, request!.headers)).toMatchObject({ type: 'notification.stale' });
  });

  // Each leads to the very address that the test before it connects to.
  test.each(['other.localhost', '127.0.0.1'])('is sent nothing that goes to another name: %s', async (host) => {
    await tell(receiver.url.replace('localhost', host));
    expect(await sentBy(trusted)).toMatchObject({ state: 'dead', lastFailure: 'certificate-of-another-host' });
    expect(receiver.received).toEqual([]);
  });
});

test('a receiver whose certificate has expired is sent nothing, and the delivery says so', async () => {
  receiver = await openReceiver(expired);
  await tell(receiver.url);
  expect(await sentBy(expired)).toMatchObject({ state: 'dead', lastFailure: 'certificate-expired' });
  expect(receiver.received).toEqual([]);
});

test('a receiver that speaks no TLS where the address says https is a failure of the network', async () => {
  receiver = await openWebhookReceiver();
  await tell(receiver.url.replace('http:', 'https:'));
  expect((await sentBy(trusted)).lastFailure).toMatch(/^(EPROTO|ERR_SSL_[A-Z_]+)$/);
  expect(receiver.received).toEqual([]);
});
