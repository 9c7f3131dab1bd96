/** One HTTP call of a tool: building the request, sending it within its time, and saying what the answer means. */
import type { Json } from '../../compiler/types.ts';
import { retryAfter } from '../../models/retry-after.ts';
import type { HttpCall } from '../configuration.ts';
import { withValues } from '../configuration.ts';

export interface Request {
  method: string;
  url: URL;
  headers: Record<string, string>;
  body?: string;
}

/** What is known after a call. `not-sent`: no connection came about, so nothing can have happened. */
export type Answer = { kind: 'ok'; value: Json } | NoSuccess;

export type NoSuccess =
  | { kind: 'refused'; status: number; body: string }
  | { kind: 'throttled'; retryAfterMs?: number }
  | { kind: 'not-sent'; reason: string }
  | { kind: 'broken'; reason: string }
  | { kind: 'timeout' };

/** The request cannot be made: a host that is not allowed, an argument that is missing. */
export class RequestProblem extends Error {
  readonly notAllowed: boolean;
  constructor(message: string, notAllowed = false) {
    super(message);
    this.name = 'RequestProblem';
    this.notAllowed = notAllowed;
  }
}

const ANSWER_BYTES = 4 * 1024 * 1024;

/** @throws RequestProblem */
export function requestOf(
  call: HttpCall,
  args: { readonly [name: string]: Json },
  values: Readonly<Record<string, string>>,
  allowedHosts: readonly string[],
): Request {
  const left = new Map(Object.entries(args));
  const take = (name: string): Json => {
    const value = args[name];
    left.delete(name);
    if (value === undefined) throw new RequestProblem(`Unexpected call without ${name}, expected that argument`);
    return value;
  };
  // Values first, then arguments: an argument that holds `${NAME}` is sent as it stands.
  const address = withValues(call.url, values).replaceAll(/\{([^{}]+)\}/g, (_, name: string) =>
    segmentOf(name, textOf(take(name))),
  );
  const url = allowed(address, allowedHosts);
  for (const [parameter, name] of Object.entries(call.query ?? {})) {
    if (args[name] !== undefined) url.searchParams.set(parameter, textOf(take(name)));
  }
  const headers = headersOf(call.headers, values);
  if (call.body) {
    const fields = Object.entries(call.body).filter(([, name]) => args[name] !== undefined);
    return withBody(call, url, headers, Object.fromEntries(fields.map(([field, name]) => [field, take(name)])));
  }
  if (call.method === 'GET' || call.method === 'DELETE') {
    if (!call.query) for (const [name, value] of left) url.searchParams.set(name, textOf(value));
    return { method: call.method, url, headers };
  }
  return withBody(call, url, headers, Object.fromEntries(left));
}

/** An address is normalised when it is read: `.` and `..` would lead to another one than was configured. */
function segmentOf(name: string, text: string): string {
  if (text === '.' || text === '..')
    throw new RequestProblem(`Unexpected dots as ${name}, expected what can be part of an address`);
  return encodeURIComponent(text);
}

function withBody(call: HttpCall, url: URL, headers: Record<string, string>, body: Json): Request {
  return {
    method: call.method,
    url,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  };
}

export function headersOf(
  declared: Record<string, string> | undefined,
  values: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(declared ?? {}).map(([name, text]) => [name.toLowerCase(), withValues(text, values)]),
  );
}

/** The address, if its host is on the list. @throws RequestProblem */
export function allowed(address: string, allowedHosts: readonly string[]): URL {
  if (!URL.canParse(address)) throw new RequestProblem('Unexpected address, expected one that is complete');
  const url = new URL(address);
  const http = url.protocol === 'http:' || url.protocol === 'https:';
  if (!http || !(allowedHosts.includes(url.hostname) || allowedHosts.includes(url.host))) {
    throw new RequestProblem(`Unexpected host ${url.host}, expected one of allowedHosts in the configuration`, true);
  }
  return url;
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * Sends and waits at most `timeoutMs`. Redirects are not followed: they would leave the list of allowed hosts.
 * Throws only what `signal` was aborted with.
 */
export async function send(request: Request, timeoutMs: number, signal?: AbortSignal): Promise<Answer> {
  const timer = AbortSignal.timeout(Math.max(1, Math.round(timeoutMs)));
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: { accept: 'application/json', ...request.headers },
      redirect: 'manual',
      signal: signal ? AbortSignal.any([timer, signal]) : timer,
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    return await answerOf(response);
  } catch (problem) {
    if (signal?.aborted) throw signal.reason;
    if (timer.aborted) return { kind: 'timeout' };
    const codes = codesOf(problem);
    const reason = codes.join(', ') || 'the connection failed';
    return codes.length > 0 && codes.every((code) => neverConnected.has(code))
      ? { kind: 'not-sent', reason }
      : { kind: 'broken', reason };
  }
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await boundedText(response);
  if (response.ok)
    return text === undefined
      ? { kind: 'broken', reason: `the answer is longer than ${ANSWER_BYTES} bytes, expected at most that` }
      : { kind: 'ok', value: parsed(text) };
  if (response.status === 429) {
    const retryAfterMs = retryAfter(response.headers);
    return { kind: 'throttled', ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  if (response.status === 408 || response.status === 425 || response.status >= 500) {
    return { kind: 'broken', reason: `status ${response.status}` };
  }
  return { kind: 'refused', status: response.status, body: (text ?? '').slice(0, 2000) };
}

async function boundedText(response: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** JSON where it is JSON; text as text; nothing as null. */
function parsed(text: string): Json {
  if (text === '') return null;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** Codes of failures before a connection came about: nothing was sent, so nothing happened. */
const neverConnected = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function codesOf(problem: unknown): string[] {
  if (!(problem instanceof Error)) return [];
  if (problem instanceof AggregateError) return problem.errors.flatMap(codesOf);
  const own = 'code' in problem && typeof problem.code === 'string' ? [problem.code] : [];
  return own.length > 0 ? own : codesOf(problem.cause);
}
