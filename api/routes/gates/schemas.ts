import { z } from 'zod';
import { json } from '../../json-value.ts';
import { pageOf, pageQuery } from '../../pages.ts';

export const gateParams = z.object({ id: z.string().min(1).max(64) });
export const listGatesQuery = z.object({
  ...pageQuery,
  scope: z
    .enum(['mine', 'all'])
    .default('mine')
    .describe('mine: what waits for my vote, and of what is not open, where I voted; all: of the whole tenant'),
  status: z.enum(['open', 'decided', 'lapsed', 'any']).default('open'),
  claimed: z.enum(['me', 'others', 'nobody']).optional().describe('Unsaid, mine leaves out what others claimed'),
  document: z.string().min(1).max(200).optional(),
  run: z.string().min(1).max(64).optional(),
  role: z.string().min(1).max(200).optional().describe('One of those whose holders may decide'),
  overdue: z.enum(['true', 'false']).optional(),
});

const shown = z.object({
  name: z.string(),
  digest: z.string(),
  value: json.optional().describe('Left out of lists where it is large, and for who is not shown it'),
});

export const gate = z.object({
  id: z.string(),
  step: z.string(),
  title: z.string(),
  question: z.string(),
  path: z.string().optional().describe('Where the step runs more than once: its items and passes'),
  purpose: z
    .enum(['step', 'approval', 'task'])
    .describe('An approve step, `requires approval` of a step, or a task that a person does'),
  status: z.enum(['open', 'decided', 'lapsed']),
  run: z.object({
    id: z.string(),
    document: z.string(),
    title: z.string(),
    status: z.string(),
    requester: z.string(),
    practice: z.boolean(),
    webUi: z.url().optional(),
  }),
  subject: z.string().describe('What a decision is about: a decision names it'),
  shown: z.array(shown),
  actions: z.array(z.object({ name: z.string(), effect: z.enum(['continue', 'end']) })),
  approvers: z.array(z.string()).describe('Roles whose holders may decide'),
  people: z.array(z.string()).describe('Ids of persons who may decide, besides'),
  need: z.enum(['any', 'all']).describe('all: one person for each of the roles and people'),
  quorum: z.int().optional().describe('How many different people must decide the same'),
  notBy: z.array(z.string()),
  mayDecide: z.boolean().describe('Whether the caller could decide it now'),
  overdue: z.boolean(),
  dueAt: z.iso.datetime().optional(),
  escalatedAt: z.iso.datetime().optional().describe('Since then more people are asked'),
  claimed: z.object({ by: z.string(), at: z.iso.datetime() }).optional(),
  verdict: z.string().optional(),
  openedAt: z.iso.datetime(),
  decidedAt: z.iso.datetime().optional(),
});
export const gatesPage = pageOf(gate).extend({
  counts: z
    .object({ mine: z.int(), claimed: z.int(), overdue: z.int() })
    .describe('Of all open gates: what waits for me, what I claimed, and what of the first is overdue'),
});

const needed = z
  .object({ roles: z.array(z.string()), people: z.array(z.string()), more: z.int() })
  .describe('So many more people out of these');

export const gateMessage = z.object({
  id: z.string(),
  kind: z.enum(['question', 'answer']),
  by: z.string(),
  to: z.string().optional(),
  answers: z.string().optional().describe('Id of the question'),
  text: z.string(),
  at: z.iso.datetime(),
});

export const gateDetails = gate.extend({
  form: json.optional().describe('JSON Schema of what is filled in'),
  decisions: z
    .array(
      z.object({
        id: z.string(),
        by: z.string(),
        for: z.string().optional().describe('Whose vote it is, where it was delegated'),
        action: z.string(),
        comment: z.string(),
        form: json.optional(),
        subject: z.string().describe('What was shown'),
        decidedAt: z.iso.datetime(),
        counts: z.boolean().describe('false: replaced by a later one, or without the right to it by now'),
      }),
    )
    .describe('Oldest first'),
  missing: z
    .array(z.object({ action: z.string(), needed: z.array(needed) }))
    .describe('Of an open gate: who is still needed for each action that continues'),
  delegations: z.array(
    z.object({
      from: z.string(),
      to: z.string(),
      madeAt: z.iso.datetime(),
      withdrawnAt: z.iso.datetime().optional(),
    }),
  ),
  messages: z.array(gateMessage).describe('Questions and answers, oldest first'),
});

export const decisionBody = z.strictObject({
  action: z.string().min(1).max(200).describe('One of the actions of the gate'),
  subject: z
    .string()
    .min(1)
    .max(200)
    .describe('The subject of the gate as it was read: a gate that moved on refuses it'),
  comment: z.string().max(10_000).default(''),
  form: json.optional().describe('Kept with an action that continues; of a task, its output'),
  for: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Whose vote is cast. Unsaid, your own, or else one that was delegated to you'),
});

export const decision = z.object({
  id: z.string(),
  gate: z.string(),
  run: z.string(),
  action: z.string(),
  decidedAt: z.iso.datetime(),
  missing: z.array(needed).describe('Empty once the gate is decided: who is still needed for this action'),
});

export const claimBody = z.strictObject({}).nullish();
export const claimState = z.object({
  gate: z.string(),
  claimed: z.object({ by: z.string(), at: z.iso.datetime() }).optional().describe('Absent: by nobody'),
});

const personId = z.string().min(1).max(200);
export const delegateBody = z.strictObject({ to: personId.describe('Id of a person; GET /people finds it') });
export const delegated = z.object({ gate: z.string(), from: z.string(), to: z.string() });

export const withdrawn = z.object({
  gate: z.string(),
  from: z.string(),
  to: z.string().optional().describe('Who may cast it no more. Absent: nobody could'),
});

const messageText = z.string().min(1).max(10_000);
export const questionBody = z.strictObject({
  text: messageText,
  to: personId.optional().describe('Id of the person who is asked. Unsaid, who started the run'),
});
export const answerBody = z.strictObject({ question: z.string().min(1).max(64), text: messageText });
