/** Gates: what waits for the caller, and deciding it. Every member of a tenant may read its gates, not always what is in them. */
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import type { Violation } from '../../../compiler/validate-value.ts';
import type { Read } from '../../../prisma/read-log.ts';
import type { DecisionRequest, RefusalReason } from '../../decide.ts';
import { decide, logRefusal } from '../../decide.ts';
import type { Problem } from '../../errors.ts';
import { notFound } from '../../errors.ts';
import type { GateFilter } from '../../gate-inbox.ts';
import { countGates, listGates } from '../../gate-inbox.ts';
import { gateProblem } from '../../gate-problems.ts';
import { viewOfGate, viewOfGates } from '../../gate-view.ts';
import { momentOf, page } from '../../pages.ts';
import { answer, idempotencyKeyRequired, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import type { RunSettings } from '../../run-handlers.ts';
import type { gate } from './schemas.ts';
import { decision, decisionBody, gateDetails, gateParams, gatesPage, listGatesQuery } from './schemas.ts';
import { gateWorkRoutes } from './work.ts';

/** Carries a refusal out of the transaction, which it rolls back. */
class Refused extends Error {
  readonly reason: RefusalReason;
  readonly at: { run: string; node: string } | undefined;
  readonly violations: readonly Violation[];

  constructor(reason: RefusalReason, at: { run: string; node: string } | undefined, violations: readonly Violation[]) {
    super(reason);
    this.reason = reason;
    this.at = at;
    this.violations = violations;
  }
}

/** What a gate shows is its run's. */
const readOfGate = ({ id, run }: z.infer<typeof gate>): Read => ({ what: 'gate.read', thing: run.id, part: id });

/** Large values are left out of a list; a gate without any shows no content there. */
const readOfGates = ({ items }: { items: z.infer<typeof gate>[] }): Read[] =>
  items.filter(({ shown }) => shown.some(({ value }) => value !== undefined)).map(readOfGate);

export const gateRoutes: FastifyPluginAsyncZod<RunSettings> = async (app, { webUiOf }) => {
  await app.register(gateWorkRoutes);

  app.get(
    '/gates',
    {
      schema: {
        summary: 'My inbox: the open gates that wait for me, or others by the filters, oldest first',
        tags: ['gates'],
        querystring: listGatesQuery,
        response: responses({ 200: gatesPage }, ['invalid-request']),
      },
    },
    async (request) => {
      const person = personOf(request);
      const { limit, cursor, ...wanted } = request.query;
      const openedAt = cursor && momentOf(cursor);
      const after = cursor && openedAt ? { openedAt, id: cursor[1] } : undefined;
      return request.readAs(readOfGates, async (tx) => {
        const rows = await listGates(tx, person, filterOf(wanted), limit + 1, after);
        const views = await viewOfGates(tx, app.graphs, person, rows.slice(0, limit), webUiOf);
        const { next } = page(
          rows,
          limit,
          (row) => [row.openedAt.toISOString(), row.id],
          () => undefined,
        );
        const counts = await countGates(tx, person);
        return { items: views, ...(next === undefined ? {} : { next }), counts };
      });
    },
  );

  app.get(
    '/gates/:id',
    {
      schema: {
        summary: 'A gate with all it shows, who decided what, and who is still needed',
        description:
          'What it shows of a run that has a proposal, by the `## Proposal` of its document, and what was filled in there, is for the people of the proposal, those who are asked, who started the run, and operators and admins.',
        tags: ['gates'],
        params: gateParams,
        response: responses({ 200: gateDetails }, ['not-found']),
      },
    },
    async (request) => {
      const person = personOf(request);
      return request.readAs(readOfGate, async (tx) => {
        const row = await tx.gate.findUnique({
          where: { tenantId_id: { tenantId: person.tenant, id: request.params.id } },
        });
        if (row === null) throw notFound('gate');
        return viewOfGate(tx, app.graphs, person, row, webUiOf);
      });
    },
  );

  app.post(
    '/gates/:id/decisions',
    {
      schema: {
        summary: 'Decide a gate',
        description: 'Final when it is answered. A decision that is refused has no effect, and is logged.',
        tags: ['gates'],
        params: gateParams,
        headers: idempotencyKeyRequired,
        body: decisionBody,
        response: responses({ 201: decision }, [
          'invalid-request',
          'idempotency-key-required',
          'not-an-approver',
          'separation-of-duties',
          'not-found',
          'not-open',
          'already-decided',
          'already-voted',
          'claimed',
          'stale-subject',
          'unknown-action',
          'invalid-form',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const { form, for: principal, ...said } = request.body;
      const asked: DecisionRequest = {
        gate: request.params.id,
        ...said,
        ...(form === undefined ? {} : { form }),
        ...(principal === undefined ? {} : { for: principal }),
      };
      try {
        const done = await request.once(async (tx) => {
          const verdict = await decide(tx, app.graphs, personOf(request), asked);
          if ('refused' in verdict) {
            const { refused, run, node, violations } = verdict;
            throw new Refused(
              refused,
              run === undefined || node === undefined ? undefined : { run, node },
              violations ?? [],
            );
          }
          const { decision: id, decidedAt, ...rest } = verdict.decided;
          return answer(201, decision, { id, ...rest, decidedAt: decidedAt.toISOString() });
        });
        app.relay.nudge();
        return sendAnswer(reply, done);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        throw await refusalOf(request, asked.gate, error);
      }
    },
  );
};

function filterOf({ overdue, ...wanted }: Omit<z.output<typeof listGatesQuery>, 'limit' | 'cursor'>): GateFilter {
  const said = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
  return {
    scope: wanted.scope,
    status: wanted.status,
    ...said,
    ...(overdue === undefined ? {} : { overdue: overdue === 'true' }),
  };
}

async function refusalOf(request: FastifyRequest, gate: string, refused: Refused): Promise<Problem> {
  const { reason, at, violations } = refused;
  const person = personOf(request);
  request.log.warn({
    event: 'gate.refused-decision',
    requestId: request.id,
    // What is not a gate of this tenant may be anything: it is not repeated.
    gate: at === undefined ? null : gate,
    run: at?.run ?? null,
    tenant: person.tenant,
    user: person.user,
    reason,
  });
  if (at !== undefined) await request.actAs((tx) => logRefusal(tx, person, { gate, ...at, reason }));
  return gateProblem(reason, violations);
}
