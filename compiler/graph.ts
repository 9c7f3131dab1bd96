/**
 * The graph: what a document compiles to and all that a run needs to know of it.
 *
 * One zod schema describes it; the published JSON Schema (`compiler/graph.schema.json`) is generated from it and a
 * test holds the two together. A graph is identified by the SHA-256 of its canonical JSON (RFC 8785), so nothing in it
 * may depend on where or when it was compiled: places in the document live in the receipt.
 */
import { z } from 'zod';
import { graphSchemaVersion, idPattern } from './graph-facts.ts';
import { fieldSchema, typeSchema } from './type-schemas.ts';

export const idSchema = z.string().regex(idPattern);

/** Source text of one expression of the document language (compiler/expressions). */
const expression = z.string().min(1);

/** N more tries after the first, whatever failed. */
export const retrySchema = z.strictObject({
  times: z.int().nonnegative(),
  initialMs: z.int().positive(),
  factor: z.number().min(1),
  maxMs: z.int().positive(),
});
export type Retry = z.infer<typeof retrySchema>;

/** A condition on a producing step's output, fed back to the agent in the author's own words when it fails. */
const checkSchema = z.strictObject({ expr: expression });

/** One value a step reads, under the name the model or the tool sees it by. */
const useSchema = z.strictObject({
  name: z.string().min(1),
  expr: expression,
  /** `[Step](#step) if it ran`: left out when the step has no output. */
  ifItRan: z.literal(true).optional(),
});
export type Use = z.infer<typeof useSchema>;

const namedExpression = z.strictObject({ name: z.string().min(1), expr: expression });

/** A role of the tenant, or one person: an expression that gives a person's id. */
const approverSchema = z.union([z.strictObject({ role: z.string().min(1) }), z.strictObject({ person: expression })]);
export type Approver = z.infer<typeof approverSchema>;

/** Who may decide: with `any`, one person who is one of them; with `all`, one person for each of them. */
export const approversSchema = z.strictObject({
  need: z.enum(['any', 'all']),
  of: z.array(approverSchema).min(1),
});
export type Approvers = z.infer<typeof approversSchema>;

/** What may be spent at most; exceeding it parks. At least one of the two is there. */
export const budgetSchema = z.strictObject({
  tokens: z.int().positive().optional(),
  usd: z.number().positive().optional(),
});
export type Budget = z.infer<typeof budgetSchema>;

/** Runs a step once for each item of a list; results are in the order of the items. */
const eachSchema = z.strictObject({
  /** The name of the item in the step's expressions. */
  item: z.string().min(1),
  list: expression,
  atOnce: z.int().positive().optional(),
  /** Over the item: what it is called in paths and logs, unique in the list. Unsaid, its digest and occurrence. */
  key: expression.optional(),
});
export type Each = z.infer<typeof eachSchema>;

const base = {
  id: idSchema,
  /** The heading, as written. */
  title: z.string().min(1),
  /** The container the step stands in. Edges lead only between steps of the same parent. */
  parent: idSchema.optional(),
  when: expression.optional(),
};

/** Where in the proposal an output goes: the name of a section, or a path of fields in the state. */
const target = {
  section: z.string().min(1).optional(),
  state: z.array(z.string().min(1)).min(1).optional(),
};

/**
 * What a failure that retrying cannot cure leads to; unsaid, the step parks. `skip` is a bypass; `link` makes only the
 * edge marked `on: 'failure'` live.
 */
const ifItFails = z.enum(['skip', 'link']).optional();

const checked = { gives: typeSchema, checks: z.array(checkSchema) };

const calling = {
  retry: retrySchema,
  /** Bounds one model or tool call, in milliseconds. */
  timeoutMs: z.int().positive(),
  /** Opens after so many failures in a row, and lets a probe through after `forMs`. */
  breaker: z.strictObject({ failures: z.int().positive(), forMs: z.int().positive() }).optional(),
  ifItFails,
  each: eachSchema.optional(),
  requiresApproval: approversSchema.optional(),
};

export const agentNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('agent'),
  agent: idSchema,
  instruction: z.string(),
  uses: z.array(useSchema),
  /** The agent's tools, or those of them the step allows. */
  tools: z.array(z.string()),
  ...checked,
  ...calling,
  ...target,
  budget: budgetSchema.optional(),
  /** The context window of the step, in tokens. */
  windowTokens: z.int().positive().optional(),
  /** Reasoning before the answer. */
  think: z.literal(true).optional(),
});

