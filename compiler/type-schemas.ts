/** What a type and a field are, for whoever is given one from outside. The compiler makes its own, and does not load this. */
import { z } from 'zod';
import type { Field, Json, Rules, Type } from './types.ts';
import { simpleKinds } from './types.ts';

const rulesSchema: z.ZodType<Rules> = z.strictObject({
  atLeast: z.number().optional(),
  atMost: z.number().optional(),
  moreThan: z.number().optional(),
  lessThan: z.number().optional(),
  lengthAtLeast: z.int().nonnegative().optional(),
  lengthAtMost: z.int().nonnegative().optional(),
  matches: z.string().optional(),
});

export const typeSchema: z.ZodType<Type> = z.lazy(() =>
  z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.enum(simpleKinds) }),
    z.strictObject({ kind: z.literal('list'), of: typeSchema }),
    z.strictObject({ kind: z.literal('map'), of: typeSchema }),
    z.strictObject({ kind: z.literal('one of'), values: z.array(z.string()).min(1) }),
    z.strictObject({ kind: z.literal('named'), name: z.string() }),
    z.strictObject({ kind: z.literal('union'), of: z.array(typeSchema).min(2) }),
    z.strictObject({ kind: z.literal('record'), fields: z.array(fieldSchema) }),
  ]),
);

export const fieldSchema: z.ZodType<Field> = z.lazy(() =>
  z.strictObject({
    name: z.string().min(1),
    type: typeSchema,
    rules: rulesSchema.optional(),
    optional: z.literal(true).optional(),
    default: z.json().optional() as z.ZodType<Json | undefined>,
    computed: z.string().optional(),
    untrusted: z.literal(true).optional(),
    meaning: z.string().optional(),
  }),
);
