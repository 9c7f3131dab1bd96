/**
 * Records the history of every scenario anew into `workflows/histories`: `node scripts/record-histories.ts`,
 * with names to record only these. Runs that wait in the field replay as the old histories do: record anew only what
 * has no released history yet, and keep the others under a name of their own.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { defaultCacheDir, findTemporal, startTemporalDevServer } from '../dev/temporal.ts';
import { searchAttributes } from '../workflows/messages.ts';
import { scenarios } from '../workflows/testing/scenarios.ts';
import { bundleInterpreter, connectQuietly, tryInterpreter } from '../workflows/testing/try-interpreter.ts';

const folder = fileURLToPath(new URL('../workflows/histories/', import.meta.url));
/** Stack traces name folders of this machine; replay does not look at them. */
const withoutTraces = (key: string, value: unknown) => (key === 'stackTrace' ? '' : value);

const wanted = process.argv.slice(2);

const env = process.env;
const binary = await findTemporal({ env, cacheDir: await defaultCacheDir(env), log: console.error });
const server = await startTemporalDevServer({ binary, namespace: 'histories', searchAttributes });
const connection = await Connection.connect({ address: server.address });
const native = await connectQuietly(server.address);
// The names of this machine and process have no place in a file that is kept.
const client = new Client({ connection, namespace: server.namespace, identity: 'client' });
const trial = await tryInterpreter({
  client,
  connection: native,
  bundle: await bundleInterpreter(),
  worker: { identity: 'worker' },
});
try {
  await mkdir(folder, { recursive: true });
  for (const [name, { script, drive }] of Object.entries(scenarios)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const run = await trial.start(script, name);
    await drive?.(run);
    await run.result().catch(() => undefined);
    const history = historyToJSON(await run.handle.fetchHistory());
    await writeFile(`${folder}${name}.json`, `${JSON.stringify(JSON.parse(history, withoutTraces), null, 1)}\n`);
    console.log(name);
  }
} finally {
  await trial.stop();
  await native.close();
  await connection.close();
  await server.stop();
}
