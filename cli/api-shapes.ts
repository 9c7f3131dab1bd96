/** What the command line reads of the API's answers. Fields it does not know are dropped, so that a newer API still fits. */
import { z } from 'zod';

const runStatus = z.enum(['running', 'waiting', 'needs-attention', 'completed', 'rejected', 'failed', 'cancelled']);
export type RunStatus = z.infer<typeof runStatus>;

export const endedStatuses: readonly RunStatus[] = ['completed', 'rejected', 'failed', 'cancelled'];

export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  errors: z.array(z.object({ at: z.string(), in: z.string(), message: z.string() })).optional(),
  diagnostics: z
    .array(
      z.object({
        code: z.string(),
        severity: z.enum(['error', 'warning']),
        message: z.string(),
        line: z.int(),
        column: z.int(),
        endLine: z.int(),
        endColumn: z.int(),
        related: z.array(z.object({ line: z.int(), column: z.int(), message: z.string() })),
        hint: z.string().optional(),
      }),
    )
    .optional(),
});
export type ProblemBody = z.infer<typeof problemSchema>;

const atStep = z.object({ step: z.string(), path: z.string() });
const editAt = atStep.extend({ name: z.string(), by: z.string() });
const effectAt = z.object({ effect: z.string(), step: z.string(), tool: z.string(), status: z.string() });
export const resumePlanSchema = z.object({
  run: z.string(),
  graphHash: z.string(),
  graphChanged: z.boolean(),
  inputChanged: z.boolean(),
  from: z.array(z.string()),
  kept: z.array(z.object({ step: z.string(), times: z.int() })),
  reruns: z.array(
    z.object({
      step: z.string(),
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
      steps: z.array(z.string()),
      certain: z.boolean(),
      costUsd: z.number(),
    }),
  ),
  approvals: z.object({
    kept: z.array(atStep.extend({ verdict: z.string() })),
    lapsed: z.array(atStep.extend({ reason: z.string(), certain: z.boolean() })),
  }),
  edits: z
    .object({
      kept: z.array(editAt),
      dropped: z.array(editAt.extend({ reason: z.string(), certain: z.boolean() })),
    })
    .default({ kept: [], dropped: [] }),
  overwrites: z.array(z.object({ step: z.string(), place: z.string(), certain: z.boolean() })).default([]),
  effects: z.object({ kept: z.array(effectAt), toAcknowledge: z.array(effectAt) }),
  cost: z.object({ usd: z.number(), unknown: z.int() }),
  digest: z.string(),
});
export type ResumePlan = z.infer<typeof resumePlanSchema>;

/** An API that does not say whether it is for practice is taken not to be. */
export const healthSchema = z.object({ practice: z.boolean().default(false) });

export const publishedSchema = z.object({ document: z.string(), title: z.string(), graphHash: z.string() });
export type Published = z.infer<typeof publishedSchema>;

/** Of a graph, what names its steps and the arms of its choices. */
export const graphVersionSchema = z.object({
  graph: z.object({
    nodes: z.array(
      z.object({
        id: z.string(),
        title: z.string(),
        arms: z.array(z.object({ when: z.string().optional(), to: z.string() })).default([]),
      }),
    ),
  }),
});
export type RunGraph = z.infer<typeof graphVersionSchema>['graph'];

export const startedRunSchema = z.object({
  id: z.string(),
  document: z.string(),
  graphHash: z.string(),
  title: z.string(),
  status: runStatus,
  requester: z.string(),
  practice: z.boolean(),
  paused: z.boolean().optional(),
  createdAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
  workflowId: z.string(),
  webUi: z.string().optional(),
});
export type StartedRun = z.infer<typeof startedRunSchema>;

export const runSchema = startedRunSchema.extend({
  steps: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      kind: z.string(),
      state: z.string(),
      attempt: z.int(),
      failure: z.object({ class: z.string(), detail: z.string().optional() }).optional(),
      verdict: z.string().optional(),
      startedAt: z.iso.datetime().optional(),
      endedAt: z.iso.datetime().optional(),
    }),
  ),
  waiting: z.array(
    z.object({
      gate: z.string(),
      step: z.string(),
      title: z.string(),
      approvers: z.array(z.string()),
      people: z.array(z.string()).default([]),
      since: z.iso.datetime(),
    }),
  ),
  result: z.json().optional(),
});
export type Run = z.infer<typeof runSchema>;

