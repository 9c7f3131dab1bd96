/** Temporal on the app: the relay that carries what was committed, from when the app is ready until it closes. */
import fp from 'fastify-plugin';
import { relayLog } from '../log-lines.ts';
import type { Relay } from '../outbox.ts';
import { createRelay } from '../outbox.ts';
import type { Workflows } from '../temporal-client.ts';

declare module 'fastify' {
  interface FastifyInstance {
    workflows: Workflows;
    relay: Relay;
  }
}

export interface TemporalOptions {
  workflows: Workflows;
  /** How often the outbox is looked at without a nudge, in milliseconds. */
  relayEveryMs?: number;
}

export const temporal = fp<TemporalOptions>(
  async (app, { workflows, relayEveryMs }) => {
    const relay = createRelay({
      store: app.store,
      workflows,
      log: relayLog(app.log),
      ...(relayEveryMs === undefined ? {} : { everyMs: relayEveryMs }),
    });
    app.decorate('workflows', workflows);
    app.decorate('relay', relay);
    app.addHook('onReady', async () => relay.start());
    app.addHook('onClose', async () => relay.stop());
  },
  { name: 'temporal', dependencies: ['database'], fastify: '5.x' },
);
