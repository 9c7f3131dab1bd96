/** Requests to the API: sent again while it cannot be reached or is not ready, and their answers parsed. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { ApiProblem } from './api-problem.ts';
import { problemSchema } from './api-shapes.ts';
import { ApiUnreachable } from './failures.ts';

export interface CallOptions {
  apiUrl: string;
  token: string;
  /** Milliseconds before the first repeat; each later one waits twice as long. 250 unless said. */
  firstDelayMs?: number;
  /** How often a request is sent again when the API cannot be reached or is not ready. 4 unless said. */
  repeats?: number;
}

export type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

export interface ApiCalls {
  /** Without a slash at its end. */
  apiUrl: string;
  /** @throws ApiProblem when the API refuses, ApiUnreachable when it cannot be asked or is another's */
  call<Schema extends z.ZodType>(
    schema: Schema,
    method: Method,
    path: string,
    body?: unknown,
  ): Promise<z.output<Schema>>;
  /** All items of a list that comes in pages, in its order; `filter` is added to the query. */
  list<Schema extends z.ZodType>(
    item: Schema,
    path: string,
    filter?: Readonly<Record<string, string>>,
  ): Promise<z.output<Schema>[]>;
  /** The same, with what the first page says besides. */
  listWith<Schema extends z.ZodType, Rest extends z.ZodObject>(
    item: Schema,
    rest: Rest,
    path: string,
    filter?: Readonly<Record<string, string>>,
  ): Promise<{ items: z.output<Schema>[]; rest: z.output<Rest> }>;
  problemOf(answer: Answer): ApiProblem | ApiUnreachable;
  unreachable(error: unknown): ApiUnreachable;
}

/** One answer is waited for this long. */
const answerMs = 30_000;

interface Answer {
  status: number;
  text: string;
}

export function createApiCalls({ token, firstDelayMs = 250, repeats = 4, ...options }: CallOptions): ApiCalls {
  const apiUrl = options.apiUrl.replace(/\/+$/, '');

  /** Sends until the API answers. A POST carries one Idempotency-Key through its repeats, so it is done once. */
  async function send(method: Method, path: string, body?: unknown): Promise<Answer> {
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'application/json, application/problem+json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(method === 'POST' ? { 'idempotency-key': randomUUID() } : {}),
    };
    for (let sent = 1; ; sent += 1) {
      const last = sent > repeats;
      try {
        const response = await fetch(apiUrl + path, {
          method,
          headers,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          redirect: 'error',
          signal: AbortSignal.timeout(answerMs),
        });
        const answer = { status: response.status, text: await response.text() };
        if (answer.status !== 503 || last) return answer;
      } catch (error) {
        if (last) throw unreachable(error);
      }
      await delay(firstDelayMs * 2 ** (sent - 1));
    }
  }

  async function call<Schema extends z.ZodType>(
    schema: Schema,
    method: Method,
    path: string,
    body?: unknown,
  ): Promise<z.output<Schema>> {
    const answer = await send(method, path, body);
    if (answer.status < 200 || answer.status > 299) throw problemOf(answer);
    const parsed = schema.safeParse(jsonIn(answer.text));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new ApiUnreachable(
      `${apiUrl}${path} gave an answer that is not of this API: ${issue?.path.join('.') || 'the whole'}: ${issue?.message}. Expected an API of the same version as this command.`,
    );
  }

  function problemOf({ status, text }: Answer): ApiProblem | ApiUnreachable {
    const parsed = problemSchema.safeParse(jsonIn(text));
    if (parsed.success) return new ApiProblem(parsed.data);
    return new ApiUnreachable(
      `${apiUrl} answered with HTTP status ${status} and no problem of this API. Is it the API's address?`,
    );
  }

  function unreachable(error: unknown): ApiUnreachable {
    return new ApiUnreachable(`The API at ${apiUrl} cannot be reached: ${reasonOf(error)}. Is it running?`);
  }

  async function list<Schema extends z.ZodType>(
    item: Schema,
    path: string,
    filter: Readonly<Record<string, string>> = {},
  ): Promise<z.output<Schema>[]> {
    return (await listWith(item, z.object({}), path, filter)).items;
  }

  async function listWith<Schema extends z.ZodType, Rest extends z.ZodObject>(
    item: Schema,
    rest: Rest,
    path: string,
    filter: Readonly<Record<string, string>> = {},
  ): Promise<{ items: z.output<Schema>[]; rest: z.output<Rest> }> {
    const pageSchema = z.object({ items: z.array(item), next: z.string().optional() }).and(rest);
    const pageAt = (cursor?: string) => {
      const query = new URLSearchParams({ limit: '100', ...filter, ...(cursor === undefined ? {} : { cursor }) });
      return call(pageSchema, 'GET', `${path}?${query}`);
    };
    const first = await pageAt();
    const items = [...first.items];
    for (let cursor = first.next; cursor !== undefined; ) {
      const page = await pageAt(cursor);
      items.push(...page.items);
      cursor = page.next;
    }
    return { items, rest: first };
  }

  return { apiUrl, call, list, listWith, problemOf, unreachable };
}

/** A path of these parts, each as one. */
export const pathOf = (...parts: string[]): string => parts.map((part) => `/${encodeURIComponent(part)}`).join('');

export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${answerMs / 1000} seconds`;
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return 'code' in cause && typeof cause.code === 'string' && cause.message === '' ? cause.code : cause.message;
}
