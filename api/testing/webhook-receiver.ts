/** A receiver of webhooks over real HTTP that answers as a test says. */
import type { RequestListener } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';

export interface Received {
  path: string;
  headers: Record<string, string>;
  body: string;
}

/** A status, with headers where it matters; `hang` never answers. */
export type Reply = number | { status: number; headers: Record<string, string> } | 'hang';

export interface WebhookReceiver {
  url: string;
  /** In the order in which they came. */
  received: Received[];
  /** Ids that were asked for while a request with the same id had not been answered yet. */
  overlapping: string[];
  /** The name that each connection over TLS was opened to; `false` of one that named none. */
  names: (string | false)[];
  /** 204, unless said. */
  answer: (received: Received, before: Received[]) => Reply | Promise<Reply>;
  close(): Promise<void>;
}

/** Over https where a certificate is given. */
export async function openWebhookReceiver(tls?: { cert: Buffer; key: Buffer }): Promise<WebhookReceiver> {
  const open = new Set<string>();
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const one: Received = {
        path: request.url ?? '',
        headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
        body: Buffer.concat(chunks).toString('utf8'),
      };
      const id = `${one.path} ${one.headers['webhook-id']}`;
      if (open.has(id)) receiver.overlapping.push(id);
      open.add(id);
      const before = receiver.received.filter(({ headers }) => headers['webhook-id'] === one.headers['webhook-id']);
      receiver.received.push(one);
      const reply = await receiver.answer(one, before);
      if (reply === 'hang') return;
      open.delete(id);
      const { status, headers } = typeof reply === 'number' ? { status: reply, headers: {} } : reply;
      response.writeHead(status, headers).end();
    });
  };
  const names: WebhookReceiver['names'] = [];
  const server = tls ? createHttpsServer(tls, listener) : createHttpServer(listener);
  server.on('secureConnection', ({ servername }: TLSSocket) => names.push(servername || false));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const receiver: WebhookReceiver = {
    url: tls ? `https://localhost:${portOf()}` : `http://127.0.0.1:${portOf()}`,
    received: [],
    overlapping: [],
    names,
    answer: () => 204,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;

  function portOf(): number {
    return (server.address() as AddressInfo).port;
  }
}
