/** What a model is asked to answer in, and reading its answer: strict structured output of the declared type. */
import type { ResponseFormatJSONSchema } from 'openai/resources/shared';
import type { NamedTypes } from '../../compiler/json-schema.ts';
import { fromStrict, strictSchemaOf } from '../../compiler/strict-schema.ts';
import type { Json, Type } from '../../compiler/types.ts';
import type { StepFailure } from '../failures.ts';
import type { ModelReply } from './client.ts';

export function responseFormat(type: Type, types: NamedTypes): ResponseFormatJSONSchema {
  return { type: 'json_schema', json_schema: { name: 'output', strict: true, schema: strictSchemaOf(type, types) } };
}

export type ReadAnswer =
  | { ok: true; value: Json }
  /** `feedback`: what the model is told; absent where telling it would not help. */
  | { ok: false; failure: StepFailure; feedback?: string };

/** The value in a reply that calls no tool, turned back from strict form. Whether it is valid is not yet known. */
export function readAnswer(reply: ModelReply, type: Type, types: NamedTypes): ReadAnswer {
  if (reply.refusal !== null || reply.finishReason === 'content_filter') {
    const detail = reply.refusal ?? 'The model server filtered the answer';
    return { ok: false, failure: { class: 'refusal', detail } };
  }
  if (reply.finishReason === 'length') {
    return {
      ok: false,
      failure: { class: 'truncated', detail: `The answer was cut off after ${reply.tokensOut} tokens` },
      feedback: 'The answer was cut off by its length. Give the whole answer again, and keep it shorter.',
    };
  }
  const parsed = parsedJson(reply.content ?? '');
  if (!parsed.ok) {
    return {
      ok: false,
      failure: { class: 'invalid-output', detail: `Unexpected answer that is ${parsed.problem}, expected JSON` },
      feedback: `The answer was ${parsed.problem}. Answer with JSON alone, after the schema given.`,
    };
  }
  return { ok: true, value: fromStrict(parsed.value, type, types) };
}

type ParsedJson = { ok: true; value: Json } | { ok: false; problem: string };

/** JSON, also inside one code fence: models whose decoding is not constrained like to write one. */
function parsedJson(text: string): ParsedJson {
  const trimmed = text.trim();
  if (trimmed === '') return { ok: false, problem: 'empty' };
  const inside = /^```(?:json)?\s*\n([\s\S]*?)\n?```$/.exec(trimmed)?.[1] ?? trimmed;
  try {
    return { ok: true, value: JSON.parse(inside) as Json };
  } catch {
    return { ok: false, problem: 'not JSON' };
  }
}