/** One row of the run log: ids, digests and numbers, never content. */
export const runEventSchema = z.object({
  seq: z.int(),
  at: z.iso.datetime(),
  type: z.string(),
  step: z.string().optional(),
  body: z.record(z.string(), z.json()),
});
export type RunEvent = z.infer<typeof runEventSchema>;

export const journalSchema = z.object({
  run: z.string(),
  status: runStatus,
  practice: z.boolean(),
  qualityScore: z.number().optional(),
  totals: z.object({ tokensIn: z.int(), tokensOut: z.int(), costUsd: z.number() }),
  rows: z.array(
    z.object({
      seq: z.int(),
      at: z.iso.datetime(),
      event: z.string(),
      step: z.string().optional(),
      attempt: z.int().optional(),
      status: z.string().optional(),
      class: z.string().optional(),
      agent: z.string().optional(),
      source: z.string().optional(),
      tokensIn: z.number().optional(),
      tokensOut: z.number().optional(),
      costUsd: z.number().optional(),
      latencyMs: z.number().optional(),
      qualityScore: z.number().optional(),
      ordered: z.string().optional(),
      by: z.string().optional(),
      comment: z.string().optional(),
    }),
  ),
});
export type Journal = z.infer<typeof journalSchema>;

/** What comes beside a page of gates, whatever the filters: open gates that wait for me, those that I claimed, the first's overdue. */
export const besideGatesSchema = z.object({
  counts: z.object({ mine: z.int(), claimed: z.int(), overdue: z.int() }),
});
export type GateCounts = z.infer<typeof besideGatesSchema>['counts'];

export const gateSchema = z.object({
  id: z.string(),
  step: z.string(),
  title: z.string(),
  question: z.string(),
  purpose: z.enum(['step', 'approval', 'task']),
  status: z.enum(['open', 'decided', 'lapsed']),
  run: z.object({
    id: z.string(),
    document: z.string(),
    title: z.string(),
    status: z.string(),
    requester: z.string(),
    practice: z.boolean(),
    webUi: z.string().optional(),
  }),
  subject: z.string(),
  /** In order; in lists a large value is left out. */
  shown: z.array(z.object({ name: z.string(), value: z.json().optional() })),
  actions: z.array(z.object({ name: z.string(), effect: z.enum(['continue', 'end']) })),
  approvers: z.array(z.string()),
  people: z.array(z.string()).default([]),
  need: z.enum(['any', 'all']).default('any'),
  quorum: z.int().optional(),
  notBy: z.array(z.string()),
  mayDecide: z.boolean(),
  overdue: z.boolean().default(false),
  dueAt: z.iso.datetime().optional(),
  claimed: z.object({ by: z.string(), at: z.iso.datetime() }).optional(),
  verdict: z.string().optional(),
  openedAt: z.iso.datetime(),
  decidedAt: z.iso.datetime().optional(),
  /** The rest is of a single gate, not of lists. `form` is a JSON Schema. */
  form: z.json().optional(),
  decisions: z
    .array(
      z.object({
        by: z.string(),
        for: z.string().optional(),
        action: z.string(),
        comment: z.string(),
        decidedAt: z.iso.datetime(),
        counts: z.boolean(),
      }),
    )
    .default([]),
  messages: z
    .array(
      z.object({
        id: z.string(),
        kind: z.enum(['question', 'answer']),
        by: z.string(),
        to: z.string().optional(),
        answers: z.string().optional(),
        text: z.string(),
      }),
    )
    .default([]),
  delegations: z
    .array(z.object({ from: z.string(), to: z.string(), withdrawnAt: z.iso.datetime().optional() }))
    .default([]),
});
export type Gate = z.infer<typeof gateSchema>;

export const claimStateSchema = z.object({ gate: z.string() });
export const delegatedSchema = z.object({ gate: z.string(), from: z.string(), to: z.string() });
/** Without `to` nobody had the vote. */
export const withdrawnSchema = z.object({ gate: z.string(), to: z.string().optional() });
export const gateMessageSchema = z.object({ id: z.string(), by: z.string(), to: z.string().optional() });
export type GateMessage = z.infer<typeof gateMessageSchema>;

