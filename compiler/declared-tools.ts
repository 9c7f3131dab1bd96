/**
 * What the configuration file declares that a document is checked against: tools, models and roles. One schema of these
 * parts, for the compiler's callers and for whoever reads the whole file.
 */
import { z } from 'zod';
import type { Surroundings } from './surroundings.ts';
import type { Json } from './types.ts';

/** A JSON Schema of draft 2020-12, as data. */
export const jsonSchemaSchema = z.record(z.string(), z.json()) as z.ZodType<{ [key: string]: Json }>;

/** Of a tool: what its calls are checked against. */
export const toolFacts = {
  effect: z.enum(['read', 'write']).describe('A write changes something outside, and is never repeated blindly'),
  input: jsonSchemaSchema.describe('JSON Schema of the arguments'),
  output: jsonSchemaSchema.describe('JSON Schema of the answer'),
  callSlot: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Of a write by an agent: the arguments that name the effect'),
  once: z.literal(true).optional(),
};

export const modelSchema = z.strictObject({
  model: z.string().min(1).describe("The model's own name, as its server knows it"),
  pricePerMillionTokens: z.strictObject({ in: z.number().nonnegative(), out: z.number().nonnegative() }).optional(),
  thinking: z
    .record(z.string(), z.json() as z.ZodType<Json>)
    .optional()
    .describe('Fields of the request for steps that say `think: yes`. Unsaid, `reasoning_effort` is `medium`'),
});

export const rolesSchema = z
  .array(z.string().min(1))
  .optional()
  .describe('Roles that documents may name. Unsaid, roles are not checked');

/** Whatever else is declared is for others to read. */
const declaredSchema = z.looseObject({
  tools: z.record(z.string().min(1), z.looseObject(toolFacts).partial({ input: true, output: true })).optional(),
  models: z.record(z.string(), modelSchema).optional(),
  roles: rolesSchema,
});

export type Declared = Omit<Surroundings, 'documents'>;

/** What is not declared at all is not known; models only where there is one, since their own names are allowed too. */
export function declaredIn(configuration: unknown): { declared: Declared } | { problems: string[] } {
  const parsed = declaredSchema.safeParse(configuration);
  if (!parsed.success) {
    return {
      problems: parsed.error.issues.map(
        ({ path, message }) => `${path.map(String).join('.') || '(whole file)'}: ${message}`,
      ),
    };
  }
  const { tools, models, roles } = parsed.data;
  const aliases = Object.entries(models ?? {});
  return {
    declared: {
      ...(tools && { tools: new Map(Object.entries(tools)) }),
      ...(aliases.length > 0 && {
        models: new Map([...aliases.map(([, model]) => [model.model, model] as const), ...aliases]),
      }),
      ...(roles && { roles: new Set(roles) }),
    },
  };
}
