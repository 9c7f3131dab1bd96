/** The API, composed of its plugins and routes. Everything it needs is handed in; it reads no environment. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Fastify, { LogController } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Declared } from '../compiler/declared-tools.ts';
import type { ModelAddress } from '../models/ask-model.ts';
import type { Store } from '../prisma/open.ts';
import type { CredentialKey } from '../prisma/sealing.ts';
import { toProblem } from './errors.ts';
import type { StreamLimits } from './event-stream.ts';
import { defaultStreamLimits } from './event-stream.ts';
import { createGraphCache } from './graph-cache.ts';
import { errorFacts } from './log-lines.ts';
import type { Reach } from './notifications/reach.ts';
import { resolveWithin } from './notifications/reach.ts';
import type { WebhookTimes } from './notifications/webhook-relay.ts';
import { database } from './plugins/database.ts';
import { idempotency } from './plugins/idempotency.ts';
import type { TokenRules } from './plugins/identity.ts';
import { identity } from './plugins/identity.ts';
import { openapi } from './plugins/openapi.ts';
import { problems, sendProblem } from './plugins/problems.ts';
import { requestLog } from './plugins/request-log.ts';
import type { SweepTimes } from './plugins/temporal.ts';
import { temporal } from './plugins/temporal.ts';
import { text } from './plugins/text.ts';
import { webhooks } from './plugins/webhooks.ts';
import { createReadNotes } from './read-notes.ts';
import { adminRoutes } from './routes/admin/index.ts';
import { auditRoutes } from './routes/audit/index.ts';
import { draftRoutes } from './routes/documents/drafts.ts';
import { documentRoutes } from './routes/documents/index.ts';
import { executionRoutes } from './routes/executions/index.ts';
import { gateRoutes } from './routes/gates/index.ts';
import { graphRoutes } from './routes/graphs/index.ts';
import { healthRoutes } from './routes/health/index.ts';
import { notificationRoutes } from './routes/notifications/index.ts';
import { peopleRoutes } from './routes/people/index.ts';
import { proposalRoutes } from './routes/proposals/index.ts';
import { runRoutes } from './routes/runs/index.ts';
import { runOrderRoutes } from './routes/runs/orders.ts';
import { resumeRoutes } from './routes/runs/resume.ts';
import { connectionRoutes } from './routes/sessions/connections.ts';
import { sessionRoutes } from './routes/sessions/index.ts';
import { webUiAddress } from './run-handlers.ts';
import type { Workflows } from './temporal-client.ts';

export interface AppDependencies {
  /** Opened as `api`. Stays the caller's to close. */
  store: Store;
  /** Stays the caller's to close. */
  workflows: Workflows;
  tokens: TokenRules;
  /** Whether runs may bring practice scripts. */
  practice: boolean;
  /** What documents are checked against when they are published; what is not there is not checked. */
  declared?: Declared;
  /** Under which people's own credentials and the secrets of webhooks are kept; without one, none are taken. */
  credentialKey?: CredentialKey;
  /** Where webhooks may lead besides public addresses: nowhere, unless said. */
  webhookReach?: Partial<Reach>;
  webhookTimes?: Partial<WebhookTimes>;
  /** How many days deliveries of webhooks are kept once they were settled. */
  webhookDeliveryDays?: number;
  /** Where documents are drafted; which model it is, `declared` says. */
  model?: ModelAddress;
  /** Where people reach the Temporal Web UI. */
  webUi?: { url: string; namespace: string };
  /** Lines from this level of pino's up, to standard output unless a stream is given. */
  log: { level: string; stream?: { write(line: string): void } };
  streams?: Partial<StreamLimits>;
  relayEveryMs?: number;
  sweep?: SweepTimes;
}

/** Bytes of a request's body. A document of a megabyte, escaped, fits. */
const bodyLimit = 4 * 1024 * 1024;

export async function buildApp(deps: AppDependencies): Promise<FastifyInstance> {
  const app = Fastify({
    logger: loggerOptions(deps.log),
    // Its lines hold addresses as sent; plugins/request-log.ts writes ours.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit,
    requestIdHeader: false,
    genReqId: () => randomUUID(),
    forceCloseConnections: 'idle',
    // An address that cannot be decoded comes to no route and no handler of errors.
    frameworkErrors: (error, _request, reply) => void sendProblem(reply, toProblem(error)),
    // A section's name is in its address: any words, each character of which may take nine once it is encoded.
    routerOptions: { maxParamLength: 2_000 },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  await app.register(problems);
  await app.register(text);
  await app.register(database, { store: deps.store, graphs: createGraphCache(), reads: createReadNotes() });
  await app.register(requestLog);
  await app.register(identity, deps.tokens);
  await app.register(idempotency);
  await app.register(temporal, {
    workflows: deps.workflows,
    ...(deps.relayEveryMs === undefined ? {} : { relayEveryMs: deps.relayEveryMs }),
    ...(deps.sweep && { sweep: deps.sweep }),
  });
  const reach = { privateHosts: [], loopback: false, ...deps.webhookReach };
  const { credentialKey: key, webhookTimes: times, webhookDeliveryDays: keptDays } = deps;
  if (key) {
    await app.register(webhooks, {
      key,
      reach,
      resolve: resolveWithin(reach),
      ...(times && { times }),
      ...(keptDays !== undefined && { keptDays }),
    });
  }
  await app.register(openapi);

  const { webUi } = deps;
  const settings = {
    practice: deps.practice,
    webUiOf: (workflowId: string) => webUi && webUiAddress(webUi.url, webUi.namespace, workflowId),
  };
  await app.register(healthRoutes, settings);
  const { declared = {} } = deps;
  await app.register(documentRoutes, { declared });
  await app.register(draftRoutes, { declared, ...(deps.model && { address: deps.model }) });
  await app.register(graphRoutes);
  const streams = { ...defaultStreamLimits, ...deps.streams };
  await app.register(runRoutes, { ...settings, streams });
  await app.register(runOrderRoutes, { declared });
  await app.register(resumeRoutes, settings);
  await app.register(gateRoutes, settings);
  await app.register(executionRoutes, { ...settings, declared });
  await app.register(proposalRoutes, { streams });
  await app.register(sessionRoutes, { streams });
  await app.register(connectionRoutes, key === undefined ? {} : { key });
  await app.register(notificationRoutes, { streams });
  await app.register(peopleRoutes);
  await app.register(adminRoutes, { issuer: deps.tokens.issuer, webhooks: { reach, ...(key && { key }) } });
  await app.register(auditRoutes);
  return app;
}

/** Lines start with the level's name and an ISO time; no host name, no process id. */
function loggerOptions({ level, stream }: AppDependencies['log']) {
  return {
    level,
    ...(stream === undefined ? {} : { stream }),
    base: { part: 'api' },
    // What Fastify logs by itself: no address, no header and no text of an error either.
    serializers: {
      err: (error: unknown) => {
        const { errorType, at, ...rest } = errorFacts(error);
        return { type: errorType, message: '', stack: at.join('\n'), ...rest };
      },
      req: (request: FastifyRequest) => ({ requestId: request.id }),
      res: (reply: Partial<FastifyReply>) => ({ status: reply.statusCode }),
    },
    timestamp: () => `,"at":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
}
