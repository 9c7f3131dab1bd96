/** Replays what a run's workflow did against the interpreter of this version: what a deploy asks before it goes out. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { CommandFailure, exitCodes, WrongUsage } from '../failures.ts';
import { plainLine } from '../plain-text.ts';
import type { World } from '../world.ts';

export interface ReplayOptions {
  workflow?: string[];
  address?: string;
  namespace?: string;
}

interface Recorded {
  name: string;
  history: History;
}

/** Files are histories as JSON, as the Web UI and `temporal workflow show --output json` give them. */
export async function replayCommand(files: readonly string[], options: ReplayOptions, world: World): Promise<number> {
  const { terminal } = world;
  const workflows = options.workflow ?? [];
  if (files.length + workflows.length === 0) {
    throw new WrongUsage('Unexpected absence of a history, expected files, or --workflow with the id of a workflow.');
  }
  const recorded: Recorded[] = [];
  for (const file of files) recorded.push({ name: file, history: await historyIn(resolve(world.cwd, file), file) });
  if (workflows.length > 0) recorded.push(...(await historiesOf(workflows, options, world.env)));

  const failed = await replay(recorded);
  for (const { name, history } of recorded) {
    const events = history.events?.length ?? 0;
    const problem = failed.get(name);
    if (problem === undefined) terminal.print(`${plainLine(name)}: replays, ${events} events`, 'good');
    else terminal.print(`${plainLine(name)}: does not replay. ${plainLine(problem)}`, 'bad');
  }
  return failed.size === 0 ? exitCodes.done : exitCodes.failed;
}

async function historyIn(path: string, named: string): Promise<History> {
  const text = await readFile(path, 'utf8').catch((problem: NodeJS.ErrnoException) => {
    throw new WrongUsage(`${named} cannot be read (${problem.code ?? problem.message}), expected a history as JSON.`);
  });
  try {
    const history = historyFromJSON(JSON.parse(text));
    if ((history.events?.length ?? 0) > 0) return history;
  } catch {
    // Said below.
  }
  throw new WrongUsage(`${named} is no history, expected JSON as the Temporal Web UI downloads it.`);
}

/** Of every execution of each workflow, oldest first: one that ran long goes on in new ones. */
async function historiesOf(
  workflows: readonly string[],
  { address, namespace }: ReplayOptions,
  env: World['env'],
): Promise<Recorded[]> {
  const { Client, Connection } = await import('@temporalio/client');
  const at = address ?? env.TEMPORAL_ADDRESS ?? '127.0.0.1:7233';
  const connection = await Connection.connect({ address: at, connectTimeout: '5s' }).catch(() => {
    throw new CommandFailure(`No Temporal server answers at ${at}, expected one: --address, or TEMPORAL_ADDRESS.`);
  });
  try {
    const client = new Client({ connection, namespace: namespace ?? env.TEMPORAL_NAMESPACE ?? 'default' });
    const recorded: Recorded[] = [];
    for (const workflow of workflows) {
      let runId = await firstRunOf(client.workflow.getHandle(workflow), workflow);
      for (let execution = 1; runId !== ''; execution += 1) {
        const history = await client.workflow.getHandle(workflow, runId).fetchHistory();
        recorded.push({ name: execution === 1 ? workflow : `${workflow} (execution ${execution})`, history });
        runId = history.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? '';
      }
    }
    return recorded;
  } finally {
    await connection.close();
  }
}

async function firstRunOf(handle: { fetchHistory(): Promise<History> }, workflow: string): Promise<string> {
  const history = await handle.fetchHistory().catch(() => {
    throw new CommandFailure(`There is no workflow ${workflow}, expected the id of one, such as the Web UI lists.`);
  });
  return history.events?.[0]?.workflowExecutionStartedEventAttributes?.firstExecutionRunId ?? '';
}

/** What stands in the way, by name. */
async function replay(recorded: readonly Recorded[]): Promise<Map<string, string>> {
  const { bundleWorkflowCode, DefaultLogger, Runtime, Worker } = await import('@temporalio/worker');
  // A history that does not replay is told here, not in the SDK's own words as well.
  const telemetryOptions = { logging: { filter: 'ERROR' } };
  Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined), telemetryOptions, shutdownSignals: [] });
  // By package.json, which is found from the bundle of this command, too.
  const workflowsPath = fileURLToPath(import.meta.resolve('#workflows'));
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  const all = recorded.map(({ name, history }) => ({ workflowId: name, history }));
  const failed = new Map<string, string>();
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, all)) {
    if (error !== undefined) failed.set(workflowId, coreOf(error.message));
  }
  return failed;
}

/** The SDK wraps what differs in a good deal else. */
function coreOf(message: string): string {
  return /\[TMPRL\d+\] ([^"]+)"/.exec(message)?.[1] ?? message;
}
