/** The route of a log as server-sent events: what it answers, and when the stream begins. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { notFound } from './errors.ts';
import type { ReadLog, StreamLimits } from './event-stream.ts';
import { isAtEnd, streamEvents } from './event-stream.ts';
import { errorFacts } from './log-lines.ts';
import { callerOf } from './plugins/identity.ts';
import { responses } from './responses.ts';

/** What such a route answers; `description` is of the stream. */
export const streamResponses = (description: string) => ({
  ...responses({ 204: z.null() }, ['invalid-request', 'not-found']),
  200: { description, content: { 'text/event-stream': { schema: z.string() } } },
});

type StreamRequest = FastifyRequest<{ Params: { id: string }; Headers: LastEventId }>;
interface LastEventId {
  'last-event-id'?: number | undefined;
}

export interface StreamedLog {
  /** What the log is of, in the words of problems and log lines. */
  of: 'run' | 'proposal' | 'session';
  read: ReadLog;
}

/** Streams of one log; they do not keep the process from ending. @throws Problem not-found */
export function streamHandler(app: FastifyInstance, limits: StreamLimits, log: StreamedLog) {
  const stream = streamer(app, limits, log);
  return (request: StreamRequest, reply: FastifyReply) => stream(request, reply, request.params.id);
}

/** As streamHandler, of a log that the route names without an id in its address. */
export function streamer(app: FastifyInstance, limits: StreamLimits, { of, read }: { of: string; read: ReadLog }) {
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort());

  return async (request: FastifyRequest<{ Headers: LastEventId }>, reply: FastifyReply, id: string) => {
    const after = request.headers['last-event-id'] ?? 0;
    const caller = callerOf(request);
    const atEnd = await isAtEnd(app.store, caller, id, after, read);
    if (atEnd === 'no log') throw notFound(of);
    if (atEnd === 'yes') return reply.code(204).send(null);
    reply.hijack();
    try {
      const { signal } = closing;
      await streamEvents(reply.raw, { store: app.store, caller, id, read, after, limits, closing: signal });
    } catch (error) {
      // The status has been sent. The client sees the connection end, and goes on after the last id it has.
      request.log.error({ event: 'stream.failed', requestId: request.id, [of]: id, ...errorFacts(error) });
    }
  };
}
