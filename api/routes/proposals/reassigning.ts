/** What becomes of proposals whose assignee may not act any more. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { adminRole } from '../../../prisma/people.ts';
import { Problem } from '../../errors.ts';
import { keyOfNewest, olderThan, page } from '../../pages.ts';
import { answer, idempotencyKeyAllowed, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { summaryOfProposal } from '../../proposals/proposal-view.ts';
import { reassign, unattended } from '../../proposals/reassign.ts';
import { responses } from '../../responses.ts';
import { listUnattendedQuery, proposalParams, proposalSummary, proposalsPage, reassignBody } from './schemas.ts';

export const reassigningRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/admin/proposals',
    {
      schema: {
        summary:
          'Open proposals whose assignee is inactive or a service, newest first: what an admin has to give to somebody else',
        tags: ['admin'],
        querystring: listUnattendedQuery,
        response: responses({ 200: proposalsPage }, ['invalid-request', 'not-permitted']),
      },
    },
    async (request) => {
      const { tenant, roles } = personOf(request);
      if (!roles.includes(adminRole)) {
        throw new Problem('not-permitted', { detail: `This is for the role ${adminRole}.` });
      }
      const { limit, cursor } = request.query;
      const rows = await request.actAs((tx) =>
        tx.proposal.findMany({
          where: { tenantId: tenant, AND: [unattended, olderThan(cursor)] },
          orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
          take: limit + 1,
        }),
      );
      return page(rows, limit, keyOfNewest, summaryOfProposal);
    },
  );

  app.post(
    '/proposals/:id/reassign',
    {
      schema: {
        summary: 'Give a proposal whose assignee is inactive or a service to somebody else',
        description:
          'For who started it, and for the role admin; of a service’s for the role operator, too. Those roles get no access to it by this. A new epoch, as by a handoff.',
        tags: ['proposals'],
        params: proposalParams,
        headers: idempotencyKeyAllowed,
        body: reassignBody,
        response: responses({ 200: proposalSummary }, [
          'invalid-request',
          'not-permitted',
          'not-found',
          'has-assignee',
          'unknown-person',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const done = await request.once(async (tx) => {
        const proposal = await reassign(tx, personOf(request), id, request.body.person);
        return answer(200, proposalSummary, summaryOfProposal(proposal));
      });
      // A task of the assignee's is asked of another person now.
      app.relay.nudge();
      return sendAnswer(reply, done);
    },
  );
};
