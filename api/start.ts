/** A listening API with its own store and Temporal client: the composition that server.ts fills from the environment. */
import type { AddressInfo } from 'node:net';
import type { Declared } from '../compiler/declared-tools.ts';
import type { ModelAddress } from '../models/ask-model.ts';
import { openStore } from '../prisma/open.ts';
import type { CredentialKey } from '../prisma/sealing.ts';
import { buildApp } from './app.ts';
import type { Reach } from './notifications/reach.ts';
import type { TokenRules } from './plugins/identity.ts';
import type { TemporalSettings } from './temporal-client.ts';
import { connectWorkflows } from './temporal-client.ts';

export interface ApiSettings {
  host: string;
  /** 0 for any that is free. */
  port: number;
  databaseUrl: string;
  databaseConnections: number;
  temporal: TemporalSettings;
  webUiUrl?: string;
  tokens: TokenRules;
  practice: boolean;
  declared?: Declared;
  model?: ModelAddress;
  credentialKey?: CredentialKey;
  webhookReach?: Partial<Reach>;
  webhookDeliveryDays?: number;
  logLevel: string;
}

export interface RunningApi {
  url: string;
  /** Takes no new request, lets those in hand finish, ends streams, and gives every connection back. */
  close(): Promise<void>;
}

export async function startApi(settings: ApiSettings): Promise<RunningApi> {
  const store = await openStore({ url: settings.databaseUrl, role: 'api', max: settings.databaseConnections });
  const workflows = connectWorkflows(settings.temporal);
  const closeBoth = async () => {
    await Promise.all([store.close(), workflows.close()]);
  };
  try {
    const { webUiUrl } = settings;
    const app = await buildApp({
      store,
      workflows,
      tokens: settings.tokens,
      practice: settings.practice,
      ...(settings.declared && { declared: settings.declared }),
      ...(settings.model && { model: settings.model }),
      ...(settings.credentialKey && { credentialKey: settings.credentialKey }),
      ...(settings.webhookReach && { webhookReach: settings.webhookReach }),
      ...(settings.webhookDeliveryDays !== undefined && { webhookDeliveryDays: settings.webhookDeliveryDays }),
      log: { level: settings.logLevel },
      ...(webUiUrl === undefined ? {} : { webUi: { url: webUiUrl, namespace: settings.temporal.namespace } }),
    });
    await app.listen({ host: settings.host, port: settings.port });
    const { port } = app.server.address() as AddressInfo;
    const close = async () => {
      await app.close();
      await closeBoth();
    };
    const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
    return { url: `http://${host}:${port}`, close };
  } catch (error) {
    await closeBoth();
    throw error;
  }
}
