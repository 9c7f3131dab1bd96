/** One message to one receiver: one request, which follows nowhere and waits for no longer than it may. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { retryAfter } from '../../models/retry-after.ts';
import type { Attempted } from '../../prisma/webhook-deliveries.ts';
import type { Address, Reach, Resolve } from './reach.ts';
import { addressesOf, OutOfReach } from './reach.ts';

export interface Message {
  url: URL;
  headers: Readonly<Record<string, string>>;
  body: string;
}

export interface Sending {
  reach: Reach;
  resolve: Resolve;
  /** Ends looking up, connecting and waiting for the status. */
  signal: AbortSignal;
}

export interface Answered extends Attempted {
  /** How long the receiver asks to be left alone, in milliseconds. */
  retryAfterMs?: number;
}

/** The failure of an attempt that was given up because the process ends. */
export const stopped = 'stopped';

/** What it was answered with. Never rejects. */
export async function sendMessage({ url, headers, body }: Message, sending: Sending): Promise<Answered> {
  const { signal } = sending;
  try {
    const addresses = await addressesOf(url, sending.reach, sending.resolve, signal);
    signal.throwIfAborted();
    return await ask(url, { ...headers, 'content-type': 'application/json' }, body, addresses, signal);
  } catch (problem) {
    return { failure: signal.aborted ? codeOfAbort(signal.reason) : codeOf(problem) };
  }
}

function ask(
  url: URL,
  headers: Record<string, string>,
  body: string,
  addresses: readonly Address[],
  signal: AbortSignal,
): Promise<Answered> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const asked = send(
      url,
      {
        method: 'POST',
        agent: false,
        headers: { 'user-agent': 'Waymark', 'content-length': String(Buffer.byteLength(body)), ...headers },
        lookup: lookupAmong(addresses),
        signal,
      },
      (response) => {
        const asks = retryAfter(new Headers({ 'retry-after': response.headers['retry-after'] ?? '' }));
        resolve({
          status: response.statusCode ?? 0,
          ...(asks === undefined ? {} : { retryAfterMs: asks }),
        });
        // The status is all that is asked for: what a receiver says besides is not read.
        response.destroy();
      },
    );
    asked.on('error', (error: NodeJS.ErrnoException) => {
      if (isDistrusted(asked.socket)) resolve({ failure: codeOfCertificate(error.code) });
      else reject(error);
    });
    asked.end(body);
  });
}

/** Connects to what was looked up and found to be in reach, whatever the name leads to by now. */
function lookupAmong(addresses: readonly Address[]): LookupFunction {
  return (_host, options, callback) => {
    const [first] = addresses;
    if (options.all === true) callback(null, [...addresses]);
    else if (first !== undefined) callback(null, first.address, first.family);
  };
}

const codeOfAbort = (reason: unknown): string =>
  reason instanceof Error && reason.name === 'TimeoutError' ? 'timeout' : stopped;

/** Whether it ended because the receiver's certificate, for the name in the address, was not accepted. */
const isDistrusted = (socket: Socket | null): boolean =>
  socket instanceof TLSSocket && Boolean(socket.authorizationError);

function codeOfCertificate(code: string | undefined): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'certificate-of-another-host';
  return code === 'CERT_HAS_EXPIRED' ? 'certificate-expired' : 'certificate-not-trusted';
}

/** A code of the network or of TLS. Never a text, which could hold what a receiver said. */
function codeOf(problem: unknown): string {
  if (problem instanceof OutOfReach) return problem.code;
  const tried = problem instanceof AggregateError ? problem.errors[0] : problem;
  const code = (tried as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'failed';
}
