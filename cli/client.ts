/** The API as typed calls over HTTP. Every answer is parsed; every refusal is an ApiProblem. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { z } from 'zod';
import { ApiProblem } from './api-problem.ts';
import type { Decision, Gate, Journal, Published, Run, RunEvent, RunGraph, StartedRun } from './api-shapes.ts';
import {
  cancelAcceptedSchema,
  decisionSchema,
  gateSchema,
  gatesPageSchema,
  graphVersionSchema,
  healthSchema,
  journalSchema,
  problemSchema,
  publishedSchema,
  runEventSchema,
  runSchema,
  startedRunSchema,
} from './api-shapes.ts';
import { ApiUnreachable } from './failures.ts';
import { readServerSentEvents } from './server-sent-events.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface ClientOptions {
  apiUrl: string;
  token: string;
  /** Milliseconds before the first repeat; each later one waits twice as long. 250 unless said. */
  firstDelayMs?: number;
  /** How often a request is sent again when the API cannot be reached or is not ready. 4 unless said. */
  repeats?: number;
  /** Milliseconds for which following a run goes on asking an API that cannot be reached. 30,000 unless said. */
  patienceMs?: number;
}

/** Every call throws ApiProblem when the API refuses, and ApiUnreachable when it cannot be asked. */
export interface Client {
  readonly apiUrl: string;
  /** Whether the API answers models and tools from scripts. */
  isForPractice(): Promise<boolean>;
  publish(markdown: string): Promise<Published>;
  startRun(request: { graphHash: string; input: Json; practice?: Json }): Promise<StartedRun>;
  getRun(run: string): Promise<Run>;
  graph(hash: string): Promise<RunGraph>;
  /**
   * The run log from after event `after` on (from its start unless said), as it grows; ends when the run has. Goes on
   * after the last event it had when the connection breaks. `signal` ends it with the signal's reason.
   */
  followRun(run: string, options?: { after?: number; signal?: AbortSignal }): AsyncGenerator<RunEvent>;
  journal(run: string): Promise<Journal>;
  /** My inbox, all of it: the open gates that I may decide, oldest first. */
  gates(): Promise<Gate[]>;
  gate(id: string): Promise<Gate>;
  decide(gate: string, decision: { action: string; subject: string; comment?: string; form?: Json }): Promise<Decision>;
  cancel(run: string, comment?: string): Promise<{ run: string; command: string }>;
}

/** One answer is waited for this long. */
const answerMs = 30_000;

interface Answer {
  status: number;
  text: string;
}

export function createClient(options: ClientOptions): Client {
  const { token, firstDelayMs = 250, repeats = 4, patienceMs = 30_000 } = options;
  const apiUrl = options.apiUrl.replace(/\/+$/, '');

  /** Sends until the API answers. A POST carries one Idempotency-Key through its repeats, so it is done once. */
  async function send(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Answer> {
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'application/json, application/problem+json',
      ...(method === 'POST' ? { 'content-type': 'application/json', 'idempotency-key': randomUUID() } : {}),
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
    method: 'GET' | 'POST',
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

  async function* followRun(
    run: string,
    { after = 0, signal }: { after?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<RunEvent> {
    let last = after;
    let tries = 0;
    let lostSince: number | undefined;
    for (;;) {
      signal?.throwIfAborted();
      let trouble: unknown;
      try {
        const response = await fetch(`${apiUrl}${at('runs', run, 'events')}`, {
          headers: {
            authorization: `Bearer ${token}`,
            accept: 'text/event-stream, application/problem+json',
            ...(last > 0 ? { 'last-event-id': String(last) } : {}),
          },
          redirect: 'error',
          ...(signal ? { signal } : {}),
        });
        if (response.status === 204) return;
        if (response.status === 503) trouble = new Error('it is not ready');
        else if (!response.ok || response.body === null) {
          throw problemOf({ status: response.status, text: await response.text() });
        } else {
          lostSince = undefined;
          for await (const { data } of readServerSentEvents(response.body)) {
            const event = eventIn(data);
            if (event.seq <= last) continue;
            last = event.seq;
            tries = 0;
            yield event;
          }
          // Whether the run has ended the next request tells: 204.
        }
      } catch (error) {
        signal?.throwIfAborted();
        if (!isOfTheConnection(error)) throw error;
        trouble = error;
      }
      if (trouble !== undefined) {
        lostSince ??= Date.now();
        if (Date.now() - lostSince > patienceMs) throw unreachable(trouble);
      }
      tries += 1;
      // A stream that brought something is taken up again at once.
      if (tries > 1) await delay(firstDelayMs * 2 ** Math.min(tries - 2, 4), undefined, { signal }).catch(() => {});
    }
  }

  function eventIn(data: string): RunEvent {
    const parsed = runEventSchema.safeParse(jsonIn(data));
    if (parsed.success) return parsed.data;
    throw new ApiUnreachable(
      `${apiUrl} sent an event that is not of this API. Expected an API of the same version as this command.`,
    );
  }

  const at = (...parts: string[]) => parts.map((part) => `/${encodeURIComponent(part)}`).join('');

  return {
    apiUrl,
    isForPractice: async () => (await call(healthSchema, 'GET', '/health')).practice,
    publish: (markdown) => call(publishedSchema, 'POST', '/documents', { markdown }),
    startRun: (request) => call(startedRunSchema, 'POST', '/runs', request),
    getRun: (run) => call(runSchema, 'GET', at('runs', run)),
    graph: async (hash) => (await call(graphVersionSchema, 'GET', at('graphs', hash))).graph,
    followRun,
    journal: (run) => call(journalSchema, 'GET', at('runs', run, 'journal')),
    async gates() {
      const gates: Gate[] = [];
      let cursor: string | undefined;
      do {
        const query = new URLSearchParams({ limit: '100', ...(cursor === undefined ? {} : { cursor }) });
        const page = await call(gatesPageSchema, 'GET', `/gates?${query}`);
        gates.push(...page.items);
        cursor = page.next;
      } while (cursor !== undefined);
      return gates;
    },
    gate: (id) => call(gateSchema, 'GET', at('gates', id)),
    decide: (gate, decision) => call(decisionSchema, 'POST', at('gates', gate, 'decisions'), decision),
    cancel: (run, comment = '') => call(cancelAcceptedSchema, 'POST', at('runs', run, 'cancel'), { comment }),
  };
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** fetch throws TypeError for whatever befell the connection, and names the reason in its cause. */
function isOfTheConnection(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError');
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${answerMs / 1000} seconds`;
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return 'code' in cause && typeof cause.code === 'string' && cause.message === '' ? cause.code : cause.message;
}
