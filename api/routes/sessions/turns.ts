/** Speaking in one's own session: a message, which a turn answers; stopping it; asking again. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { answer, idempotencyKeyAllowed, idempotencyKeyRequired, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import { seeSession } from '../../sessions/access.ts';
import { viewOfMessage, viewOfSession, viewOfTurn } from '../../sessions/session-view.ts';
import { retry, say, stop } from '../../sessions/turns.ts';
import { emptyBody } from '../proposals/schemas.ts';
import { said, sayBody, sessionParams, sessionView, turnView } from './schemas.ts';

export const turnRoutes: FastifyPluginAsyncZod = async (app) => {
  app.post(
    '/sessions/:id/messages',
    {
      schema: {
        summary: "Say something in one's own session",
        description: 'Stored before anything is done about it; a turn of the agent, in the name of the owner, answers.',
        tags: ['sessions'],
        params: sessionParams,
        headers: idempotencyKeyRequired,
        body: sayBody,
        response: responses({ 201: said }, [
          'invalid-request',
          'idempotency-key-required',
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
        const { message, turn } = await say(tx, person, request.params.id, request.body.text);
        return answer(201, said, { message: viewOfMessage(message), turn: viewOfTurn(turn) });
      });
      app.relay.nudge();
      return sendAnswer(reply, done);
    },
  );

  app.post(
    '/sessions/:id/stop',
    {
      schema: {
        summary: 'Stop the turn under way and those that wait',
        description: 'What it has written stays. Where nothing is under way, nothing happens.',
        tags: ['sessions'],
        params: sessionParams,
        headers: idempotencyKeyAllowed,
        body: emptyBody,
        response: responses({ 200: sessionView }, [
          'invalid-request',
          'not-permitted',
          'not-found',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const person = personOf(request);
      const done = await request.once(async (tx) => {
        await stop(tx, person, request.params.id);
        const { session } = await seeSession(tx, person, request.params.id);
        return answer(200, sessionView, await viewOfSession(tx, session, person.user));
      });
      return sendAnswer(reply, done);
    },
  );

  app.post(
    '/sessions/:id/retry',
    {
      schema: {
        summary: 'Have the last turn answered again, where it failed or was stopped',
        description: 'It goes on from what it has: nothing it wrote is written twice.',
        tags: ['sessions'],
        params: sessionParams,
        headers: idempotencyKeyAllowed,
        body: emptyBody,
        response: responses({ 200: turnView }, [
          'invalid-request',
          'not-permitted',
          'not-found',
          'proposal-closed',
          'nothing-to-retry',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const person = personOf(request);
      const done = await request.once(async (tx) =>
        answer(200, turnView, viewOfTurn(await retry(tx, person, request.params.id))),
      );
      app.relay.nudge();
      return sendAnswer(reply, done);
    },
  );
};
