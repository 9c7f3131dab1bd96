/** What tests on a server look at while a run goes on: what it called and told, its board, its place in the list of runs. */
import { Client, Connection } from '@temporalio/client';
import { expect, inject, vi } from 'vitest';
import type { StartedRun, Trial, TrialOptions } from './try-interpreter.ts';
import { bundleInterpreter, connectQuietly, tryInterpreter } from './try-interpreter.ts';

/** What a run shows follows what it has done by the rest of a workflow task: it is waited for, not looked at once. */
export const patience = { timeout: 60_000, interval: 20 };

export const called = (run: StartedRun, call: string) => vi.waitFor(() => expect(run.calls).toContain(call), patience);

export const told = (run: StartedRun, status: string) =>
  vi.waitFor(() => expect(run.statuses.at(-1)).toBe(status), patience);

/** Writes a verdict and rings, as the API and its relay do. */
export async function decide(run: StartedRun, gate: string, action: string): Promise<void> {
  run.decide(gate, action);
  await run.ring({ gate });
}

export async function boardOf(run: StartedRun): Promise<string> {
  const metadata = await run.handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return metadata.currentDetails ?? '';
}

export async function attributesOf(run: StartedRun): Promise<Record<string, unknown>> {
  const { typedSearchAttributes } = await run.handle.describe();
  return Object.fromEntries(
    [...typedSearchAttributes.getAll()]
      .filter(({ key }) => key.name.startsWith('Waymark'))
      .map(({ key, value }) => [key.name, value]),
  );
}

/** A worker on the development server that the integration tests share. */
export async function openTrial(worker?: TrialOptions['worker']): Promise<Trial> {
  const address = inject('temporalAddress');
  const connection = await Connection.connect({ address });
  const native = await connectQuietly(address);
  const client = new Client({ connection, namespace: inject('temporalNamespace') });
  const options = { client, connection: native, bundle: await bundleInterpreter() };
  const trial = await tryInterpreter(worker === undefined ? options : { ...options, worker });
  return {
    ...trial,
    async stop() {
      await trial.stop();
      await native.close();
      await connection.close();
    },
  };
}
