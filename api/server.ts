/** The API process: `node api/server.ts`, set up by the environment (env.ts), ended by SIGTERM or SIGINT. */
import { readFile } from 'node:fs/promises';
import type { Declared } from '../compiler/declared-tools.ts';
import { declaredIn } from '../compiler/declared-tools.ts';
import type { ModelAddress } from '../models/ask-model.ts';
import { modelAddress } from '../models/ask-model.ts';
import { readCredentialKey } from '../prisma/sealing.ts';
import { defaultTaskQueue } from '../workflows/messages.ts';
import { openDevelopmentIssuer } from './development-issuer.ts';
import type { Env } from './env.ts';
import { readEnv } from './env.ts';
import { issuerKeys } from './issuer-keys.ts';
import type { TokenRules } from './plugins/identity.ts';
import { startApi } from './start.ts';

async function tokensOf(env: Env): Promise<TokenRules> {
  if (env.WAYMARK_DEVELOPMENT_ISSUER !== undefined) {
    return openDevelopmentIssuer(env.WAYMARK_DEVELOPMENT_ISSUER, env.NODE_ENV);
  }
  // readEnv has seen to it that both are set.
  const { WAYMARK_JWKS_URL: jwks = '', WAYMARK_TOKEN_ISSUER: issuer = '', WAYMARK_TOKEN_AUDIENCE: audience } = env;
  return { issuer, audience, keys: issuerKeys(new URL(jwks)) };
}

/** Scripts of practice runs bring tools of their own, so that those of the configuration are not all that are known. */
async function declaredOf({ WAYMARK_CONFIG: file, WAYMARK_PRACTICE: practice }: Env): Promise<Declared> {
  if (file === undefined) return {};
  const read = declaredIn(JSON.parse(await readFile(file, 'utf8')));
  if ('problems' in read) throw new Error([`${file} is not a valid configuration:`, ...read.problems].join('\n  '));
  const { tools, ...declared } = read.declared;
  return practice ? declared : { ...declared, ...(tools && { tools }) };
}

/** Where the model is that drafts documents, as the workers find theirs. */
function modelOf({ OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseUrl }: Env): ModelAddress | undefined {
  if (apiKey === undefined && baseUrl === undefined) return undefined;
  return modelAddress({ ...(baseUrl !== undefined && { baseUrl }), ...(apiKey !== undefined && { apiKey }) });
}

async function main(): Promise<void> {
  const env = readEnv();
  const model = modelOf(env);
  // readEnv has seen to it that it is one.
  const credentialKey = env.WAYMARK_CREDENTIAL_KEY && readCredentialKey(env.WAYMARK_CREDENTIAL_KEY);
  const api = await startApi({
    host: env.HOST,
    port: env.PORT,
    databaseUrl: env.DATABASE_URL,
    databaseConnections: env.DATABASE_CONNECTIONS,
    temporal: {
      address: env.TEMPORAL_ADDRESS,
      namespace: env.TEMPORAL_NAMESPACE,
      taskQueue: env.WAYMARK_TASK_QUEUE ?? defaultTaskQueue,
    },
    tokens: await tokensOf(env),
    practice: env.WAYMARK_PRACTICE,
    declared: await declaredOf(env),
    ...(model && { model }),
    ...(credentialKey && { credentialKey }),
    webhookReach: { privateHosts: env.WAYMARK_WEBHOOK_PRIVATE_HOSTS, loopback: env.NODE_ENV !== 'production' },
    webhookDeliveryDays: env.WAYMARK_WEBHOOK_DELIVERY_DAYS,
    logLevel: env.LOG_LEVEL,
    ...(env.WAYMARK_WEB_UI_URL === undefined ? {} : { webUiUrl: env.WAYMARK_WEB_UI_URL }),
  });
  let ending = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // The second one does not wait.
      if (ending) process.exit(1);
      ending = true;
      api.close().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
