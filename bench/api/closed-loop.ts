/** Requests in a closed loop: each connection sends its next one when the last was answered. */
import { Agent, request } from 'node:http';

export interface Call {
  method: 'GET' | 'POST';
  path: string;
  /** JSON is made of it. */
  body?: unknown;
  /** Of POST; without it none is sent. */
  key?: string;
}

export interface Answered {
  status: number;
  body: string;
  /** From the first byte of the request to the last of the answer, in milliseconds. */
  ms: number;
}

/** An HTTP client of so many connections that are kept open. */
export interface Caller {
  ask(call: Call): Promise<Answered>;
  /** Asks all, as many at once as there are connections; gives their times. Throws when an answer is not of `status`. */
  times(calls: readonly Call[], status: number): Promise<number[]>;
  close(): void;
}

export function createCaller(url: string, token: string, connections: number): Caller {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const ask = ({ method, path, body, key }: Call): Promise<Answered> =>
    new Promise((resolve, reject) => {
      const sent = body === undefined ? undefined : JSON.stringify(body);
      const started = performance.now();
      const asked = request(
        `${url}${path}`,
        {
          method,
          agent,
          headers: {
            authorization: `Bearer ${token}`,
            ...(key === undefined ? {} : { 'idempotency-key': key }),
            ...(sent === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const ms = performance.now() - started;
            resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8'), ms });
          });
        },
      );
      asked.on('error', reject);
      asked.end(sent);
    });
  return {
    ask,
    async times(calls, status) {
      const times: number[] = [];
      const rest = calls.values();
      const connection = async () => {
        for (const call of rest) {
          const answered = await ask(call);
          if (answered.status !== status) {
            throw new Error(`${call.method} ${call.path}: ${answered.status} ${answered.body}`);
          }
          times.push(answered.ms);
        }
      };
      await Promise.all(Array.from({ length: connections }, connection));
      return times;
    },
    close: () => agent.destroy(),
  };
}
