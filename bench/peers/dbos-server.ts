/** DBOS: a workflow whose steps do nothing but return, each kept in PostgreSQL before the next. */
import { randomUUID } from 'node:crypto';
import { DBOS } from '@dbos-inc/dbos-sdk';
import type { BurstTimes } from './burst-server.ts';
import { peerSettings, serveBursts, stepClock } from './burst-server.ts';

const { port, databaseUrl, connections } = peerSettings();
let clock = stepClock();

const chain = DBOS.registerWorkflow(
  async (run: string, steps: number) => {
    let output = '';
    for (let step = 1; step <= steps; step += 1) {
      const nothing = async () => {
        clock.begin(run);
        return `step ${step} of ${run}`;
      };
      output = await DBOS.runStep(nothing, { name: `step_${step}` });
    }
    return output;
  },
  { name: 'chain' },
);

DBOS.setConfig({
  name: 'waymark-bench',
  systemDatabaseUrl: databaseUrl,
  systemDatabasePoolSize: connections,
  runAdminServer: false,
  logLevel: 'error',
});
await DBOS.launch();

serveBursts(
  port,
  async ({ runs, steps }): Promise<BurstTimes> => {
    clock = stepClock();
    const started = performance.now();
    await Promise.all(
      Array.from({ length: runs }, async () => {
        const run = randomUUID();
        const handle = await DBOS.startWorkflow(chain, { workflowID: run })(run, steps);
        return handle.getResult();
      }),
    );
    return { wallMs: performance.now() - started, stepMs: clock.gaps() };
  },
  () => DBOS.shutdown(),
);
