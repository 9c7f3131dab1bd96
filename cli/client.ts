/** The API as typed calls over HTTP. Every answer is parsed; every refusal is an ApiProblem. */
import { setTimeout as delay } from 'node:timers/promises';
import type { CallOptions } from './api-calls.ts';
import { createApiCalls, jsonIn, pathOf } from './api-calls.ts';
import type {
  Decision,
  Gate,
  GateCounts,
  GateMessage,
  Journal,
  Person,
  Published,
  ResumePlan,
  Run,
  RunEvent,
  RunGraph,
  RunState,
  StartedRun,
} from './api-shapes.ts';
import {
  besideGatesSchema,
  cancelAcceptedSchema,
  claimStateSchema,
  decisionSchema,
  delegatedSchema,
  gateMessageSchema,
  gateSchema,
  graphVersionSchema,
  healthSchema,
  journalSchema,
  personSchema,
  publishedSchema,
  resumePlanSchema,
  runEventSchema,
  runSchema,
  runStateSchema,
  startedRunSchema,
  withdrawnSchema,
} from './api-shapes.ts';
import { ApiUnreachable } from './failures.ts';
import { readServerSentEvents } from './server-sent-events.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface ClientOptions extends CallOptions {
  /** Milliseconds for which following a run goes on asking an API that cannot be reached. 30,000 unless said. */
  patienceMs?: number;
}

export interface ResumeChoice {
  /** A step that is done again. */
  from?: string;
  /** Hash of a published version. */
  graph?: string;
  input?: Json;
}

/** Every call throws ApiProblem when the API refuses, and ApiUnreachable when it cannot be asked. */
export interface Client {
  readonly apiUrl: string;
  /** Whether the API answers models and tools from scripts. */
  isForPractice(): Promise<boolean>;
  /** `documents` pins what its links lead to: hashes of published graphs, by the files of the links. */
  publish(markdown: string, documents?: Readonly<Record<string, string>>): Promise<Published>;
  startRun(request: { graphHash: string; input: Json; practice?: Json }): Promise<StartedRun>;
  getRun(run: string): Promise<Run>;
  graph(hash: string): Promise<RunGraph>;
  /**
   * The run log from after event `after` on (from its start unless said), as it grows; ends when the run has. Goes on
   * after the last event it had when the connection breaks. `signal` ends it with the signal's reason.
   */
  followRun(run: string, options?: { after?: number; signal?: AbortSignal }): AsyncGenerator<RunEvent>;
  journal(run: string): Promise<Journal>;
  state(run: string): Promise<RunState>;
  /** My inbox, all of it, oldest first: the open gates that wait for me, or others by the API's filters. */
  gates(filter?: Readonly<Record<string, string>>): Promise<Gate[]>;
  /** The same, and how many wait for me whatever the filters. */
  inbox(filter: Readonly<Record<string, string>>): Promise<{ gates: Gate[]; counts: GateCounts }>;
  gate(id: string): Promise<Gate>;
  decide(
    gate: string,
    decision: { action: string; subject: string; comment?: string; form?: Json; for?: string },
  ): Promise<Decision>;
  claim(gate: string): Promise<unknown>;
  release(gate: string): Promise<unknown>;
  /** `to` is a person's id. */
  delegate(gate: string, to: string): Promise<{ from: string; to: string }>;
  /** Gives whom the vote was taken back from; nobody where nobody had it. */
  withdrawDelegation(gate: string): Promise<{ to?: string | undefined }>;
  /** Asks the person of the id `to`, else who started the run. */
  ask(gate: string, question: { text: string; to?: string }): Promise<GateMessage>;
  answer(gate: string, said: { question: string; text: string }): Promise<GateMessage>;
  /** Active people of my tenant whose name or e-mail address has this in it. */
  people(text: string): Promise<Person[]>;
  /** What a resume would do; `resume` applies exactly that, by its digest. */
  resumePlan(run: string, choice: ResumeChoice): Promise<ResumePlan>;
  resume(run: string, order: ResumeChoice & { digest: string; acknowledge: string[] }): Promise<StartedRun>;
  cancel(run: string, comment?: string): Promise<{ run: string; command: string }>;
  /** Orders something of the run: `address` is what follows the run's own in the API. */
  order(
    run: string,
    address: readonly string[],
    body: { [field: string]: Json },
  ): Promise<{ run: string; command: string }>;
}

export function createClient(options: ClientOptions): Client {
  const { token, firstDelayMs = 250, patienceMs = 30_000 } = options;
  const { apiUrl, call, list, listWith, problemOf, unreachable } = createApiCalls(options);

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
        const response = await fetch(`${apiUrl}${pathOf('runs', run, 'events')}`, {
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

  return {
    apiUrl,
    isForPractice: async () => (await call(healthSchema, 'GET', '/health')).practice,
    publish: (markdown, documents = {}) => {
      const pinned = Object.keys(documents).length === 0 ? {} : { documents };
      return call(publishedSchema, 'POST', '/documents', { markdown, ...pinned });
    },
    startRun: (request) => call(startedRunSchema, 'POST', '/runs', request),
    getRun: (run) => call(runSchema, 'GET', pathOf('runs', run)),
    graph: async (hash) => (await call(graphVersionSchema, 'GET', pathOf('graphs', hash))).graph,
    followRun,
    journal: (run) => call(journalSchema, 'GET', pathOf('runs', run, 'journal')),
    state: (run) => call(runStateSchema, 'GET', pathOf('runs', run, 'state')),
    gates: (filter = {}) => list(gateSchema, '/gates', filter),
    inbox: async (filter) => {
      const { items, rest } = await listWith(gateSchema, besideGatesSchema, '/gates', filter);
      return { gates: items, counts: rest.counts };
    },
    gate: (id) => call(gateSchema, 'GET', pathOf('gates', id)),
    decide: (gate, decision) => call(decisionSchema, 'POST', pathOf('gates', gate, 'decisions'), decision),
    claim: (gate) => call(claimStateSchema, 'POST', pathOf('gates', gate, 'claim'), {}),
    release: (gate) => call(claimStateSchema, 'POST', pathOf('gates', gate, 'release'), {}),
    delegate: (gate, to) => call(delegatedSchema, 'POST', pathOf('gates', gate, 'delegate'), { to }),
    withdrawDelegation: (gate) => call(withdrawnSchema, 'POST', pathOf('gates', gate, 'withdraw-delegation'), {}),
    ask: (gate, question) => call(gateMessageSchema, 'POST', pathOf('gates', gate, 'questions'), question),
    answer: (gate, said) => call(gateMessageSchema, 'POST', pathOf('gates', gate, 'answers'), said),
    people: (text) => list(personSchema, '/people', { q: text, limit: '50' }),
    resumePlan: (run, choice) => call(resumePlanSchema, 'POST', pathOf('runs', run, 'resume-plan'), choice),
    resume: (run, order) => call(startedRunSchema, 'POST', pathOf('runs', run, 'resume'), order),
    cancel: (run, comment = '') => call(cancelAcceptedSchema, 'POST', pathOf('runs', run, 'cancel'), { comment }),
    order: (run, address, body) => call(cancelAcceptedSchema, 'POST', pathOf('runs', run, ...address), body),
  };
}

/** fetch throws TypeError for whatever befell the connection, and names the reason in its cause. */
function isOfTheConnection(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError');
}
