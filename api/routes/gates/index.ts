/** Gates: what waits for the caller, and deciding it. Every member of a tenant may read its gates. */
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { DecisionRequest, RefusalReason } from '../../decide.ts';
import { decide, logRefusal } from '../../decide.ts';
import { notFound, Problem } from '../../errors.ts';
import { inboxOf, viewOfGates } from '../../gate-inbox.ts';
import { momentOf, page } from '../../pages.ts';
import { answer, idempotencyKeyRequired, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import type { RunSettings } from '../../run-handlers.ts';
import { decision, decisionBody, gate, gateParams, gatesPage, listGatesQuery } from './schemas.ts';

/** What a person can do about each refusal. The reason is the problem's type. */
const advice: Record<Exclude<RefusalReason, 'not-found'>, string> = {
  'not-open':
    'It lapsed because what it asked about changed, or its run has ended. See the open gates for what waits now.',
  'already-decided': 'One decision was made and stands.',
  'stale-subject': 'Read the gate again: the subject named is not what it asks about.',
  'not-an-approver': 'You have none of the roles that may decide it.',
  'separation-of-duties': 'You started the run.',
  'unknown-action': 'See the actions of the gate.',
};

/** Carries a refusal out of the transaction, which it rolls back. */
class Refused extends Error {
  readonly reason: RefusalReason;
  readonly at: { run: string; node: string } | undefined;

  constructor(reason: RefusalReason, at: { run: string; node: string } | undefined) {
    super(reason);
    this.reason = reason;
    this.at = at;
  }
}

export const gateRoutes: FastifyPluginAsyncZod<RunSettings> = async (app, { webUiOf }) => {
  app.get(
    '/gates',
    {
      schema: {
        summary: 'My inbox: the open gates that I may decide, oldest first',
        tags: ['gates'],
        querystring: listGatesQuery,
        response: responses({ 200: gatesPage }, ['invalid-request']),
      },
    },
    async (request) => {
      const person = personOf(request);
      const { limit, cursor } = request.query;
      const openedAt = cursor && momentOf(cursor);
      const after = cursor && openedAt ? { openedAt, id: cursor[1] } : undefined;
      return request.actAs(async (tx) => {
        const rows = await inboxOf(tx, person, limit + 1, after);
        const views = await viewOfGates(tx, person, rows.slice(0, limit), { webUiOf, everything: false });
        const { next } = page(
          rows,
          limit,
          (row) => [row.openedAt.toISOString(), row.id],
          () => undefined,
        );
        return { items: views, ...(next === undefined ? {} : { next }) };
      });
    },
  );

  app.get(
    '/gates/:id',
    {
      schema: {
        summary: 'A gate with all it shows',
        tags: ['gates'],
        params: gateParams,
        response: responses({ 200: gate }, ['not-found']),
      },
    },
    async (request) => {
      const person = personOf(request);
      return request.actAs(async (tx) => {
        const row = await tx.gate.findUnique({
          where: { tenantId_id: { tenantId: person.tenant, id: request.params.id } },
        });
        if (row === null) throw notFound('gate');
        const [view] = await viewOfGates(tx, person, [row], { webUiOf, everything: true });
        if (view === undefined) throw notFound('gate');
        return view;
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
          'stale-subject',
          'unknown-action',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const { form, ...said } = request.body;
      const asked: DecisionRequest = { gate: request.params.id, ...said, ...(form === undefined ? {} : { form }) };
      try {
        const done = await request.once(async (tx) => {
          const verdict = await decide(tx, app.graphs, personOf(request), asked);
          if ('refused' in verdict) {
            const { refused, run, node } = verdict;
            throw new Refused(refused, run === undefined || node === undefined ? undefined : { run, node });
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

async function refusalOf(request: FastifyRequest, gate: string, { reason, at }: Refused): Promise<Problem> {
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
  return reason === 'not-found' ? notFound('gate') : new Problem(reason, { detail: advice[reason] });
}
