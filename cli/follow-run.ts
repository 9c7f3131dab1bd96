/** Watches a run to its end, and says each step in words as it happens. */
import type { Gate, Run, RunEvent } from './api-shapes.ts';
import type { Client } from './client.ts';
import { wordsOf } from './event-words.ts';
import { plainLine } from './plain-text.ts';
import type { Style } from './terminal.ts';

export interface FollowOptions {
  print: (line: string, style?: Style) => void;
  /**
   * Told of each gate that is open, with all it shows, whoever may decide it. Events wait until it resolves; what it
   * throws ends the following.
   */
  onGate?: (gate: Gate) => Promise<void>;
  /** Ends the following with the signal's reason; the run goes on. */
  signal?: AbortSignal;
  /** How long a run that needs attention, with no step under way and no gate open, is watched for more. 2,000 ms. */
  quietMs?: number;
}

/**
 * Resolves with the run when it has ended, or when it needs attention and nothing in it can go on by itself.
 * Throws ApiProblem, ApiUnreachable.
 */
export async function followRun(
  client: Pick<Client, 'getRun' | 'graph' | 'gate' | 'followRun'>,
  runId: string,
  { print, onGate, signal, quietMs = 2_000 }: FollowOptions,
): Promise<Run> {
  const graph = await client.graph((await client.getRun(runId)).graphHash);
  const stuck = new AbortController();
  const progress = openProgress();
  let quiet: NodeJS.Timeout | undefined;
  try {
    const events = client.followRun(runId, {
      signal: signal ? AbortSignal.any([signal, stuck.signal]) : stuck.signal,
    });
    for await (const event of events) {
      clearTimeout(quiet);
      const words = wordsOf(event, graph);
      if (words) print(`${timeOf(event.at)}  ${plainLine(words.text)}`, words.style);
      if (event.type === 'step.failed') await explainFailure(event);
      if (event.type === 'gate.opened' && onGate) await meetGate(event, onGate);
      progress.note(event);
      if (progress.isStuck()) quiet = setTimeout(() => stuck.abort(), quietMs);
    }
  } catch (error) {
    if (!stuck.signal.aborted || signal?.aborted) throw error;
  } finally {
    clearTimeout(quiet);
  }
  return client.getRun(runId);

  async function explainFailure(event: RunEvent): Promise<void> {
    const { steps } = await client.getRun(runId);
    const detail = steps.find(({ id }) => id === event.step)?.failure?.detail;
    if (detail !== undefined) print(`          ${plainLine(detail)}`, 'bad');
  }

  async function meetGate(event: RunEvent, meet: (gate: Gate) => Promise<void>): Promise<void> {
    if (typeof event.body.gate !== 'string') return;
    const gate = await client.gate(event.body.gate);
    // The log tells of gates that were decided before we looked.
    if (gate.status === 'open') await meet(gate);
  }
}

/** Keeps track of what is under way, to tell a run that waits for help from one that goes on beside a failed step. */
function openProgress(): { note(event: RunEvent): void; isStuck(): boolean } {
  const steps = new Set<string>();
  const gates = new Set<string>();
  let needsAttention = false;
  const finished = ['step.committed', 'step.failed', 'step.skipped', 'step.bypassed', 'step.refused'];
  return {
    note({ type, step, body }) {
      if (type === 'run.status') needsAttention = body.status === 'needs-attention';
      else if (type === 'step.started' && step !== undefined) steps.add(step);
      else if (finished.includes(type) && step !== undefined) steps.delete(step);
      // A run that goes on with another may find it decided.
      else if (type === 'gate.opened' && body.action === undefined) gates.add(String(body.gate));
      else if (type === 'gate.decided' || type === 'gate.lapsed') gates.delete(String(body.gate));
    },
    isStuck: () => needsAttention && steps.size === 0 && gates.size === 0,
  };
}

/** Of the machine's time zone, as people read a clock. */
const timeOf = (at: string): string => new Date(at).toLocaleTimeString('en-GB');
