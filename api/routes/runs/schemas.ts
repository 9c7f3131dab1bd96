import { z } from 'zod';
import { effectAnswers } from '../../../prisma/commands.ts';
import { json } from '../../json-value.ts';
import { pageOf, pageQuery } from '../../pages.ts';

export const runStatuses = [
  'running',
  'waiting',
  'needs-attention',
  'completed',
  'rejected',
  'failed',
  'cancelled',
] as const;
const runStatus = z.enum(runStatuses);

export const runParams = z.object({ id: z.string().min(1).max(64) });

/** Exactly one of `document` and `graphHash`. */
export const startRunBody = z
  .strictObject({
    document: z.string().min(1).optional().describe('Id of a document: runs the version published last'),
    graphHash: z.string().min(1).optional().describe('Runs exactly this version'),
    input: json.default({}).describe("Values of the document's Inputs by name"),
    practice: z
      .record(z.string(), json)
      .optional()
      .describe('Script of model and tool answers; taken only by an API that was started for practice'),
  })
  .refine((body) => (body.document === undefined) !== (body.graphHash === undefined), {
    path: ['document'],
    message: 'Expected exactly one of document and graphHash',
  });

export const runSummary = z.object({
  id: z.string(),
  document: z.string(),
  graphHash: z.string(),
  title: z.string(),
  status: runStatus,
  requester: z.string(),
  practice: z.boolean().describe('Answered from a script, not by real models and tools'),
  paused: z.boolean().optional().describe('Nothing new is started in it'),
  createdAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
  resumes: z.string().optional().describe('The run whose work it goes on with'),
  resumedBy: z.string().optional().describe('The run that goes on with its work'),
  calledBy: z.string().optional().describe('The run of which a step called this one'),
});

export const startedRun = runSummary.extend({
  workflowId: z.string(),
  webUi: z.url().optional().describe('The run in the Temporal Web UI'),
});

export const listRunsQuery = z.object({
  ...pageQuery,
  status: runStatus.optional(),
  document: z.string().min(1).optional(),
});
export const runsPage = pageOf(runSummary);

const stepStates = ['pending', 'running', 'validated', 'waiting', 'committed', 'failed', 'skipped', 'refused'] as const;
export type StepState = (typeof stepStates)[number];

export const runView = startedRun.extend({
  lineage: z.object({
    rootRun: z.string(),
    runs: z.array(z.string()).describe('The run and its resumes, oldest first'),
  }),
  calls: z
    .array(z.object({ run: z.string(), step: z.string(), status: runStatus }))
    .describe('Runs that its steps called'),
  steps: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      kind: z.string(),
      state: z.enum(stepStates),
      attempt: z.int().describe('0 before the first'),
      failure: z.object({ class: z.string(), detail: z.string().optional() }).optional(),
      verdict: z.string().optional().describe('Of a gate that was decided'),
      startedAt: z.iso.datetime().optional(),
      endedAt: z.iso.datetime().optional(),
    }),
  ),
  waiting: z.array(
    z.object({
      gate: z.string(),
      step: z.string(),
      title: z.string(),
      approvers: z.array(z.string()).describe('Roles whose holders may decide'),
      people: z.array(z.string()).describe('Ids of persons who may decide, besides'),
      since: z.iso.datetime(),
    }),
  ),
  result: json.optional().describe('Of a run that ended with one'),
});

export const runState = z.object({
  run: z.string(),
  seq: z.int().describe('Of the last event of the run log that is in it'),
  status: runStatus,
  paused: z.boolean().describe('Nothing new is started'),
  steps: z
    .array(
      z.object({
        step: z.string(),
        path: z.string().describe('Containers and links back with their passes; empty at the top level'),
        status: z.enum(stepStates),
        class: z.string().optional().describe('Of a step that failed: why'),
        attempt: z.int().optional(),
        gate: z.string().optional(),
      }),
    )
    .describe('Those that were heard of, each time that they run for themselves'),
  gates: z.array(
    z.object({
      gate: z.string(),
      step: z.string(),
      purpose: z.string(),
      status: z.enum(['open', 'decided', 'lapsed']),
      verdict: z.string().optional(),
    }),
  ),
  effects: z
    .array(
      z.object({
        effect: z.string(),
        step: z.string(),
        tool: z.string(),
        status: z.enum(['intent', 'succeeded', 'failed', 'unknown']),
        answer: z.string().optional().describe('What a person said became of it'),
        undone: z
          .enum(['intent', 'succeeded', 'failed', 'unknown'])
          .optional()
          .describe('What became of taking it back'),
      }),
    )
    .describe('Writes: `unknown` of those of which nobody knows whether they happened'),
});

const amount = z.number().optional();

export const journal = z.object({
  run: z.string(),
  status: runStatus,
  practice: z.boolean(),
  traceId: z.string(),
  qualityScore: z.number().optional().describe('Mean over the steps that have one; 1 is the best'),
  totals: z.object({ tokensIn: z.int(), tokensOut: z.int(), costUsd: z.number() }),
  rows: z
    .array(
      z.object({
        seq: z.int(),
        at: z.iso.datetime(),
        event: z.string(),
        step: z.string().optional(),
        attempt: z.int().optional(),
        status: z.string().optional(),
        class: z.string().optional(),
        agent: z.string().optional(),
        source: z.string().optional().describe('The model that answered, or the tool'),
        tokensIn: amount,
        tokensOut: amount,
        costUsd: amount,
        latencyMs: amount,
        qualityScore: amount,
        ordered: z.string().optional().describe('What a person ordered'),
        by: z.string().optional().describe('Of an order: who gave it'),
        comment: z.string().optional().describe('Of an order: why'),
        traceId: z.string(),
      }),
    )
    .describe('Every attempt, turn, effect and transition in the order of the run log'),
});
export type JournalRow = z.infer<typeof journal>['rows'][number];

export const eventHeaders = z.object({
  'last-event-id': z.coerce
    .number()
    .int()
    .nonnegative()
    .optional()
    .describe('Of the last event received: goes on after it'),
});

const why = { comment: z.string().max(10_000).optional().describe('Why, for those who read the run later') };

/** Nothing needs to be said. */
export const commentBody = z.strictObject(why).nullish();
export const orderAccepted = z.object({
  run: z.string(),
  command: z.string().describe('Names the order in the run log, which says whether it was applied'),
});
export const cancelBody = commentBody;
export const cancelAccepted = orderAccepted;

export const stepParams = runParams.extend({ step: z.string().min(1).max(200) });
const ofStep = {
  ...why,
  path: z
    .string()
    .max(2_000)
    .optional()
    .describe(
      'Of a step that runs more than once: its containers and links back with their passes, as the state has it',
    ),
};
export const retryBody = z
  .strictObject({
    ...ofStep,
    fresh: z.boolean().optional().describe('Asks a model anew, instead of going on with what it answered'),
    inputs: z.record(z.string(), json).optional().describe('Values in place of those that the step reads, by name'),
  })
  .nullish();
export const effectParams = runParams.extend({ effect: z.string().min(1).max(200) });
export const effectAnswerBody = z.strictObject({
  ...why,
  answer: z.enum(effectAnswers).describe('`send again` makes another write, whatever became of this one'),
  output: json.optional().describe('Of a write that happened: what the tool answered'),
});
export const supplyBody = z.strictObject({ ...ofStep, output: json });
export const skipBody = z.strictObject(ofStep).nullish();