export const toolNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('tool'),
  tool: z.string().min(1),
  /** The arguments: `with` by expression, `uses` as whole values. Names are unique. */
  with: z.array(useSchema),
  ...checked,
  ...calling,
  ...target,
  /** Arguments that may carry untrusted text. */
  acceptsUntrusted: z.array(z.string().min(1)).optional(),
  /** The tool that takes the write back when the run is cancelled. */
  undo: z.string().min(1).optional(),
});

/** When a gate or a task of a person is not done in time. */
const ifOverdueSchema = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('ask'), approvers: approversSchema }),
  z.strictObject({ do: z.enum(['continue', 'reject', 'link']) }),
]);

const waitingForPeople = {
  approvers: approversSchema,
  notBy: z.array(z.enum(['requester', 'contributors'])),
  show: z.array(useSchema),
  /** Prose under the heading: what the person is asked. */
  instruction: z.string(),
  remindEveryMs: z.int().positive().optional(),
  /** Counted from when the gate opens. */
  dueMs: z.int().positive().optional(),
  ifOverdue: ifOverdueSchema.optional(),
};

export const approveNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('approve'),
  ...waitingForPeople,
  /** How many different people must decide the same; unsaid, as many as `approvers` needs. */
  quorum: z.int().min(2).optional(),
  /** `link` follows the edge of that action, forward or back. */
  actions: z.array(z.strictObject({ name: z.string().min(1), effect: z.enum(['continue', 'end', 'link']) })).min(1),
  /** The form that an action which goes on fills. */
  ask: typeSchema.optional(),
  share: z.enum(['handoff', 'reviewer']).optional(),
});

/** A task that a person does: its form is `gives`, its only action is `done`. */
export const personNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('person'),
  ...waitingForPeople,
  ...checked,
  ...target,
});

export const chooseNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('choose'),
  /** In order; the last has no condition (`otherwise`). The edge of arm N is marked `arm: N`. */
  arms: z.array(z.strictObject({ when: expression.optional(), to: idSchema })).min(1),
});

export const mergeNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('merge'),
  /** `names`: a record with an output under each name. `fields`: the fields of all outputs, none of them twice. */
  join: z.enum(['names', 'fields']),
  from: z.array(useSchema).min(1),
  ...checked,
  ...target,
});

export const setNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('set'),
  values: z.array(namedExpression).min(1),
  gives: typeSchema.optional(),
  checks: z.array(checkSchema),
  ...target,
});

export const waitNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('wait'),
  /** A duration, or a date or time by expression. */
  until: z.union([z.strictObject({ ms: z.int().positive() }), z.strictObject({ expr: expression })]),
});

export const runNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('run'),
  /** As linked; the hash of the graph it had when this document was compiled with its surroundings. */
  document: z.strictObject({ file: z.string().min(1), id: z.string().optional(), graph: z.string().optional() }),
  with: z.array(useSchema),
  /** The Result of the document, as a record. */
  gives: typeSchema,
  /** Over that record; absent where nothing is to be checked. */
  checks: z.array(checkSchema).min(1).optional(),
  ...target,
  ifItFails,
  acceptsUntrusted: z.array(z.string().min(1)).optional(),
});

/** A container whose steps run again until the condition holds. Its output: a record of their outputs in the last pass. */
export const repeatNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('repeat'),
  /** Passes, not returns. */
  atMost: z.int().positive(),
  until: expression,
  /** Unsaid, it parks. `link` makes only the edge marked `on: 'not reached'` live. */
  ifNotReached: z.enum(['continue', 'link']).optional(),
});

/** A container whose steps run for each item. Its output: a list of records by step id. */
export const forEachNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('for each'),
  each: eachSchema,
  ifItFails,
});

/** A group of steps. Its output: a record by step id. */
export const stepsNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('steps'),
  order: z.enum(['parallel', 'in order']),
});

