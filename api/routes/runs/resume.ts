/** Resuming a run: the plan is read first, and applied by its digest, so that what happens is what was read. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { json } from '../../json-value.ts';
import { answer, idempotencyKeyRequired, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import { readResumePlan, resumeRun } from '../../resume-run.ts';
import type { RunSettings } from '../../run-handlers.ts';
import { findRun } from '../../run-handlers.ts';
import { summaryOf } from '../../run-view.ts';
import { runParams, startedRun } from './schemas.ts';

const step = z.string();
const gate = z.object({
  gate: z.string(),
  step,
  path: z.string().describe('Items and passes; empty outside of loops'),
});
const effect = z.object({ effect: z.string(), step, tool: z.string(), status: z.string() });

const edit = z.object({
  step,
  path: gate.shape.path,
  name: z.string().describe('By which the step reads the value'),
  by: z.string().describe('Who gave it'),
});

export const resumePlan = z.object({
  run: z.string(),
  graphHash: z.string(),
  graphChanged: z.boolean(),
  inputChanged: z.boolean(),
  from: z.array(step).describe('Steps done again whatever was recorded'),
  kept: z.array(z.object({ step, times: z.int() })).describe('Steps whose outputs stand; items and passes are counted'),
  reruns: z.array(
    z.object({
      step,
      because: z.enum([
        'asked',
        'changed',
        'added',
        'failed',
        'refused',
        'not done',
        'proposal',
        'input',
        'reads',
        'guards',
      ]),
      steps: z.array(step).describe('What it reads, or whose call it guards'),
      certain: z.boolean().describe('False: kept where what it works on comes out as it was'),
      costUsd: z.number().describe('What it has cost so far'),
    }),
  ),
  approvals: z.object({
    kept: z.array(gate.extend({ verdict: z.string() })),
    lapsed: z.array(gate.extend({ reason: z.string(), certain: z.boolean() })),
  }),
  edits: z
    .object({
      kept: z.array(edit).describe('Given again, where the step runs again'),
      dropped: z
        .array(edit.extend({ reason: z.string(), certain: z.boolean() }))
        .describe('The step is given what the document says'),
    })
    .describe('Values that operators gave steps in place of what these read'),
  overwrites: z
    .array(z.object({ step, place: z.string().describe('A section, or `state` and the fields'), certain: z.boolean() }))
    .describe('What stands in the proposal by now where a step that runs again writes'),
  effects: z.object({
    kept: z.array(effect).describe('Made, and not made again'),
    toAcknowledge: z.array(effect).describe('Of steps that the version no longer has'),
  }),
  cost: z.object({
    usd: z.number().describe('Of all reruns, from what they have cost so far'),
    unknown: z.int().describe('Steps that never ran'),
  }),
  digest: z.string(),
});

const choice = {
  from: z.string().min(1).optional().describe('A step that is done again, with what it contains'),
  graph: z.string().min(1).optional().describe('Hash of a published version; the run’s own unless said'),
};

const planBody = z.strictObject({ ...choice, input: json.optional().describe('The run’s own unless said') });
const resumeBody = planBody.extend({
  digest: z.string().describe('Of the plan that was read'),
  acknowledge: z.array(z.string()).max(10_000).default([]).describe('Effects of steps that the version no longer has'),
});

const refused = [
  'invalid-request',
  'invalid-input',
  'not-permitted',
  'not-found',
  'already-resumed',
  'not-runnable',
] as const;

export const resumeRoutes: FastifyPluginAsyncZod<RunSettings> = async (app, options) => {
  const about = {
    summary: 'What a resume would do',
    description:
      'What is kept, what is done again and why, which approvals lapse, which effects stand, and what it may cost. Nothing is changed. Without `from`, a rejected run asks again where it was rejected, and any other goes on where it stands.',
    tags: ['runs'],
    params: runParams,
    response: responses({ 200: resumePlan }, [...refused]),
  };

  app.get('/runs/:id/resume-plan', { schema: { ...about, querystring: z.object(choice) } }, async (request) => {
    const { from, graph } = request.query;
    const chosen = { ...(from === undefined ? {} : { from }), ...(graph === undefined ? {} : { graph }) };
    return request.actAs((tx) => readResumePlan(tx, app.graphs, personOf(request), request.params.id, chosen));
  });

  app.post(
    '/runs/:id/resume-plan',
    { schema: { ...about, summary: 'What a resume with an edited input would do', body: planBody } },
    async (request) =>
      request.actAs((tx) =>
        readResumePlan(tx, app.graphs, personOf(request), request.params.id, chosenIn(request.body)),
      ),
  );

  app.post(
    '/runs/:id/resume',
    {
      schema: {
        summary: 'Resume a run',
        description:
          'A new run goes on with the work of this one, as the plan with this digest says. Steps that are kept give their outputs, effects are not repeated, decisions carry over where their subject stands.',
        tags: ['runs'],
        params: runParams,
        headers: idempotencyKeyRequired,
        body: resumeBody,
        response: responses({ 201: startedRun }, [
          ...refused,
          'plan-changed',
          'effects-not-acknowledged',
          'idempotency-key-required',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const { digest, acknowledge } = request.body;
      const person = personOf(request);
      const done = await request.once(async (tx) => {
        const order = { ...chosenIn(request.body), digest, acknowledge };
        const run = await findRun(tx, person.tenant, await resumeRun(tx, app.graphs, person, request.params.id, order));
        const webUi = options.webUiOf(run.workflowId);
        const shown = { ...summaryOf(run), workflowId: run.workflowId, ...(webUi === undefined ? {} : { webUi }) };
        return answer(201, startedRun, shown);
      });
      app.relay.nudge();
      return sendAnswer(reply, done);
    },
  );
};

function chosenIn({ from, graph, input }: z.infer<typeof planBody>) {
  return {
    ...(from === undefined ? {} : { from }),
    ...(graph === undefined ? {} : { graph }),
    ...(input === undefined ? {} : { input }),
  };
}
