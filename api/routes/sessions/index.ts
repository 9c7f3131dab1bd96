/** Sessions: everybody's own conversation with an agent on a proposal. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import type { Read } from '../../../prisma/read-log.ts';
import { continueSession } from '../../../prisma/sessions.ts';
import type { StreamLimits } from '../../event-stream.ts';
import { answer, idempotencyKeyRequired, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { holdOpen, seeProposal } from '../../proposals/access.ts';
import { responses } from '../../responses.ts';
import { seeSession } from '../../sessions/access.ts';
import { viewOfSession } from '../../sessions/session-view.ts';
import { emptyBody, proposalParams } from '../proposals/schemas.ts';
import { confirmationRoutes } from './confirmations.ts';
import { sessionList, sessionParams, sessionView } from './schemas.ts';
import { transcriptRoutes } from './transcript.ts';
import { turnRoutes } from './turns.ts';

export interface SessionRouteOptions {
  streams: StreamLimits;
}

/** What its agent would write is content. */
const readOfAsks = ({ id, proposal, asks }: z.infer<typeof sessionView>): Read | undefined =>
  asks.length === 0 ? undefined : { what: 'transcript.read', thing: proposal, part: id };

const readOfSessions = ({ items }: z.infer<typeof sessionList>): Read[] =>
  items.flatMap((one) => readOfAsks(one) ?? []);

export const sessionRoutes: FastifyPluginAsyncZod<SessionRouteOptions> = async (app, { streams }) => {
  await app.register(transcriptRoutes, { streams });
  await app.register(turnRoutes);
  await app.register(confirmationRoutes);

  app.post(
    '/proposals/:id/sessions',
    {
      schema: {
        summary: "Continue: the caller's own session on a proposal",
        description: 'There is one for each person: 201 when it was opened, 200 when it was there.',
        tags: ['sessions'],
        params: proposalParams,
        headers: idempotencyKeyRequired,
        body: emptyBody,
        response: responses({ 200: sessionView, 201: sessionView }, [
          'invalid-request',
          'idempotency-key-required',
          'not-found',
          'proposal-closed',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const person = personOf(request);
      const done = await request.once(async (tx) => {
        await holdOpen(tx, person, request.params.id);
        const { session, isNew } = await continueSession(tx, person, request.params.id);
        return answer(isNew ? 201 : 200, sessionView, await viewOfSession(tx, session, person.user));
      });
      return sendAnswer(reply, done);
    },
  );

  app.get(
    '/proposals/:id/sessions',
    {
      schema: {
        summary: 'The sessions on a proposal that the caller may read',
        description: 'Their own, and those whose transcript they were granted.',
        tags: ['sessions'],
        params: proposalParams,
        response: responses({ 200: sessionList }, ['not-found']),
      },
    },
    async (request) => {
      const person = personOf(request);
      const { id } = request.params;
      return request.readAs(readOfSessions, async (tx) => {
        await seeProposal(tx, person, id);
        const of = { tenantId: person.tenant, proposalId: id };
        const granted = await tx.transcriptGrant.findMany({
          where: { ...of, granteeId: person.user, revokedAt: null },
          select: { ownerId: true },
        });
        const rows = await tx.session.findMany({
          where: { ...of, ownerId: { in: [person.user, ...granted.map(({ ownerId }) => ownerId)] } },
          orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
        });
        const items = [];
        for (const row of rows) items.push(await viewOfSession(tx, row, person.user));
        return { items };
      });
    },
  );

  app.get(
    '/sessions/:id',
    {
      schema: {
        summary: 'A session, its last turn and what its agent asks',
        tags: ['sessions'],
        params: sessionParams,
        response: responses({ 200: sessionView }, ['not-found']),
      },
    },
    async (request) => {
      const person = personOf(request);
      return request.readAs(readOfAsks, async (tx) => {
        const { session } = await seeSession(tx, person, request.params.id);
        return viewOfSession(tx, session, person.user);
      });
    },
  );
};
