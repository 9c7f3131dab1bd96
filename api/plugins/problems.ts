/** Answers every error with a problem of the table, and logs those that are ours. */
import type { FastifyReply } from 'fastify';
import fp from 'fastify-plugin';
import type { Problem } from '../errors.ts';
import { notFound, problemBody, problemMediaType, problemTypes, toProblem } from '../errors.ts';
import { errorFacts } from '../log-lines.ts';

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply
    .code(problemTypes[problem.slug].status)
    .header('content-type', problemMediaType)
    .serializer((body: unknown) => JSON.stringify(body))
    .send(problemBody(problem.slug, problem.extras));
}

export const problems = fp(
  async (app) => {
    app.setErrorHandler((error, request, reply) => {
      const problem = toProblem(error);
      if (problemTypes[problem.slug].status >= 500) {
        request.log.error({ event: 'request.failed', requestId: request.id, ...errorFacts(error) });
      }
      if (problem.slug === 'unavailable') reply.header('retry-after', '1');
      return sendProblem(reply, problem);
    });
    app.setNotFoundHandler((_request, reply) => sendProblem(reply, notFound('address')));
  },
  { name: 'problems', fastify: '5.x' },
);
