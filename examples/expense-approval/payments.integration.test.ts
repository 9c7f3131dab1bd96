import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const script = join(import.meta.dirname, 'payments.ts');
let folder: string;
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-payments-'));
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await rm(folder, { recursive: true });
});

async function start(signal: NodeJS.Signals = 'SIGTERM'): Promise<{ url: string; stop: () => Promise<void> }> {
  const child = spawn(process.execPath, [script, '--port', '0', '--data', join(folder, 'ledger.json')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  };
  stops.push(stop);
  return { url: (JSON.parse(line.toString()) as { url: string }).url, stop };
}

async function pay(url: string, key: string, order: unknown) {
  const headers = { 'content-type': 'application/json', ...(key === '' ? {} : { 'idempotency-key': key }) };
  const response = await fetch(`${url}/payments`, { method: 'POST', headers, body: JSON.stringify(order) });
  return { status: response.status, body: await response.json() };
}

const get = async (address: string) => {
  const response = await fetch(address);
  return { status: response.status, body: await response.json() };
};

test('a payment is made once for each key, also after a kill -9, and can be asked for', async () => {
  const first = await start('SIGKILL');
  const order = { to: 'linh.tran', amount: 640 };
  const paid = { status: 200, body: { reference: 'PAY-000001', to: 'linh.tran', amount: 640 } };
  const answers = await Promise.all([pay(first.url, 'k1', order), pay(first.url, 'k1', order)]);
  expect(answers).toEqual([paid, paid]);
  await first.stop();

  const second = await start();
  expect(await pay(second.url, 'k1', order)).toEqual(paid);
  expect(await get(`${second.url}/payments/by-key/k1`)).toEqual(paid);
  expect((await get(`${second.url}/payments/by-key/k2`)).status).toBe(404);
  const { body } = await get(`${second.url}/payments`);
  expect(body).toEqual({
    payments: [{ reference: 'PAY-000001', to: 'linh.tran', amount: 640, at: expect.any(String) }],
  });
});

test('a payment without a key, another order under a paid key, and an order that is none are refused', async () => {
  const { url } = await start();
  expect((await pay(url, '', { to: 'a', amount: 1 })).status).toBe(400);
  expect((await pay(url, 'k1', { to: 'a', amount: 1 })).status).toBe(200);
  expect((await pay(url, 'k1', { to: 'a', amount: 2 })).status).toBe(422);
  expect((await pay(url, 'k2', { to: 'a', amount: -2 })).status).toBe(400);
  expect((await get(`${url}/payments`)).body).toMatchObject({ payments: [{ to: 'a', amount: 1 }] });
});

test('the policy of a category is told, and an unknown category is named with the known ones', async () => {
  const { url } = await start();
  expect(await get(`${url}/policy?category=meals`)).toEqual({
    status: 200,
    body: { category: 'meals', covers: 'Meals with customers, and meals while travelling. No alcohol.', limit: 120 },
  });
  expect(await get(`${url}/policy?category=toString`)).toEqual({
    status: 404,
    body: { error: 'Unexpected category toString, expected one of travel, meals, equipment' },
  });
});
