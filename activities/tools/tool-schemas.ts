/** Arguments and answers of tools, held against their declared JSON Schemas. */
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formatsPlugin from 'ajv-formats';
import type { Json } from '../../compiler/types.ts';

const addFormats = formatsPlugin as unknown as (ajv: Ajv2020) => Ajv2020;

/** Compiled once for each schema object, for as long as that lives. */
const compiled = new WeakMap<object, ValidateFunction>();

/** What is wrong with the value, each with its place; empty when it is valid. Holds no values but names of fields. */
export function schemaProblems(schema: { [key: string]: Json }, value: Json): string[] {
  let validate = compiled.get(schema);
  if (!validate) {
    validate = addFormats(new Ajv2020({ allErrors: true, strict: false })).compile(schema);
    compiled.set(schema, validate);
  }
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) => {
    const extra = typeof params.additionalProperty === 'string' ? ` (${params.additionalProperty})` : '';
    return `${instancePath.slice(1).replaceAll('/', '.') || 'the whole'}: ${message ?? 'is not valid'}${extra}`;
  });
}
