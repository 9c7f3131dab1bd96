/**
 * The graph: what a document compiles to and all that a run needs to know of it.
 *
 * One zod schema describes it; the published JSON Schema (`compiler/graph.schema.json`) is generated from it and a
 * test holds the two together. A graph is identified by the SHA-256 of its canonical JSON (RFC 8785), so nothing in it
 * may depend on where or when it was compiled: places in the document live in the receipt.
 */
import { z } from 'zod';
import { fieldSchema, typeSchema } from './types.ts';

export const graphSchemaVersion = 1;

/** Ids name steps in expressions and rows: lower case, digits and underscores, never starting with a digit. */
export const idSchema = z.string().regex(/^[a-z_][a-z0-9_]*$/);

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

/** Any one person who has one of these roles may decide. */
const approversSchema = z.strictObject({ anyOf: z.array(z.string().min(1)).min(1) });
export type Approvers = z.infer<typeof approversSchema>;

const base = {
  id: idSchema,
  /** The heading, as written. */
  title: z.string().min(1),
  when: expression.optional(),
};

const producing = {
  gives: typeSchema,
  checks: z.array(checkSchema),
  retry: retrySchema,
  /** Bounds one model or tool call, in milliseconds. */
  timeoutMs: z.int().positive(),
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
  ...producing,
});

export const toolNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('tool'),
  tool: z.string().min(1),
  /** The arguments: `with` by expression, `uses` as whole values. Names are unique. */
  with: z.array(namedExpression),
  ...producing,
});

export const approveNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('approve'),
  approvers: approversSchema,
  notBy: z.array(z.enum(['requester'])),
  show: z.array(useSchema),
  actions: z.array(z.strictObject({ name: z.string().min(1), effect: z.enum(['continue', 'end']) })).min(1),
  /** Prose under the heading: what the approver is asked. */
  instruction: z.string(),
});

export const chooseNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('choose'),
  /** In order; the last has no condition (`otherwise`). The edge of arm N is marked `arm: N`. */
  arms: z.array(z.strictObject({ when: expression.optional(), to: idSchema })).min(1),
});

export const setNodeSchema = z.strictObject({
  ...base,
  kind: z.literal('set'),
  values: z.array(namedExpression).min(1),
  gives: typeSchema.optional(),
  checks: z.array(checkSchema),
});

export const nodeSchema = z.discriminatedUnion('kind', [
  agentNodeSchema,
  toolNodeSchema,
  approveNodeSchema,
  chooseNodeSchema,
  setNodeSchema,
]);
export type Node = z.infer<typeof nodeSchema>;
export type NodeOf<Kind extends Node['kind']> = Extract<Node, { kind: Kind }>;

/**
 * An edge resolves once a pass: live, untaken or refused. Plain edges have neither `arm` nor `action`; an `action`
 * edge is live only for that verdict.
 */
export const edgeSchema = z.strictObject({
  from: idSchema,
  to: idSchema,
  arm: z.int().nonnegative().optional(),
  action: z.string().optional(),
});
export type Edge = z.infer<typeof edgeSchema>;

export const agentSchema = z.strictObject({
  id: idSchema,
  name: z.string().min(1),
  /** An alias such as `small`, or a model's own name; configuration resolves it. */
  model: z.string().min(1),
  tools: z.array(z.string()),
  instruction: z.string(),
});
export type Agent = z.infer<typeof agentSchema>;

export const graphSchema = z.strictObject({
  schemaVersion: z.literal(graphSchemaVersion),
  /** The document's id: its title as an id unless `id:` says otherwise, with `-` for `_`. */
  id: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  title: z.string().min(1),
  inputs: z.array(fieldSchema),
  types: z.array(z.strictObject({ name: z.string().min(1), type: typeSchema })),
  agents: z.array(agentSchema),
  /** In document order. */
  nodes: z.array(nodeSchema).min(1),
  /** Sorted by the order of `to`, then of `from`, then `arm`, then `action`. */
  edges: z.array(edgeSchema),
  result: z.array(z.strictObject({ name: z.string().min(1), type: typeSchema, value: expression })),
});
export type Graph = z.infer<typeof graphSchema>;
