/**
 * What a model is asked to fill for one section of prose: the parts of a graph that it tells of, linked by ids. Simpler
 * than the graph's own schema, so that small models can fill it: types are words of the dialect, and order is by default
 * that of the list.
 */
import { z } from 'zod';
import type { JsonSchema } from '../json-schema.ts';

const id = z.string().describe('lower_case_words of the title');
const expression = z.string().describe('such as input.amount > 500 or check_the_order.total');
const typeWords = z
  .string()
  .describe('text, number, integer, yes/no, date, list of text, one of small, large, or the name of a type');

const fieldPart = z.strictObject({ name: id, type: typeWords, meaning: z.string(), optional: z.boolean() });

/** As one thing, so that a model leaves it out with one null. */
const place = z.strictObject({
  inside: id.nullable().describe('The repeat, for each or group that it stands in; null for none'),
  after: z.array(id).nullable().describe('Ids of the steps it waits for; null for the step before it'),
  when: expression.nullable().describe('null when it is always done'),
});
export type Place = z.infer<typeof place>;

const step = {
  id,
  title: z.string(),
  place: place.nullable().describe('null for a step that follows the one before it'),
};
const people = z.array(z.string()).min(1).describe('Roles, such as manager');
const reads = z.array(expression).describe('Ids of steps and inputs such as input.amount');
const named = z.array(z.strictObject({ name: id, value: expression }));

export const stepPart = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('agent'), ...step, agent: id, instruction: z.string(), reads, gives: typeWords }),
  z.strictObject({
    kind: z.literal('tool'),
    ...step,
    tool: z.string().describe('such as mail.send'),
    arguments: named,
  }),
  z.strictObject({
    kind: z.literal('approve'),
    ...step,
    roles: people,
    question: z.string(),
    shows: reads,
    sendsBackTo: id.nullable().describe('The step that is done again when changes are asked for; null for none'),
  }),
  z.strictObject({
    kind: z.literal('person'),
    ...step,
    roles: people,
    task: z.string(),
    shows: reads,
    gives: typeWords,
  }),
  z.strictObject({
    kind: z.literal('choose'),
    ...step,
    arms: z.array(z.strictObject({ when: expression, to: id })).min(1),
    otherwise: id,
  }),
  z.strictObject({ kind: z.literal('set'), ...step, values: named }),
  z.strictObject({ kind: z.literal('wait'), ...step, amount: z.number(), unit: z.enum(['minutes', 'hours', 'days']) }),
  z.strictObject({ kind: z.literal('repeat'), ...step, atMost: z.number(), until: expression }),
  z.strictObject({ kind: z.literal('for each'), ...step, item: id, list: expression }),
  z.strictObject({ kind: z.literal('group'), ...step, parallel: z.boolean() }),
]);
export type StepPart = z.infer<typeof stepPart>;

export const draftParts = z.strictObject({
  inputs: z.array(fieldPart).describe('What a person gives when the procedure starts'),
  types: z.array(z.strictObject({ name: z.string(), fields: z.array(fieldPart) })),
  agents: z.array(z.strictObject({ id, name: z.string(), tools: z.array(z.string()), instruction: z.string() })),
  steps: z.array(stepPart),
  result: z.array(z.strictObject({ name: id, type: typeWords, value: expression })),
});
export type DraftParts = z.infer<typeof draftParts>;

export const noParts: DraftParts = { inputs: [], types: [], agents: [], steps: [], result: [] };

/** For strict structured output: every field required and nothing besides. What is said often is said once: models pay by the word. */
export function draftPartsSchema(): JsonSchema {
  const { $schema: _draft, ...schema } = z.toJSONSchema(draftParts, {
    target: 'draft-2020-12',
    reused: 'ref',
  }) as JsonSchema;
  return strict(schema) as JsonSchema;
}

/** Strict mode has `anyOf` and `enum` where this writes `oneOf` and `const`. */
function strict(value: JsonSchema[string]): JsonSchema[string] {
  if (Array.isArray(value)) return value.map(strict);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (key === 'oneOf') return ['anyOf', strict(inner)];
      if (key === 'const') return ['enum', [inner]];
      return [key, strict(inner)];
    }),
  );
}
