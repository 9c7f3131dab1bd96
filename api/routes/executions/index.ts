/** The addresses that other workflow engines use, over the same handlers as runs. An execution is a run. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { Declared } from '../../../compiler/declared-tools.ts';
import { answer, idempotencyKeyAllowed, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { storeVersion, versionOfGraph } from '../../publish.ts';
import { responses } from '../../responses.ts';
import type { RunSettings } from '../../run-handlers.ts';
import { cancelHandler, practiceOf, readJournal, readRunView } from '../../run-handlers.ts';
import type { RunRequest } from '../../start-run.ts';
import { startRun } from '../../start-run.ts';
import { cancelAccepted, cancelBody, journal } from '../runs/schemas.ts';
import { executeBody, execution, executionParams, executionStarted } from './schemas.ts';

interface ExecutionSettings extends RunSettings {
  /** What graphs are checked against. */
  declared: Declared;
}

export const executionRoutes: FastifyPluginAsyncZod<ExecutionSettings> = async (app, settings) => {
  app.post(
    '/workflows/execute',
    {
      schema: {
        summary: 'Start a run of a document, of a graph by hash, or of a graph as JSON',
        tags: ['executions'],
        headers: idempotencyKeyAllowed,
        body: executeBody,
        response: responses({ 202: executionStarted }, [
          'invalid-request',
          'invalid-input',
          'not-runnable',
          'practice-not-allowed',
          'not-found',
          'graph-has-mistakes',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const { document, graphHash, graph, input, practice } = request.body;
      const script = practiceOf(settings, practice);
      const version = graph === undefined ? undefined : versionOfGraph(graph, settings.declared);
      const person = personOf(request);
      const done = await request.once(async (tx) => {
        let of: RunRequest['of'] = { document: document ?? '' };
        if (graphHash !== undefined) of = { graphHash };
        if (version !== undefined) {
          await storeVersion(tx, person, version);
          of = { graphHash: version.hash };
        }
        const { id } = await startRun(tx, app.graphs, person, { of, input, ...script });
        return answer(202, executionStarted, { executionId: id });
      });
      app.relay.nudge();
      return sendAnswer(reply, done);
    },
  );

  app.get(
    '/executions/:id',
    {
      schema: {
        summary: 'A run',
        tags: ['executions'],
        params: executionParams,
        response: responses({ 200: execution }, ['not-found']),
      },
    },
    async (request) => {
      const view = await readRunView(request, settings, request.params.id);
      return { executionId: view.id, ...view };
    },
  );

  app.get(
    '/executions/:id/journal',
    {
      schema: {
        summary: 'The journal of a run',
        tags: ['executions'],
        params: executionParams,
        response: responses({ 200: journal }, ['not-found']),
      },
    },
    async (request) => readJournal(request, request.params.id),
  );

  app.post(
    '/executions/:id/cancel',
    {
      schema: {
        summary: 'Cancel a run',
        tags: ['executions'],
        params: executionParams,
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
