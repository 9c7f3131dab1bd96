#!/usr/bin/env node
/**
 * The example's payment tool: a small bank as an HTTP process of its own. It pays once for each Idempotency-Key, tells
 * what became of a key, and keeps its ledger in a file, so that it remembers after any crash.
 *
 *     node payments.ts [--port 0] --data ledger.json [--answer-after 0]
 *
 * It prints its address as one JSON line, `{"url": ...}`. `--answer-after` is in milliseconds: a payment is made at once
 * and answered that much later, for trying what happens in between.
 */
import { open, readFile, rename } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

interface Payment {
  reference: string;
  to: string;
  amount: number;
}

interface Entry extends Payment {
  key: string;
  at: string;
}

interface Answer {
  status: number;
  body: unknown;
}

const policies: Record<string, { covers: string; limit: number }> = {
  travel: {
    covers: 'Trains, buses, flights and hotels booked for work, at the standard class or the next.',
    limit: 2000,
  },
  meals: { covers: 'Meals with customers, and meals while travelling. No alcohol.', limit: 120 },
  equipment: { covers: 'Tools and devices that stay with the company.', limit: 1500 },
};

const mostBytes = 64 * 1024;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    data: { type: 'string' },
    'answer-after': { type: 'string', default: '0' },
  },
});
if (values.data === undefined) {
  process.stderr.write('Unexpected start without --data, expected the file of the ledger\n');
  process.exit(2);
}
const ledgerFile = values.data;
const answerAfterMs = Number(values['answer-after']);
const ledger = await readLedger();
/** One payment at a time: the file always holds a whole ledger. */
let queue: Promise<unknown> = Promise.resolve();

const server = createServer((request, response) => {
  answerTo(request)
    .catch(
      (problem: unknown): Answer => ({
        status: 500,
        body: { error: problem instanceof Error ? problem.message : 'failed' },
      }),
    )
    .then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    })
    .catch(() => response.destroy());
});
server.listen(Number(values.port), '127.0.0.1', () => {
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`);
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    server.close();
    server.closeAllConnections();
  });
}

async function answerTo(request: IncomingMessage): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'http://payments');
  const byKey = /^\/payments\/by-key\/([^/]+)$/.exec(url.pathname)?.[1];
  if (request.method === 'GET' && byKey !== undefined) {
    const entry = ledger.find(({ key }) => key === decodeURIComponent(byKey));
    return entry
      ? { status: 200, body: paymentOf(entry) }
      : { status: 404, body: { error: 'No payment was made under this key' } };
  }
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /payments':
      return { status: 200, body: { payments: ledger.map((entry) => ({ ...paymentOf(entry), at: entry.at })) } };
    case 'GET /policy':
      return policyFor(url.searchParams.get('category') ?? '');
    case 'POST /payments':
      return transfer(request);
    default:
      return {
        status: 404,
        body: { error: `Unexpected ${request.method} ${url.pathname}, expected /payments or /policy` },
      };
  }
}

function policyFor(category: string): Answer {
  const policy = Object.hasOwn(policies, category) ? policies[category] : undefined;
  if (policy) return { status: 200, body: { category, ...policy } };
  return {
    status: 404,
    body: { error: `Unexpected category ${category}, expected one of ${Object.keys(policies).join(', ')}` },
  };
}

async function transfer(request: IncomingMessage): Promise<Answer> {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string' || key === '')
    return { status: 400, body: { error: 'Unexpected payment without Idempotency-Key, expected one' } };
  const order = await orderIn(request);
  if (!order)
    return { status: 400, body: { error: 'Unexpected order, expected {"to": text, "amount": number at least 0}' } };
  const answer = queue.then(() => pay(key, order));
  queue = answer.catch(() => undefined);
  const result = await answer;
  if (answerAfterMs > 0) await new Promise((resolve) => setTimeout(resolve, answerAfterMs));
  return result;
}

async function pay(key: string, order: { to: string; amount: number }): Promise<Answer> {
  const known = ledger.find((entry) => entry.key === key);
  if (known) {
    if (known.to === order.to && known.amount === order.amount) return { status: 200, body: paymentOf(known) };
    return {
      status: 422,
      body: { error: 'Unexpected order that differs from the one paid under this key, expected the same' },
    };
  }
  const entry: Entry = {
    key,
    reference: `PAY-${String(ledger.length + 1).padStart(6, '0')}`,
    ...order,
    at: new Date().toISOString(),
  };
  await writeLedger([...ledger, entry]);
  ledger.push(entry);
  return { status: 200, body: paymentOf(entry) };
}

function paymentOf({ reference, to, amount }: Entry): Payment {
  return { reference, to, amount };
}

async function orderIn(request: IncomingMessage): Promise<{ to: string; amount: number } | undefined> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > mostBytes) return undefined;
  }
  try {
    const order: unknown = JSON.parse(text);
    if (order === null || typeof order !== 'object' || !('to' in order) || !('amount' in order)) return undefined;
    const { to, amount } = order;
    if (typeof to !== 'string' || to === '' || typeof amount !== 'number' || amount < 0) return undefined;
    return { to, amount };
  } catch {
    return undefined;
  }
}

async function readLedger(): Promise<Entry[]> {
  try {
    return JSON.parse(await readFile(ledgerFile, 'utf8')) as Entry[];
  } catch (problem) {
    if (problem instanceof Error && 'code' in problem && problem.code === 'ENOENT') return [];
    throw problem;
  }
}

/** On disk before it is answered, and whole whenever it is read. */
async function writeLedger(entries: Entry[]): Promise<void> {
  const fresh = `${ledgerFile}.new`;
  const file = await open(fresh, 'w');
  try {
    await file.writeFile(`${JSON.stringify(entries, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, ledgerFile);
}
