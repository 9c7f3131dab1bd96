/**
 * Records histories of scenarios that have none yet into `workflows/histories`: `node scripts/record-histories.ts`, with
 * names to record only these. One that is there is never written over: runs that wait in the field replay as it does. What a
 * change of the interpreter makes anew is recorded as a scenario with a name of its own.
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { defaultCacheDir, findTemporal, startTemporalDevServer } from '../dev/temporal.ts';
import { searchAttributes } from '../workflows/messages.ts';
import type { Scenario } from '../workflows/testing/scenarios.ts';
import { scenarios } from '../workflows/testing/scenarios.ts';
import {
  bundleInterpreter,
  connectQuietly,
  executionsOf,
  tryInterpreter,
} from '../workflows/testing/try-interpreter.ts';

const folder = fileURLToPath(new URL('../workflows/histories/', import.meta.url));
/** Stack traces name folders of this machine; replay does not look at them. */
const withoutTraces = (key: string, value: unknown) => (key === 'stackTrace' ? '' : value);

const all = Object.keys(scenarios);
const asked = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const kept = new Set(await readdir(folder));
const isKept = (name: string) => kept.has(`${name}.json`);
for (const name of asked) {
  if (!all.includes(name)) throw new Error(`no scenario ${name}, expected one of ${all.join(', ')}`);
  if (isKept(name)) throw new Error(`${name} has a history, expected a scenario that has none`);
}
const wanted = (asked.length > 0 ? asked : all).filter((name) => !isKept(name));

const env = process.env;
const binary = await findTemporal({ env, cacheDir: await defaultCacheDir(env), log: console.error });
const bundle = await bundleInterpreter();
for (const inExecutions of [false, true]) {
  const names = wanted.filter((name) => (scenarios[name]?.inExecutions ?? false) === inExecutions);
  if (names.length > 0) await record(names, inExecutions ? { 'limit.historyCount.suggestContinueAsNew': 40 } : {});
}

async function record(names: string[], dynamicConfig: Record<string, number>): Promise<void> {
  const namespace = 'histories';
  const server = await startTemporalDevServer({ binary, namespace, searchAttributes, dynamicConfig });
  const connection = await Connection.connect({ address: server.address });
  const native = await connectQuietly(server.address);
  // The names of this machine and process have no place in a file that is kept.
  const client = new Client({ connection, namespace, identity: 'client' });
  const trial = await tryInterpreter({ client, connection: native, bundle, worker: { identity: 'worker' } });
  try {
    for (const name of names) {
      const { script, drive } = scenarios[name] as Scenario;
      const run = await trial.start(script, name);
      await drive?.(run);
      await run.result().catch(() => undefined);
      for (const [index, history] of (await executionsOf(trial, run)).entries()) {
        const file = index === 0 ? name : `${name}.${index + 1}`;
        const text = JSON.stringify(JSON.parse(historyToJSON(history), withoutTraces), null, 1);
        await writeFile(`${folder}${file}.json`, `${text}\n`);
        console.log(file);
      }
    }
  } finally {
    await trial.stop();
    await native.close();
    await connection.close();
    await server.stop();
  }
}