export const personSchema = z.object({ id: z.string(), displayName: z.string(), roles: z.array(z.string()) });
export type Person = z.infer<typeof personSchema>;

/** So many more people out of these roles and persons. */
const missingSchema = z.object({ roles: z.array(z.string()), people: z.array(z.string()), more: z.int() });
export type Missing = z.infer<typeof missingSchema>;

export const decisionSchema = z.object({
  id: z.string(),
  gate: z.string(),
  run: z.string(),
  action: z.string(),
  decidedAt: z.iso.datetime(),
  missing: z.array(missingSchema).default([]),
});
export type Decision = z.infer<typeof decisionSchema>;

export const runStateSchema = z.object({
  run: z.string(),
  seq: z.int(),
  status: runStatus,
  paused: z.boolean(),
  steps: z.array(z.object({ step: z.string(), path: z.string(), status: z.string(), class: z.string().optional() })),
  effects: z.array(
    z.object({
      effect: z.string(),
      step: z.string(),
      tool: z.string(),
      status: z.string(),
      answer: z.string().optional(),
      undone: z.string().optional(),
    }),
  ),
});
export type RunState = z.infer<typeof runStateSchema>;

export const cancelAcceptedSchema = z.object({ run: z.string(), command: z.string() });

export const tenantSchema = z.object({ id: z.string(), name: z.string() });
export type Tenant = z.infer<typeof tenantSchema>;

export const userSchema = z.object({
  id: z.string(),
  displayName: z.string(),
  email: z.string(),
  kind: z.string(),
  active: z.boolean(),
  roles: z.array(z.string()),
  groups: z.array(z.string()),
  allRoles: z.array(z.string()),
});
export type User = z.infer<typeof userSchema>;

export const proposalSchema = z.object({
  id: z.string(),
  title: z.string(),
  assignee: z.string().optional(),
  startedBy: z.string(),
  createdAt: z.iso.datetime(),
});
export type Proposal = z.infer<typeof proposalSchema>;

export const auditEntrySchema = z.object({
  at: z.iso.datetime(),
  log: z.string(),
  thing: z.string(),
  seq: z.int(),
  kind: z.string(),
  person: z.string().optional(),
  about: z.string().optional(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;
export const auditPageSchema = z.object({ items: z.array(auditEntrySchema), next: z.string().optional() });

export const groupSchema = z.object({ name: z.string(), roles: z.array(z.string()) });
export type Group = z.infer<typeof groupSchema>;

export const keySchema = z.object({
  id: z.string(),
  service: z.string(),
  scopes: z.array(z.string()),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().optional(),
  revokedAt: z.iso.datetime().optional(),
  lastUsedAt: z.iso.datetime().optional(),
});
export type Key = z.infer<typeof keySchema>;

/** The key itself is told once: of a request that had to be repeated it may be lost. */
export const createdKeySchema = keySchema.extend({ key: z.string().optional() });
export type CreatedKey = z.infer<typeof createdKeySchema>;

export const webhookSchema = z.object({
  id: z.string(),
  url: z.string(),
  kinds: z.array(z.string()),
  enabled: z.boolean(),
  disabledWhy: z.string().optional(),
  failingSince: z.iso.datetime().optional(),
});
export type ListedWebhook = z.infer<typeof webhookSchema>;

/** The secret is told once, as a key is. */
export const webhookWithSecretSchema = webhookSchema.extend({ secret: z.string().optional() });
export type WebhookWithSecret = z.infer<typeof webhookWithSecretSchema>;
export const removedWebhookSchema = z.object({ id: z.string() });

export const deliverySchema = z.object({
  id: z.string(),
  kind: z.string(),
  state: z.string(),
  attempts: z.int(),
  nextAt: z.iso.datetime().optional(),
  lastAt: z.iso.datetime().optional(),
  lastStatus: z.int().optional(),
  lastFailure: z.string().optional(),
  createdAt: z.iso.datetime(),
});
export type Delivery = z.infer<typeof deliverySchema>;
