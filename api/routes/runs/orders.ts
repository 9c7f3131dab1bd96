/**
 * Orders to a run, for who started it and for operators: to end, hold or let go on the whole of it, and what becomes of a
 * parked step. Each is accepted before it is done: the run's log says whether it was.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import type { Declared } from '../../../compiler/declared-tools.ts';
import type { Tx } from '../../../prisma/open.ts';
import { answerForEffect } from '../../answer-effect.ts';
import { orderRun } from '../../operators.ts';
import type { StepRequest } from '../../order-step.ts';
import { orderStep } from '../../order-step.ts';
import { answer, idempotencyKeyAllowed, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import {
  commentBody,
  effectAnswerBody,
  effectParams,
  orderAccepted,
  retryBody,
  runParams,
  skipBody,
  stepParams,
  supplyBody,
} from './schemas.ts';

const wholeRun = {
  abort: {
    summary: 'Abort a run',
    description: 'Ends it as failed once what is in flight has settled. What was written stays as it is.',
  },
  pause: {
    summary: 'Pause a run',
    description: 'Nothing new is started. What runs goes on, people may decide, and due dates pass.',
  },
  unpause: { summary: 'Let a paused run go on', description: 'What is ready is started.' },
} as const;

const refused = ['invalid-request', 'not-permitted', 'not-found', 'run-ended', 'idempotency-key-reused'] as const;
const refusedOfSteps = [...refused, 'step-not-parked', 'not-for-this-step'] as const;

type AtStep = FastifyRequest<{ Params: z.infer<typeof stepParams> }>;

export interface RunOrderOptions {
  /** Tools whose answers are known. */
  declared: Declared;
}

export const runOrderRoutes: FastifyPluginAsyncZod<RunOrderOptions> = async (app, { declared }) => {
  async function accept(
    request: FastifyRequest,
    reply: FastifyReply,
    run: string,
    order: (tx: Tx) => Promise<{ command: string }>,
  ) {
    const done = await request.once(async (tx) => answer(202, orderAccepted, { run, ...(await order(tx)) }));
    app.relay.nudge();
    return sendAnswer(reply, done);
  }

  const acceptForStep = (request: AtStep, reply: FastifyReply, asked: StepRequest) => {
    const { id, step } = request.params;
    return accept(request, reply, id, (tx) => orderStep(tx, app.graphs, personOf(request), { run: id, step }, asked));
  };

  for (const kind of ['abort', 'pause', 'unpause'] as const) {
    app.post(
      `/runs/:id/${kind}`,
      {
        schema: {
          ...wholeRun[kind],
          tags: ['runs'],
          params: runParams,
          headers: idempotencyKeyAllowed,
          body: commentBody,
          response: responses({ 202: orderAccepted }, [...refused]),
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        const comment = request.body?.comment ?? '';
        return accept(request, reply, id, (tx) => orderRun(tx, personOf(request), id, kind, comment));
      },
    );
  }

  app.post(
    '/runs/:id/steps/:step/retry',
    {
      schema: {
        summary: 'Do a parked step again',
        description:
          'With all its tries. `fresh` asks the model anew, or runs the called document anew, instead of going on with what it gave; `inputs` replaces values that the step reads, for this step alone. A write that happened is not made again. `Result` is the step of that name.',
        tags: ['runs'],
        params: stepParams,
        headers: idempotencyKeyAllowed,
        body: retryBody,
        response: responses({ 202: orderAccepted }, [...refusedOfSteps, 'invalid-input']),
      },
    },
    async (request, reply) => {
      const { path = '', comment = '', fresh = false, inputs = {} } = request.body ?? {};
      return acceptForStep(request, reply, { kind: 'retry', path, comment, fresh, inputs });
    },
  );

  app.post(
    '/runs/:id/steps/:step/supply',
    {
      schema: {
        summary: 'Give a parked step its output',
        description:
          'It is held against the type, the checks and the approvals that the step itself would have to meet.',
        tags: ['runs'],
        params: stepParams,
        headers: idempotencyKeyAllowed,
        body: supplyBody,
        response: responses({ 202: orderAccepted }, [...refusedOfSteps, 'invalid-output', 'write-unsettled']),
      },
    },
    async (request, reply) => {
      const { path = '', comment = '', output } = request.body;
      return acceptForStep(request, reply, { kind: 'supply', path, comment, output });
    },
  );

  app.post(
    '/runs/:id/effects/:effect/answer',
    {
      schema: {
        summary: 'Say what became of a write',
        description:
          'Of a write whose outcome is not known, or that is another than was recorded. The step is done again on that: with the answer given, or by another write. A write of a session is not sent again here: its owner has the turn go on from what was said. The first answer counts.',
        tags: ['runs'],
        params: effectParams,
        headers: idempotencyKeyAllowed,
        body: effectAnswerBody,
        response: responses({ 202: orderAccepted }, [
          ...refused,
          'step-not-parked',
          'effect-not-asked',
          'invalid-output',
        ]),
      },
    },
    async (request, reply) => {
      const { id, effect } = request.params;
      const { answer: said, output, comment = '' } = request.body;
      const asked = { answer: said, comment, ...(output === undefined ? {} : { output }) };
      return accept(request, reply, id, (tx) =>
        answerForEffect(tx, { graphs: app.graphs, declared }, personOf(request), { run: id, effect }, asked),
      );
    },
  );

  app.post(
    '/runs/:id/steps/:step/skip',
    {
      schema: {
        summary: 'Leave a parked step out',
        description: 'What follows runs without its output; refused where something that follows needs it.',
        tags: ['runs'],
        params: stepParams,
        headers: idempotencyKeyAllowed,
        body: skipBody,
        response: responses({ 202: orderAccepted }, [...refusedOfSteps, 'step-is-needed']),
      },
    },
    async (request, reply) => {
      const { path = '', comment = '' } = request.body ?? {};
      return acceptForStep(request, reply, { kind: 'skip', path, comment });
    },
  );
};
