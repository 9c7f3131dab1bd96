/** The API process's settings, read from the environment here and nowhere else in this room. */
import { z } from 'zod';
import { readCredentialKey } from '../prisma/sealing.ts';

const flag = z.enum(['true', 'false']).transform((text) => text === 'true');

const envSchema = z
  .object({
    NODE_ENV: z.string().default('development'),
    HOST: z.string().min(1).default('127.0.0.1'),
    PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
    LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']).default('info'),
    /** Postgres, as a login that is a member of api_user and no superuser. */
    DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
    DATABASE_CONNECTIONS: z.coerce.number().int().min(2).max(200).default(20),
    TEMPORAL_ADDRESS: z.string().regex(/^[^\s/]+:\d+$/, 'expected host:port'),
    TEMPORAL_NAMESPACE: z.string().min(1).default('default'),
    WAYMARK_TASK_QUEUE: z.string().min(1).optional(),
    /** Where people reach the Temporal Web UI; runs are linked to it. */
    WAYMARK_WEB_UI_URL: z.url({ protocol: /^https?$/ }).optional(),
    WAYMARK_TOKEN_ISSUER: z.string().min(1).optional(),
    WAYMARK_TOKEN_AUDIENCE: z.string().min(1).default('waymark'),
    /** Public keys of the issuer. */
    WAYMARK_JWKS_URL: z.url({ protocol: /^https?$/ }).optional(),
    /** Folder of the development issuer's key, instead of WAYMARK_JWKS_URL. Refused in production. */
    WAYMARK_DEVELOPMENT_ISSUER: z.string().min(1).optional(),
    /** The configuration file of the workers: documents are checked against the tools, models and roles it declares. */
    WAYMARK_CONFIG: z.string().min(1).optional(),
    /** A model to draft documents with: neither set, there is none. Its name is the configuration's. */
    OPENAI_API_KEY: z.string().min(1).optional(),
    OPENAI_BASE_URL: z.url({ protocol: /^https?$/ }).optional(),
    /** Base64 of 32 bytes, the same as the workers': people's own credentials and secrets of webhooks are kept under it. Unset, none are taken. */
    WAYMARK_CREDENTIAL_KEY: z
      .string()
      .refine((text) => readCredentialKey(text) !== undefined, 'expected base64 of 32 bytes')
      .optional(),
    /** Names of hosts, by comma, that webhooks may lead to although their addresses are private. */
    WAYMARK_WEBHOOK_PRIVATE_HOSTS: z
      .string()
      .default('')
      .transform((text) => text.split(',').flatMap((name) => name.trim().toLowerCase() || [])),
    /** How many days deliveries of webhooks are kept once they were settled. */
    WAYMARK_WEBHOOK_DELIVERY_DAYS: z.coerce.number().int().min(1).max(36_500).default(30),
    /** Whether a run may bring a script of model and tool answers. */
    WAYMARK_PRACTICE: flag.default(false),
  })
  .superRefine((env, context) => {
    const complain = (name: string, message: string) => context.addIssue({ code: 'custom', path: [name], message });
    const production = env.NODE_ENV === 'production';
    if (env.WAYMARK_DEVELOPMENT_ISSUER !== undefined && production) {
      complain(
        'WAYMARK_DEVELOPMENT_ISSUER',
        'not allowed when NODE_ENV is production: anyone who can read the folder can sign in',
      );
    }
    if (env.WAYMARK_PRACTICE && production) complain('WAYMARK_PRACTICE', 'not allowed when NODE_ENV is production');
    if ((env.WAYMARK_JWKS_URL === undefined) === (env.WAYMARK_DEVELOPMENT_ISSUER === undefined)) {
      complain('WAYMARK_JWKS_URL', 'expected exactly one of WAYMARK_JWKS_URL and WAYMARK_DEVELOPMENT_ISSUER');
    }
    if (env.WAYMARK_JWKS_URL !== undefined && env.WAYMARK_TOKEN_ISSUER === undefined) {
      complain('WAYMARK_TOKEN_ISSUER', 'expected the issuer whose keys WAYMARK_JWKS_URL holds');
    }
    if (production && env.WAYMARK_JWKS_URL?.startsWith('http:') === true) {
      complain('WAYMARK_JWKS_URL', 'expected https when NODE_ENV is production');
    }
  });

export type Env = z.infer<typeof envSchema>;

/** Throws one error that names every variable that is missing or wrong, and never shows a value. */
export function readEnv(source: Record<string, string | undefined> = process.env): Env {
  // An empty variable is what compose files make of an unset one.
  const set = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = envSchema.safeParse(set);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const name = issue.path.join('.');
    return `  ${name}: ${set[name] === undefined && issue.code === 'invalid_type' ? 'is not set' : issue.message}`;
  });
  throw new Error(`The API's environment is not usable:\n${lines.join('\n')}`);
}
