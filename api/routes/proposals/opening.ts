/** Opening proposals, naming them, closing them, and becoming the assignee of one that waits for a role. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { DefinitionCache } from '../../../compiler/proposal-definition.ts';
import type { ProposalEventType } from '../../../prisma/proposal-log.ts';
import { appendProposalEvents } from '../../../prisma/proposal-log.ts';
import { answer, idempotencyKeyAllowed, idempotencyKeyRequired, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { holdSeen, mustBeAssignee, seeProposal } from '../../proposals/access.ts';
import { openOfRun, startProposal } from '../../proposals/open-proposal.ts';
import { summaryOfProposal } from '../../proposals/proposal-view.ts';
import { claim } from '../../proposals/share.ts';
import { responses } from '../../responses.ts';
import { runParams } from '../runs/schemas.ts';
import {
  changeProposalBody,
  emptyBody,
  openOfRunBody,
  proposalParams,
  proposalSummary,
  startProposalBody,
} from './schemas.ts';

export const openingRoutes: FastifyPluginAsyncZod<{ definitions: DefinitionCache }> = async (app, { definitions }) => {
  const caches = { graphs: app.graphs, definitions };

  app.post(
    '/proposals',
    {
      schema: {
        summary: 'Start a proposal without a run',
        description: "Its sections and state are the document's `## Proposal`, or else the rows of its `## Result`.",
        tags: ['proposals'],
        headers: idempotencyKeyRequired,
        body: startProposalBody,
        response: responses({ 201: proposalSummary }, [
          'invalid-request',
          'idempotency-key-required',
          'not-found',
          'unknown-person',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const { document, graphHash, input, title } = request.body;
      const person = personOf(request);
      const done = await request.once(async (tx) => {
        const of = graphHash === undefined ? { document: document ?? '' } : { graphHash };
        const wanted = { of, input, ...(title === undefined ? {} : { title }) };
        const id = await startProposal(tx, caches, person, wanted);
        const row = await tx.proposal.findUniqueOrThrow({ where: { tenantId_id: { tenantId: person.tenant, id } } });
        return answer(201, proposalSummary, summaryOfProposal(row));
      });
      return sendAnswer(reply, done);
    },
  );

  app.post(
    '/runs/:id/proposal',
    {
      schema: {
        summary: "Open the proposal of a run's result",
        description:
          'For who started the run, or of a run that a service started for an operator or an admin, once: 201 when it was opened, 200 when it was there. A document without `## Proposal` needs the Result, whose rows become the sections.',
        tags: ['proposals'],
        params: runParams,
        headers: idempotencyKeyRequired,
        body: openOfRunBody,
        response: responses({ 200: proposalSummary, 201: proposalSummary }, [
          'invalid-request',
          'idempotency-key-required',
          'not-permitted',
          'not-found',
          'no-result',
          'invalid-content',
          'unknown-person',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const person = personOf(request);
      const done = await request.once(async (tx) => {
        const { proposal, isNew } = await openOfRun(tx, caches, person, request.params.id, request.body?.title);
        return answer(isNew ? 201 : 200, proposalSummary, summaryOfProposal(proposal));
      });
      return sendAnswer(reply, done);
    },
  );

  app.patch(
    '/proposals/:id',
    {
      schema: {
        summary: 'Rename, close or open a proposal again',
        description: 'For its assignee. A closed proposal is read and exported, not changed.',
        tags: ['proposals'],
        params: proposalParams,
        body: changeProposalBody,
        response: responses({ 200: proposalSummary }, ['invalid-request', 'not-permitted', 'not-found']),
      },
    },
    async (request) => {
      const person = personOf(request);
      const { title, status } = request.body;
      return request.actAs(async (tx) => {
        const seen = await holdSeen(tx, person, request.params.id);
        mustBeAssignee(seen, 'change it');
        const { proposal } = seen;
        const key = { where: { tenantId_id: { tenantId: person.tenant, id: proposal.id } } };
        const row = await tx.proposal.update({
          ...key,
          data: { ...(title === undefined ? {} : { title }), ...(status === undefined ? {} : { status }) },
        });
        const types: ProposalEventType[] = [];
        if (row.title !== proposal.title) types.push('proposal.renamed');
        if (row.status !== proposal.status) types.push(status === 'closed' ? 'proposal.closed' : 'proposal.reopened');
        const body = { user: person.user };
        await appendProposalEvents(
          tx,
          proposal.id,
          types.map((type) => ({ type, body })),
        );
        return summaryOfProposal(row);
      });
    },
  );

  app.post(
    '/proposals/:id/claim',
    {
      schema: {
        summary: 'Become the assignee of a proposal that waits for a role',
        description: 'For who has the role; the first one is the assignee.',
        tags: ['proposals'],
        params: proposalParams,
        headers: idempotencyKeyAllowed,
        body: emptyBody,
        response: responses({ 200: proposalSummary }, [
          'invalid-request',
          'not-permitted',
          'not-found',
          'proposal-closed',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const person = personOf(request);
      const done = await request.once(async (tx) => {
        await claim(tx, person, request.params.id);
        const { proposal } = await seeProposal(tx, person, request.params.id);
        return answer(200, proposalSummary, summaryOfProposal(proposal));
      });
      return sendAnswer(reply, done);
    },
  );
};
