/**
 * The handoff: what one step gives another, as a record with a published schema (`handoff.schema.json`). It is
 * validated when it is written and again when the next step reads it, with the checksum of the output it names.
 */
import { z } from 'zod';
import { canonicalJson, sha256Hex } from '../compiler/canonical.ts';
import type { Json } from '../compiler/types.ts';

export const handoffSchemaVersion = 1;

const digest = z.string().min(1);
const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();

export const usageSchema = z.strictObject({
  tokensIn: count.describe('Tokens sent to models for this output'),
  tokensOut: count.describe('Tokens that models answered with'),
  costUsd: z.number().nonnegative().describe('US dollars'),
  latencyMs: count.describe('Milliseconds spent in models and tools'),
});
export type Usage = z.infer<typeof usageSchema>;

export const handoffSchema = z.strictObject({
  schemaVersion: z.literal(handoffSchemaVersion),
  run: z.string().min(1).describe('The run that committed the output'),
  step: z.string().min(1).describe('Id of the step, as in the graph'),
  attempt: z.int().positive().describe('The attempt that committed, counted from 1'),
  agent: z.string().nullable().describe('Id of the agent; null where no agent did the step'),
  idempotencyKey: hex64.describe('Names the work: the same key is never done twice'),
  inputDigests: z.record(z.string(), digest).describe('What the step read: digests by step id, and `input`'),
  output: z.strictObject({ digest, bytes: count.describe('Of the canonical JSON in UTF-8') }),
  checksum: hex64.describe("SHA-256 of the output's canonical JSON (RFC 8785)"),
  qualityScore: z.number().min(0).max(1).describe('1 where the first answer met every rule and check'),
  usage: usageSchema,
});
export type Handoff = z.infer<typeof handoffSchema>;

export class HandoffProblem extends Error {
  constructor(step: string, problem: string) {
    super(`Handoff of step ${step}: ${problem}`);
    this.name = 'HandoffProblem';
  }
}

/** The JSON Schema that is published beside this file. */
export function handoffJsonSchema(): Record<string, unknown> {
  return {
    $id: 'urn:waymark:schema:handoff:1',
    title: 'Handoff',
    description: 'What one step gives another. The output itself is stored under its digest.',
    ...z.toJSONSchema(handoffSchema, { target: 'draft-2020-12' }),
  };
}

/** The stored text of a handoff over `output`. @throws HandoffProblem when the record does not match its schema. */
export function writeHandoff(
  facts: Omit<Handoff, 'schemaVersion' | 'checksum' | 'output'> & { outputDigest: string },
  output: Json,
): string {
  const { outputDigest, ...rest } = facts;
  const content = canonicalJson(output);
  const parsed = handoffSchema.safeParse({
    schemaVersion: handoffSchemaVersion,
    ...rest,
    output: { digest: outputDigest, bytes: Buffer.byteLength(content) },
    checksum: sha256Hex(content),
  });
  if (!parsed.success) throw new HandoffProblem(facts.step, z.prettifyError(parsed.error));
  return JSON.stringify(parsed.data);
}

/** The record, valid and over exactly these bytes. @throws HandoffProblem */
export function readHandoff(step: string, stored: string | null, digestRead: string, output: Json): Handoff {
  if (stored === null) throw new HandoffProblem(step, 'Unexpected absence, expected a record beside the output');
  const parsed = handoffSchema.safeParse(parseJson(stored));
  if (!parsed.success) throw new HandoffProblem(step, z.prettifyError(parsed.error));
  const handoff = parsed.data;
  if (handoff.step !== step) throw new HandoffProblem(step, `Unexpected step ${handoff.step}, expected ${step}`);
  if (handoff.output.digest !== digestRead) {
    throw new HandoffProblem(step, `Unexpected output ${handoff.output.digest}, expected ${digestRead}`);
  }
  const checksum = sha256Hex(canonicalJson(output));
  if (handoff.checksum !== checksum) {
    throw new HandoffProblem(
      step,
      `Unexpected checksum ${checksum} of the stored output, expected ${handoff.checksum}`,
    );
  }
  return handoff;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
