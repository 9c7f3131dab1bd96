/** Temporal on the app: the relay that carries what was committed, and the sweeper, from when the app is ready until it closes. */
import fp from 'fastify-plugin';
import { relayLog, sweeperLog } from '../log-lines.ts';
import type { Relay } from '../outbox.ts';
import { createRelay } from '../outbox.ts';
import type { SweeperSettings } from '../sweeper.ts';
import { createSweeper } from '../sweeper.ts';
import type { Workflows } from '../temporal-client.ts';

declare module 'fastify' {
  interface FastifyInstance {
    workflows: Workflows;
    relay: Relay;
  }
}

/** When open runs are held against their workflows. */
export type SweepTimes = Pick<SweeperSettings, 'everyMs' | 'dueAfterSeconds'>;

export interface TemporalOptions {
  workflows: Workflows;
  /** How often the outbox is looked at without a nudge, in milliseconds. */
  relayEveryMs?: number;
  sweep?: SweepTimes;
}

export const temporal = fp<TemporalOptions>(
  async (app, { workflows, relayEveryMs, sweep }) => {
    const relay = createRelay({
      store: app.store,
      workflows,
      log: relayLog(app.log),
      ...(relayEveryMs === undefined ? {} : { everyMs: relayEveryMs }),
    });
    const sweeper = createSweeper({ store: app.store, workflows, log: sweeperLog(app.log), ...sweep });
    app.decorate('workflows', workflows);
    app.decorate('relay', relay);
    app.addHook('onReady', async () => {
      relay.start();
      sweeper.start();
    });
    app.addHook('onClose', async () => {
      await Promise.all([relay.stop(), sweeper.stop()]);
    });
  },
  { name: 'temporal', dependencies: ['database'], fastify: '5.x' },
);
