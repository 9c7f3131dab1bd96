/**
 * Tools of the test behind one HTTP server: payments that honour Idempotency-Key and can be taken back, letters that know neither
 * keys nor lookup, a policy to read, and one that is sent the credential of the person for whom it is called. It counts what
 * really happened, and can leave a request without an answer.
 */
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer as createTcpServer } from 'node:net';

export interface Order {
  to: string;
  amount: number;
}

export interface ScriptedTools {
  url: string;
  /** The same server behind a door that can be shut. */
  door: Door;
  /** Requests to pay a person, and payments really made to that person. */
  requestsFor(to: string): number;
  paymentsTo(to: string): Order[];
  /** The amounts of the payments to that person that were taken back, each as often as it was, in the order of that. */
  refundsOf(to: string): number[];
  /** Every letter asked for is a letter sent. */
  lettersTo(to: string): number;
  /** About `long:N` it has a note of N characters. */
  policyReads: number;
  /** The credentials that came with the questions who asks, oldest first. */
  askers: string[];
  /** Of those, the next are answered only once the promise resolves; undefined for at once again. */
  askersWait: Promise<void> | undefined;
  /** What is written is done at once, and answered only after `release`. */
  holdAnswersFor(to: string): void;
  release(to: string): void;
  /** Payments to this person are refused by the bank, and not made. */
  refusePaymentsTo(to: string): void;
  acceptPaymentsTo(to: string): void;
  close(): Promise<void>;
}

export interface Door {
  url: string;
  /** Connections that arrived while it was shut; nothing that came by them has reached the tools. */
  knocks: number;
  shut(): void;
  /** Lets in who comes from now on. Who waited outside is turned away. */
  open(): void;
}

export async function startScriptedTools(): Promise<ScriptedTools> {
  const paid = new Map<string, Order & { reference: string }>();
  const refunded = new Map<string, string>();
  const asked: Order[] = [];
  const letters: string[] = [];
  const held = new Set<string>();
  const refused = new Set<string>();

  const server = createServer(async (request, response) => {
    const reply = (status: number, value: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    if (request.url?.startsWith('/policy')) {
      tools.policyReads += 1;
      const long = /about=long%3A(\d+)/.exec(request.url)?.[1];
      return reply(200, { limit: 1000, note: long === undefined ? toolCanary : 'x'.repeat(Number(long)) });
    }
    if (request.url?.startsWith('/me')) {
      tools.askers.push(String(request.headers.authorization));
      await tools.askersWait;
      return reply(200, { asker: request.headers.authorization });
    }
    const order = await bodyOf(request);
    if (request.url === '/letters') {
      letters.push(order.to);
      if (held.has(order.to)) return;
      return reply(200, { reference: `L-${letters.length}` });
    }
    const key = String(request.headers['idempotency-key']);
    if (request.url === '/refunds') {
      refunded.set(key, order.reference ?? '');
      return reply(200, {});
    }
    asked.push(order);
    if (refused.has(order.to)) return reply(422, { error: toolCanary });
    const payment = paid.get(key) ?? { ...order, reference: `P-${paid.size + 1}` };
    paid.set(key, payment);
    if (held.has(order.to)) return;
    return reply(200, { reference: payment.reference });
  });
  const port = await listening(server);
  const { door, close: closeDoor } = await startDoor(port);
  const tools: ScriptedTools = {
    url: `http://127.0.0.1:${port}`,
    door,
    requestsFor: (to) => asked.filter((order) => order.to === to).length,
    paymentsTo: (to) => [...paid.values()].filter((order) => order.to === to).map(({ amount }) => ({ to, amount })),
    refundsOf(to) {
      const payments = [...paid.values()].filter((order) => order.to === to);
      return [...refunded.values()].flatMap((one) =>
        payments.filter(({ reference }) => reference === one).map(({ amount }) => amount),
      );
    },
    lettersTo: (to) => letters.filter((one) => one === to).length,
    policyReads: 0,
    askers: [],
    askersWait: undefined,
    holdAnswersFor: (to) => void held.add(to),
    release: (to) => void held.delete(to),
    refusePaymentsTo: (to) => void refused.add(to),
    acceptPaymentsTo: (to) => void refused.delete(to),
    async close() {
      closeDoor();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return tools;
}

/** Stands in every answer of the policy and in every refusal, for whoever looks where it must not appear. */
export const toolCanary = 'PLANTED-CANARY-TOOL-ANSWER';

async function bodyOf(request: IncomingMessage): Promise<Order & { reference?: string }> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}') as Order & { reference?: string };
}

async function startDoor(port: number): Promise<{ door: Door; close: () => void }> {
  let isShut = false;
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  };
  const front = createTcpServer({ pauseOnConnect: true }, (socket) => {
    keep(socket);
    if (isShut) {
      door.knocks += 1;
      return;
    }
    const inside = connect(port, '127.0.0.1');
    keep(inside);
    socket.pipe(inside).pipe(socket);
    socket.resume();
  });
  const door: Door = {
    url: `http://127.0.0.1:${await listening(front)}`,
    knocks: 0,
    shut() {
      isShut = true;
    },
    open() {
      isShut = false;
      for (const socket of sockets) socket.destroy();
    },
  };
  return {
    door,
    close() {
      for (const socket of sockets) socket.destroy();
      front.close();
    },
  };
}

async function listening(server: ReturnType<typeof createTcpServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** The configuration that declares these tools, for WAYMARK_CONFIG. */
export function configurationFor(tools: Pick<ScriptedTools, 'url' | 'door'>, models: Record<string, string> = {}) {
  const order = {
    type: 'object',
    properties: { to: { type: 'string' }, amount: { type: 'number' } },
    required: ['to', 'amount'],
    additionalProperties: false,
  };
  const receipt = { type: 'object', properties: { reference: { type: 'string' } }, required: ['reference'] };
  const idempotency = { keptFor: '1 day' };
  return {
    models: Object.fromEntries(Object.entries(models).map(([alias, model]) => [alias, { model }])),
    allowedHosts: ['127.0.0.1'],
    tools: {
      'policy.lookup': {
        effect: 'read',
        description: 'What may be claimed',
        http: { method: 'GET', url: `${tools.url}/policy` },
        input: { type: 'object', properties: { about: { type: 'string' } }, required: ['about'] },
        output: { type: 'object' },
      },
      'identity.tell': {
        effect: 'read',
        as: 'person',
        description: 'Says who asks',
        http: { method: 'GET', url: `${tools.url}/me`, headers: { Authorization: 'Bearer-${credential}' } },
        input: { type: 'object', properties: {}, additionalProperties: false },
        output: { type: 'object' },
      },
      'payments.transfer': {
        effect: 'write',
        description: 'Pays',
        http: { method: 'POST', url: `${tools.url}/payments` },
        input: order,
        output: receipt,
        idempotency,
      },
      'payments.through-the-door': {
        effect: 'write',
        description: 'Pays',
        http: { method: 'POST', url: `${tools.door.url}/payments` },
        input: order,
        output: receipt,
        idempotency,
      },
      'payments.refund': {
        effect: 'write',
        description: 'Takes a payment back',
        http: { method: 'POST', url: `${tools.url}/refunds` },
        input: receipt,
        output: { type: 'object' },
        idempotency,
      },
      'letters.send': {
        effect: 'write',
        description: 'Sends a letter; it has no key and cannot be asked',
        http: { method: 'POST', url: `${tools.url}/letters` },
        input: { type: 'object', properties: { to: { type: 'string' } }, required: ['to'] },
        output: receipt,
      },
    },
  };
}
