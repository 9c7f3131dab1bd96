import { z } from 'zod';
import { json } from '../../json-value.ts';
import { pageOf, pageQuery } from '../../pages.ts';

export const gateParams = z.object({ id: z.string().min(1).max(64) });
export const listGatesQuery = z.object(pageQuery);

const shown = z.object({
  name: z.string(),
  digest: z.string(),
  value: json.optional().describe('Left out of lists where it is large'),
});

export const gate = z.object({
  id: z.string(),
  step: z.string(),
  title: z.string(),
  question: z.string(),
  purpose: z.enum(['step', 'approval']).describe('An approve step, or `requires approval` of a step'),
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
  approvers: z.array(z.string()).describe('Roles, any of which may decide'),
  notBy: z.array(z.string()),
  mayDecide: z.boolean().describe('Whether the caller could decide it now'),
  verdict: z.string().optional(),
  openedAt: z.iso.datetime(),
  decidedAt: z.iso.datetime().optional(),
});
export const gatesPage = pageOf(gate);

export const decisionBody = z.strictObject({
  action: z.string().min(1).max(200).describe('One of the actions of the gate'),
  subject: z
    .string()
    .min(1)
    .max(200)
    .describe('The subject of the gate as it was read: a gate that moved on refuses it'),
  comment: z.string().max(10_000).default(''),
  form: json.optional().describe('Kept with an action that continues'),
});

export const decision = z.object({
  id: z.string(),
  gate: z.string(),
  run: z.string(),
  action: z.string(),
  decidedAt: z.iso.datetime(),
});
