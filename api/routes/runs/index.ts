/**
 * Runs. Every member of a tenant may start runs of its documents and read all its runs, results included; cancelling
 * is for who started the run and for operators (operators.ts).
 */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { StreamLimits } from '../../event-stream.ts';
import { readRunLog } from '../../event-stream.ts';
import { keyOfNewest, olderThan, page } from '../../pages.ts';
import { answer, idempotencyKeyAllowed, idempotencyKeyRequired, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import type { RunSettings } from '../../run-handlers.ts';
import { cancelHandler, findRun, practiceOf, readJournal, readRunView } from '../../run-handlers.ts';
import { stateOf } from '../../run-state.ts';
import { summaryOf } from '../../run-view.ts';
import { startRun } from '../../start-run.ts';
import { streamHandler, streamResponses } from '../../stream-handler.ts';
import {
  cancelAccepted,
  cancelBody,
  eventHeaders,
  journal,
  listRunsQuery,
  runParams,
  runState,
  runsPage,
  runView,
  startedRun,
  startRunBody,
} from './schemas.ts';

export interface RunRouteOptions extends RunSettings {
  streams: StreamLimits;
}

export const runRoutes: FastifyPluginAsyncZod<RunRouteOptions> = async (app, options) => {
  app.post(
    '/runs',
    {
      schema: {
        summary: 'Start a run',
        description: 'The input must meet the Inputs of the document; every field that does not is named.',
        tags: ['runs'],
        headers: idempotencyKeyRequired,
        body: startRunBody,
        response: responses({ 201: startedRun }, [
          'invalid-request',
          'invalid-input',
          'not-runnable',
          'idempotency-key-required',
          'practice-not-allowed',
          'not-found',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const { document, graphHash, input, practice } = request.body;
      const script = practiceOf(options, practice);
      const person = personOf(request);
      const done = await request.once(async (tx) => {
        const of = graphHash === undefined ? { document: document ?? '' } : { graphHash };
        const run = await startRun(tx, app.graphs, person, { of, input, ...script });
        return answer(201, startedRun, { ...summaryOf(run), workflowId: run.workflowId, ...webUi(run.workflowId) });
      });
      app.relay.nudge();
      return sendAnswer(reply, done);
    },
  );

  const webUi = (workflowId: string) => {
    const address = options.webUiOf(workflowId);
    return address === undefined ? {} : { webUi: address };
  };

  app.get(
    '/runs',
    {
      schema: {
        summary: 'Runs, newest first',
        tags: ['runs'],
        querystring: listRunsQuery,
        response: responses({ 200: runsPage }, ['invalid-request']),
      },
    },
    async (request) => {
      const { limit, cursor, status, document } = request.query;
      const rows = await request.actAs((tx) =>
        tx.run.findMany({
          where: {
            tenantId: personOf(request).tenant,
            ...(status === undefined ? {} : { status }),
            ...(document === undefined ? {} : { documentId: document }),
            ...olderThan(cursor),
          },
          orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
          take: limit + 1,
        }),
      );
      return page(rows, limit, keyOfNewest, summaryOf);
    },
  );

  app.get(
    '/runs/:id',
    {
      schema: {
        summary: 'A run with its steps, who it waits for, and its result',
        tags: ['runs'],
        params: runParams,
        response: responses({ 200: runView }, ['not-found']),
      },
    },
    async (request) => readRunView(request, options, request.params.id),
  );

  app.get(
    '/runs/:id/state',
    {
      schema: {
        summary: 'The whole state of a run, with the number of the event it stands after',
        description: 'What the events of the run log up to that number come to.',
        tags: ['runs'],
        params: runParams,
        response: responses({ 200: runState }, ['not-found']),
      },
    },
    async (request) =>
      request.actAs(async (tx) => {
        const run = await findRun(tx, personOf(request).tenant, request.params.id);
        return runState.parse(await stateOf(tx, run));
      }),
  );

  app.get(
    '/runs/:id/journal',
    {
      schema: {
        summary: 'Attempts, turns, effects and transitions of a run',
        tags: ['runs'],
        params: runParams,
        response: responses({ 200: journal }, ['not-found']),
      },
    },
    async (request) => readJournal(request, request.params.id),
  );

  app.get(
    '/runs/:id/events',
    {
      schema: {
        summary: 'The run log as server-sent events',
        description:
          'One event for each row of the log: its id is the row’s number, its type the kind of event, its data JSON of ids, digests and numbers. Ends when the run has; 204 when there is nothing left to send, which tells an EventSource to stop.',
        tags: ['runs'],
        params: runParams,
        headers: eventHeaders,
        response: streamResponses('The events'),
      },
    },
    streamHandler(app, options.streams, { of: 'run', read: readRunLog }),
  );

  app.post(
    '/runs/:id/cancel',
    {
      schema: {
        summary: 'Cancel a run',
        description: 'For who started it, and for the roles operator and admin. The run ends once it has heard.',
        tags: ['runs'],
        params: runParams,
        headers: idempotencyKeyAllowed,
        body: cancelBody,
        response: responses({ 202: cancelAccepted }, [
          'invalid-request',
          'not-permitted',
          'not-found',
          'run-ended',
          'idempotency-key-reused',
        ]),
      },
    },
    cancelHandler,
  );
};
