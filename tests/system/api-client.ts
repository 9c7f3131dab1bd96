/** What the tests ask of the API, as any client would. */
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { gate, gatesPage } from '../../api/routes/gates/schemas.ts';
import type { journal, runView } from '../../api/routes/runs/schemas.ts';
import type { Json } from '../../compiler/types.ts';

export type RunView = z.infer<typeof runView>;
export type Journal = z.infer<typeof journal>;
export type GateView = z.infer<typeof gate>;

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what was answered is what the tests look at
  body: any;
}

export interface Decision {
  action: string;
  subject: string;
  comment?: string;
}

export interface ApiClient {
  /** `more`: headers besides. */
  call(method: string, path: string, body?: unknown, key?: string, more?: Record<string, string>): Promise<Answer>;
  /** The id of the document. Throws with the problem when it is refused; so do all below. */
  publish(markdown: string): Promise<string>;
  /** The id of the run. */
  start(document: string, input: Json): Promise<string>;
  run(id: string): Promise<RunView>;
  journal(id: string): Promise<Journal>;
  inbox(): Promise<GateView[]>;
  gate(id: string): Promise<GateView>;
  /** The answer as it came, whatever it says. */
  decide(gate: string, decision: Decision, key?: string): Promise<Answer>;
}

export function apiClient(url: string, token: string): ApiClient {
  const call: ApiClient['call'] = async (method, path, body, key = randomUUID(), more = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(method === 'POST' ? { 'idempotency-key': key } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...more,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  };
  async function fine<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await call(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body as T;
  }
  return {
    call,
    publish: async (markdown) => (await fine<{ document: string }>('POST', '/documents', { markdown })).document,
    start: async (document, input) => (await fine<{ id: string }>('POST', '/runs', { document, input })).id,
    run: (id) => fine('GET', `/runs/${id}`),
    journal: (id) => fine('GET', `/runs/${id}/journal`),
    inbox: async () => (await fine<z.infer<typeof gatesPage>>('GET', '/gates?limit=100')).items,
    gate: (id) => fine('GET', `/gates/${id}`),
    decide: (gate, decision, key) => call('POST', `/gates/${gate}/decisions`, { comment: '', ...decision }, key),
  };
}
