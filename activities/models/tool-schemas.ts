/** Tools as functions a model may call. */
import type { ChatCompletionFunctionTool } from 'openai/resources/chat/completions';
import type { JsonSchema } from '../../compiler/json-schema.ts';
import type { Json } from '../../compiler/types.ts';
import type { ToolDeclaration } from '../tools/declarations.ts';
import { functionNameOf } from './function-names.ts';

/** Strict where the tool's schema can be said in strict mode; otherwise its arguments are checked when they come. */
export function functionOf(tool: ToolDeclaration): ChatCompletionFunctionTool {
  const strict = strictForm(tool.input);
  return {
    type: 'function',
    function: {
      name: functionNameOf(tool.name),
      description: tool.description,
      parameters: strict ?? tool.input,
      strict: strict !== undefined,
    },
  };
}

const strictKeywords = new Set(
  'type properties required additionalProperties items enum const anyOf description title minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minItems maxItems'.split(
    ' ',
  ),
);
const annotations = new Set(['$schema', '$id', 'examples', 'default']);

/**
 * The schema with its records closed, if strict mode can say it: all fields required and no keyword it does not know.
 * Closing asks the model for less than the tool accepts, never for more.
 */
export function strictForm(schema: JsonSchema): JsonSchema | undefined {
  const result: [string, Json][] = [];
  for (const [keyword, value] of Object.entries(schema)) {
    if (annotations.has(keyword)) continue;
    if (!strictKeywords.has(keyword)) return undefined;
    if (keyword === 'items' || keyword === 'properties' || keyword === 'anyOf') continue;
    result.push([keyword, value]);
  }
  if (isSchema(schema['items'])) {
    const items = strictForm(schema['items']);
    if (!items) return undefined;
    result.push(['items', items]);
  } else if (schema['type'] === 'array') return undefined;
  if (Array.isArray(schema['anyOf'])) {
    const alternatives = schema['anyOf'].map((one) => (isSchema(one) ? strictForm(one) : undefined));
    if (alternatives.some((one) => one === undefined)) return undefined;
    result.push(['anyOf', alternatives as Json[]]);
  }
  if (schema['type'] === 'object') {
    const properties = schema['properties'];
    if (!isSchema(properties) || schema['additionalProperties'] === true || isSchema(schema['additionalProperties']))
      return undefined;
    const inner = Object.entries(properties).map(([name, one]): [string, JsonSchema | undefined] => [
      name,
      isSchema(one) ? strictForm(one) : undefined,
    ]);
    const required: Json[] = Array.isArray(schema['required']) ? schema['required'] : [];
    if (inner.some(([name, one]) => one === undefined || !required.includes(name))) return undefined;
    result.push(['properties', Object.fromEntries(inner) as Json]);
    return { ...Object.fromEntries(result), additionalProperties: false };
  }
  return Object.fromEntries(result);
}

function isSchema(value: Json | undefined): value is JsonSchema {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
