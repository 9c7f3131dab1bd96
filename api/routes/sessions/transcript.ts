/** Reading what was said in a session, by page and as it is written. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { StreamLimits } from '../../event-stream.ts';
import { page } from '../../pages.ts';
import { personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import { seeSession } from '../../sessions/access.ts';
import { readOfSession, transcriptReader } from '../../sessions/session-events.ts';
import { viewOfMessage } from '../../sessions/session-view.ts';
import { streamHandler, streamResponses } from '../../stream-handler.ts';
import { eventHeaders } from '../runs/schemas.ts';
import { messagesPage, messagesQuery, sessionParams } from './schemas.ts';

export const transcriptRoutes: FastifyPluginAsyncZod<{ streams: StreamLimits }> = async (app, { streams }) => {
  app.get(
    '/sessions/:id/messages',
    {
      schema: {
        summary: 'The transcript, oldest first',
        description: 'For the owner of the session, and for whom they granted it. Without pieces of texts.',
        tags: ['sessions'],
        params: sessionParams,
        querystring: messagesQuery,
        response: responses({ 200: messagesPage }, ['invalid-request', 'not-found']),
      },
    },
    async (request) => {
      const person = personOf(request);
      const { limit, cursor } = request.query;
      const after = Number(cursor?.[0] ?? 0);
      const { rows } = await request.readAs(readOfSession, async (tx) => {
        const { session } = await seeSession(tx, person, request.params.id);
        const rows = await tx.message.findMany({
          where: {
            tenantId: person.tenant,
            sessionId: session.id,
            kind: { not: 'piece' },
            seq: { gt: Number.isInteger(after) && after >= 0 && after < 2 ** 31 ? after : 0 },
          },
          orderBy: { seq: 'asc' },
          take: limit + 1,
        });
        return { session, rows };
      });
      return page(rows, limit, ({ seq }) => [String(seq), ''], viewOfMessage);
    },
  );

  app.get(
    '/sessions/:id/events',
    {
      schema: {
        summary: 'The transcript as server-sent events, as it is written',
        description:
          'One event for each message: its id is the message’s number, its type the kind, its data the message. Pieces of a text come as the model writes them, and the whole text after them. Ends when the reader may no longer read it, and when the proposal is closed; 204 when it is and there is nothing left to send.',
        tags: ['sessions'],
        params: sessionParams,
        headers: eventHeaders,
        response: streamResponses('The messages'),
      },
    },
    streamHandler(app, streams, { of: 'session', read: transcriptReader(app.reads) }),
  );
};
