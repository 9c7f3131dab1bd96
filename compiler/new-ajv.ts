/**
 * The engine that values are validated with. Patterns are matched by RE2, so no author and no text can make one take more
 * than linear time.
 */
import { createRequire } from 'node:module';
import type { Ajv2020 } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';

const require = createRequire(import.meta.url);

/** Loads ajv with the first call: it is a fifth of all that compiling a document would load, and few documents need it. */
export function newAjv(): Ajv2020 {
  const { Ajv2020 } = require('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js');
  const addFormats = require('ajv-formats') as (ajv: Ajv2020) => Ajv2020;
  return addFormats(
    new Ajv2020({
      allErrors: true,
      verbose: true,
      strict: false,
      ownProperties: true,
      code: { regExp: Object.assign(re2, { code: 're2' }) },
    }),
  );
}

/** ajv asks for an engine with `test`, and tells engines apart by their text. As in JSON Schema, a pattern is searched for. */
function re2(pattern: string): { test: (text: string) => boolean; toString: () => string } {
  const compiled = RE2JS.compile(pattern);
  return { test: (text) => compiled.matcher(text).find(), toString: () => pattern };
}
