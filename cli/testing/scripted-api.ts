/** An API over real HTTP whose answers a test writes, in the shapes that the real one declares. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { z } from 'zod';
import type { ProblemBody } from '../../api/errors.ts';
import type { tenant } from '../../api/routes/admin/schemas.ts';
import type { published } from '../../api/routes/documents/schemas.ts';
import type {
  claimState,
  decision,
  delegated,
  gateDetails,
  gateMessage,
  gatesPage,
  withdrawn,
} from '../../api/routes/gates/schemas.ts';
import type { graphVersion } from '../../api/routes/graphs/schemas.ts';
import type { peoplePage } from '../../api/routes/people/schemas.ts';
import type { resumePlan } from '../../api/routes/runs/resume.ts';
import type { cancelAccepted, journal, runState, runView, startedRun } from '../../api/routes/runs/schemas.ts';

export type ApiGate = z.input<typeof gateDetails>;
export type ApiRun = z.input<typeof runView>;
export type ApiStartedRun = z.input<typeof startedRun>;
export type ApiJournal = z.input<typeof journal>;

/** Bodies of the real API by the route that gives them. */
export interface ApiBodies {
  'GET /admin/tenant': z.input<typeof tenant>;
  'PATCH /admin/tenant': z.input<typeof tenant>;
  'GET /health': { status: 'alive'; practice?: boolean };
  'POST /documents': z.input<typeof published>;
  'POST /runs': ApiStartedRun;
  'GET /runs/:id': ApiRun;
  'GET /runs/:id/journal': ApiJournal;
  'GET /runs/:id/events': never;
  'POST /runs/:id/cancel': z.input<typeof cancelAccepted>;
  'POST /runs/:id/resume-plan': z.input<typeof resumePlan>;
  'POST /runs/:id/resume': ApiStartedRun;
  'POST /runs/:id/abort': z.input<typeof cancelAccepted>;
  'POST /runs/:id/pause': z.input<typeof cancelAccepted>;
  'POST /runs/:id/unpause': z.input<typeof cancelAccepted>;
  'POST /runs/:id/steps/pay/retry': z.input<typeof cancelAccepted>;
  'POST /runs/:id/steps/pay/supply': z.input<typeof cancelAccepted>;
  'POST /runs/:id/steps/pay/skip': z.input<typeof cancelAccepted>;
  'POST /runs/:id/effects/abcdef/answer': z.input<typeof cancelAccepted>;
  'GET /runs/:id/state': z.input<typeof runState>;
  'GET /graphs/:id': z.input<typeof graphVersion>;
  'GET /gates': z.input<typeof gatesPage>;
  'GET /gates/:id': ApiGate;
  'POST /gates/:id/decisions': z.input<typeof decision>;
  'POST /gates/:id/claim': z.input<typeof claimState>;
  'POST /gates/:id/release': z.input<typeof claimState>;
  'POST /gates/:id/delegate': z.input<typeof delegated>;
  'POST /gates/:id/withdraw-delegation': z.input<typeof withdrawn>;
  'POST /gates/:id/questions': z.input<typeof gateMessage>;
  'POST /gates/:id/answers': z.input<typeof gateMessage>;
  'GET /people': z.input<typeof peoplePage>;
}
export type Route = keyof ApiBodies;

export type ApiEvent = {
  seq: number;
  at: string;
  type: string;
  step?: string;
  body: Record<string, z.core.util.JSONType>;
};

export type Scripted<Body> =
  | { status?: number; body: Body }
  | { problem: ProblemBody }
  /** Sent as server-sent events; then the stream ends, or breaks. Without events the answer is 204. */
  | { events: ApiEvent[]; breaks?: true }
  | { dropConnection: true }
  /** Anything, as a server that is not this API would send. */
  | { raw: string; status: number };

/** By route: what it answers first, second, and so on; the last answer serves all later requests. */
export type ApiScript = { [R in Route]?: Scripted<ApiBodies[R]>[] };

export interface Received {
  route: string;
  path: string;
  headers: Record<string, string>;
  body: unknown;
}

export interface ScriptedApi {
  url: string;
  /** Every request, in order. */
  received: Received[];
  close(): Promise<void>;
}

export async function startScriptedApi(script: ApiScript): Promise<ScriptedApi> {
  const received: Received[] = [];
  const asked = new Map<string, number>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const path = request.url ?? '/';
    const route = `${request.method} ${path.split('?')[0]?.replace(/^(\/(?:runs|gates|graphs))\/[^/]+/, '$1/:id')}`;
    const headers = Object.fromEntries(
      Object.entries(request.headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
    );
    received.push({ route, path, headers, body: text === '' ? undefined : JSON.parse(text) });
    const answers: Scripted<unknown>[] = script[route as Route] ?? [];
    const times = asked.get(route) ?? 0;
    asked.set(route, times + 1);
    const answer = answers[Math.min(times, answers.length - 1)];
    const send = (status: number, type: string, body: string) => {
      response.writeHead(status, { 'content-type': type }).end(body);
    };
    if (answer === undefined) send(404, 'text/plain', `not scripted: ${route}`);
    else if ('dropConnection' in answer) request.socket.destroy();
    else if ('raw' in answer) send(answer.status, 'text/html', answer.raw);
    else if ('problem' in answer)
      send(answer.problem.status, 'application/problem+json', JSON.stringify(answer.problem));
    else if ('body' in answer) send(answer.status ?? 200, 'application/json', JSON.stringify(answer.body));
    else if (answer.events.length === 0) response.writeHead(204).end();
    else {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const event of answer.events) {
        response.write(`id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
      }
      if (answer.breaks) response.write('id: 99\ndata: {"half', () => request.socket.destroy());
      else response.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