/** A conversation between a person and an agent that fills its section or state until that person is done. */
export const sessionNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('session'),
  /** `assignee` is the proposal's; otherwise as at a gate. */
  who: z.union([z.literal('assignee'), approversSchema]),
  agent: idSchema,
  instruction: z.string(),
  uses: z.array(useSchema),
  tools: z.array(z.string()),
  ...checked,
  ...target,
  remindEveryMs: z.int().positive().optional(),
  dueMs: z.int().positive().optional(),
  budget: budgetSchema.optional(),
  /** What takes its writes back when the run is cancelled: one of its tools writes, and no other. */
  undo: z.string().min(1).optional(),
});

export const nodeSchema = z.discriminatedUnion('kind', [
  agentNodeSchema,
  toolNodeSchema,
  approveNodeSchema,
  personNodeSchema,
  chooseNodeSchema,
  mergeNodeSchema,
  setNodeSchema,
  waitNodeSchema,
  runNodeSchema,
  repeatNodeSchema,
  forEachNodeSchema,
  stepsNodeSchema,
  sessionNodeSchema,
]);
export type Node = z.infer<typeof nodeSchema>;
export type NodeOf<Kind extends Node['kind']> = Extract<Node, { kind: Kind }>;

/**
 * An edge resolves once a pass: live, untaken or refused. Plain edges have neither `arm` nor `action` nor `on`; an
 * `action` edge is live only for that verdict, an `on` edge only for that outcome.
 */
export const edgeSchema = z.strictObject({
  from: idSchema,
  to: idSchema,
  arm: z.int().nonnegative().optional(),
  action: z.string().optional(),
  on: z.enum(['failure', 'not reached', 'overdue', 'used up']).optional(),
  /**
   * Leads back, and at most so many times in a pass of the bodies around it. An arm that is used up takes its edge
   * marked `on: 'used up'`; an action that is used up is not offered.
   */
  back: z.strictObject({ atMost: z.int().positive() }).optional(),
});
export type Edge = z.infer<typeof edgeSchema>;

export const agentSchema = z.strictObject({
  id: idSchema,
  name: z.string().min(1),
  /** An alias such as `small`, or a model's own name; configuration resolves it. */
  model: z.string().min(1),
  tools: z.array(z.string()),
  /** Agents it may hand work to. */
  mayDelegateTo: z.array(idSchema),
  instruction: z.string(),
  budget: budgetSchema.optional(),
});
export type Agent = z.infer<typeof agentSchema>;

/** The shared result that people and steps fill. */
export const proposalSchema = z.strictObject({
  state: typeSchema.optional(),
  owner: approverSchema.optional(),
  /** A section's name may be any words; nobody else than its owner edits a section that has one. */
  sections: z.array(z.strictObject({ field: fieldSchema, owner: approverSchema.optional() })),
});
export type ProposalDefinition = z.infer<typeof proposalSchema>;

/** A thing of another document. Absent from the graph's own tables where that document was not known. */
export const externalSchema = z.strictObject({
  thing: z.enum(['agent', 'type', 'document']),
  /** The id of the agent, the name of the type, the id of the step that runs the document. */
  as: z.string().min(1),
  /** The path of the link, as written. */
  file: z.string().min(1),
  anchor: z.string().optional(),
  /** The hash of the other document's graph; absent where it was not known. */
  graph: z.string().optional(),
});
export type External = z.infer<typeof externalSchema>;

export const graphSchema = z.strictObject({
  schemaVersion: z.literal(graphSchemaVersion),
  /** The document's id: its title as an id unless `id:` says otherwise, with `-` for `_`. */
  id: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  title: z.string().min(1),
  /** A role or a person that answers for the document. */
  owner: approverSchema.optional(),
  budget: budgetSchema.optional(),
  inputs: z.array(fieldSchema),
  types: z.array(z.strictObject({ name: z.string().min(1), type: typeSchema })),
  agents: z.array(agentSchema),
  proposal: proposalSchema.optional(),
  /** In document order, a container before its steps. Empty in a document that only lends its agents and types. */
  nodes: z.array(nodeSchema),
  /** Sorted by the order of `to`, then of `from`, then `arm`, `action` and `on`. */
  edges: z.array(edgeSchema),
  result: z.array(z.strictObject({ name: z.string().min(1), type: typeSchema, value: expression })),
  /** What comes from other documents. One without `graph` was not known: such a graph can be read, not run. */
  externals: z.array(externalSchema),
});
export type Graph = z.infer<typeof graphSchema>;
