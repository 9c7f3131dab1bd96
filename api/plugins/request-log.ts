/** One line for each answer: ids, the route's pattern and numbers. The address as sent is not logged: it may hold more. */
import fp from 'fastify-plugin';

export const requestLog = fp(
  async (app) => {
    // The name under which a caller can ask what went wrong.
    app.addHook('onRequest', async (request, reply) => {
      reply.header('x-request-id', request.id);
    });
    app.addHook('onResponse', async (request, reply) => {
      request.log.info({
        event: 'request.answered',
        requestId: request.id,
        method: request.method,
        route: request.routeOptions.url ?? null,
        status: reply.statusCode,
        latencyMs: Math.round(reply.elapsedTime),
        tenant: request.caller?.person.tenant ?? null,
        user: request.caller?.person.user ?? null,
      });
    });
  },
  { name: 'request-log', fastify: '5.x' },
);
