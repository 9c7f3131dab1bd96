/**
 * The configuration file (`waymark.config.json`): the models that aliases stand for, the hosts that may be called, and
 * the tools. Its published schema is `configuration.schema.json`. Secrets are not written in it: `${NAME}` in an
 * address or a header stands for a value of the surroundings.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { modelSchema, rolesSchema, toolFacts } from '../compiler/declared-tools.ts';

const address = z
  .string()
  .regex(/^(https?:\/\/|\$\{)/, `Unexpected address, expected http://, https:// or \${NAME} at its start`)
  .describe('A name in braces is replaced by that argument; after a dollar sign, by that value of the surroundings');

const headers = z.record(z.string(), z.string());

const httpSchema = z.strictObject({
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
  url: address,
  headers: headers.optional(),
  query: z
    .record(z.string(), z.string())
    .optional()
    .describe('Parameter by argument. Unsaid, a GET or DELETE sends all arguments the address does not name'),
  body: z
    .record(z.string(), z.string())
    .optional()
    .describe('Field by argument. Unsaid, other methods send all arguments that address and query do not name'),
});
export type HttpCall = z.infer<typeof httpSchema>;

const durationUnits = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 };

const duration = z
  .string()
  .regex(/^[1-9]\d{0,5} (second|minute|hour|day)s?$/, 'Unexpected duration, expected words such as `24 hours`');

/** Milliseconds of a duration that matched the schema, such as `24 hours`. */
export function millisecondsOf(words: string): number {
  const [count = '', unit = ''] = words.split(' ');
  return Number(count) * durationUnits[unit.replace(/s$/, '') as keyof typeof durationUnits];
}

const toolSchema = z
  .strictObject({
    effect: toolFacts.effect,
    as: z
      .enum(['person', 'service'])
      .default('service')
      .describe(
        'Whose credential a call carries. person: `${credential}` in a header is the own one of the person who acts, and nobody else is asked for theirs',
      ),
    description: z.string().min(1).describe('Given to the model that may call it'),
    http: httpSchema,
    input: toolFacts.input,
    output: toolFacts.output,
    idempotency: z
      .strictObject({
        header: z.string().min(1).default('Idempotency-Key'),
        keptFor: duration.describe('How long the tool knows a key; within it a request may be sent again'),
      })
      .optional(),
    lookup: z
      .strictObject({
        http: z.strictObject({
          method: z.enum(['GET', 'POST']).default('GET'),
          url: address.describe(
            '`{key}` is replaced by the key of the effect. 200 gives the outcome, 404 says not there',
          ),
          headers: headers.optional(),
        }),
        authoritative: z.boolean().describe('Whether `not there` proves that the write did not and will not happen'),
      })
      .optional(),
    callSlot: toolFacts.callSlot,
    once: toolFacts.once,
  })
  .superRefine((tool, context) => {
    if (tool.effect === 'write') return;
    for (const setting of ['idempotency', 'lookup', 'callSlot', 'once'] as const) {
      if (tool[setting] !== undefined) {
        context.addIssue({
          code: 'custom',
          path: [setting],
          message: `Unexpected ${setting} of a read, expected it on writes only`,
        });
      }
    }
  });
export type ConfiguredTool = z.infer<typeof toolSchema>;

export const configurationSchema = z.strictObject({
  $schema: z.string().optional(),
  models: z.record(z.string(), modelSchema).default({}),
  roles: rolesSchema,
  allowedHosts: z
    .array(z.string().min(1))
    .default([])
    .describe('`host` or `host:port` that tools may call; `host` alone allows its every port'),
  tools: z.record(z.string().min(1), toolSchema).default({}),
});
export type Configuration = z.infer<typeof configurationSchema>;

/** What is used where there is no configuration file. */
export const emptyConfiguration: Configuration = { models: {}, allowedHosts: [], tools: {} };

export class ConfigurationProblem extends Error {
  constructor(file: string, problems: string[]) {
    super([`${file} is not a valid configuration:`, ...problems.map((problem) => `  ${problem}`)].join('\n'));
    this.name = 'ConfigurationProblem';
  }
}

/** Reads and validates the file. @throws ConfigurationProblem naming the file, and each wrong place in it. */
export async function readConfiguration(file: string): Promise<Configuration> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (problem) {
    throw new ConfigurationProblem(file, [
      `it cannot be read: ${problem instanceof Error ? problem.message : problem}`,
    ]);
  }
  return parseConfiguration(text, file);
}

/** @throws ConfigurationProblem */
export function parseConfiguration(text: string, file: string): Configuration {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (problem) {
    throw new ConfigurationProblem(file, [`it is not JSON: ${problem instanceof Error ? problem.message : problem}`]);
  }
  const parsed = configurationSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ConfigurationProblem(
    file,
    parsed.error.issues.map((issue) => `${issue.path.map(String).join('.') || '(whole file)'}: ${issue.message}`),
  );
}

/** The JSON Schema that is published beside this file. */
export function configurationJsonSchema(): Record<string, unknown> {
  return {
    $id: 'urn:waymark:schema:configuration:1',
    title: 'Waymark configuration',
    ...z.toJSONSchema(configurationSchema, { target: 'draft-2020-12', io: 'input' }),
  };
}

/**
 * Names that `${NAME}` stands for in the file and that have no value. Asked once at start, so that a missing secret is
 * found before a step needs it.
 */
export function missingValues(configuration: Configuration, values: Readonly<Record<string, string>>): string[] {
  const texts = Object.values(configuration.tools).flatMap(({ http, lookup }) => [
    http.url,
    ...Object.values(http.headers ?? {}),
    ...(lookup ? [lookup.http.url, ...Object.values(lookup.http.headers ?? {})] : []),
  ]);
  const names = texts.flatMap((text) => [...text.matchAll(valueName)].map(([, name = '']) => name));
  return [...new Set(names)].filter((name) => name !== credentialName && values[name] === undefined).sort();
}

/** What stands in a header for the credential of the person who acts. */
export const credentialName = 'credential';

const valueName = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** The text with each `${NAME}` replaced by its value; a name without value stays, and no host is allowed by it. */
export function withValues(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(valueName, (whole, name: string) => values[name] ?? whole);
}
