/** Answering what an agent asks the owner of its session. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { createDefinitionCache } from '../../../compiler/proposal-definition.ts';
import { answer, idempotencyKeyAllowed, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import { answerConfirmation } from '../../sessions/confirmations.ts';
import { viewOfConfirmation } from '../../sessions/session-view.ts';
import { answerBody, answered, confirmationParams } from './schemas.ts';

export const confirmationRoutes: FastifyPluginAsyncZod = async (app) => {
  const definitions = createDefinitionCache();

  app.post(
    '/sessions/:id/confirmations/:confirmation',
    {
      schema: {
        summary: "Say yes or no to what one's agent asks",
        description:
          'Yes does exactly what was asked, in the name and with the rights of the caller, in the transaction of the answer. An edit over content that has changed since becomes a suggestion. Sharing never grants a transcript. A call of a tool is made by a turn of its own, which the answer names.',
        tags: ['sessions'],
        params: confirmationParams,
        headers: idempotencyKeyAllowed,
        body: answerBody,
        response: responses({ 200: answered }, [
          'invalid-request',
          'not-permitted',
          'not-found',
          'proposal-closed',
          'assignee-needed',
          'confirmation-answered',
          'unknown-person',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const person = personOf(request);
      const { id: session, confirmation } = request.params;
      const done = await request.once(async (tx) => {
        const wanted = { session, confirmation, answer: request.body.answer };
        const { row, outcome } = await answerConfirmation(tx, definitions, person, wanted);
        const said = outcome === undefined ? {} : { outcome };
        return answer(200, answered, { confirmation: viewOfConfirmation(row), ...said });
      });
      app.relay.nudge();
      return sendAnswer(reply, done);
    },
  );
};
