/** Activities that answer as a random document's answers say, and note what they were asked. */
import { setImmediate as soon } from 'node:timers/promises';
import type { RunActivities, StepInput, StepOutcome, Transition } from '../../activities/contract.ts';
import { encodeSkeleton } from '../../compiler/skeleton-code.ts';
import type { RandomDocument } from './random-documents.ts';
import { answersOf } from './random-documents.ts';
import type { Done } from './reference-model.ts';
import { failure } from './scripted-run.ts';

export interface AnsweringWorld {
  activities: RunActivities;
  /** What the run of this id has done; of one that did not end, as rejected. */
  doneBy(run: string): Done;
}

interface Row {
  document: RandomDocument;
  calls: Set<string>;
  told: Set<string>;
  done?: Done['outcome'];
  turn: number;
}

/** `documents`: by the ids of their runs. Activities take turns of their own, so that steps end in another order than they began. */
export function answeringWorld(documents: ReadonlyMap<string, RandomDocument>): AnsweringWorld {
  const rows = new Map<string, Row>();

  function rowOf(run: string): Row {
    const document = documents.get(run);
    if (document === undefined) throw failure('bug');
    const row = rows.get(run) ?? { document, calls: new Set(), told: new Set(), turn: document.seed };
    rows.set(run, row);
    return row;
  }

  function tell(row: Row, log: Transition[] = []): void {
    for (const { node, path = '', to } of log) row.told.add(`${node} ${path} ${to}`);
  }

  async function note(activity: string, { run, node, path = '', log }: StepInput) {
    const row = rowOf(run);
    tell(row, log);
    row.calls.add(`${activity} ${node} ${path}`);
    row.turn = (row.turn * 1_103_515_245 + 12_345) % 2_147_483_648;
    for (let waited = row.turn % 4; waited > 0; waited -= 1) await soon();
    return { path, answers: answersOf(row.document), document: row.document };
  }

  const work =
    (activity: string) =>
    async (input: StepInput): Promise<StepOutcome> => {
      const { path, answers } = await note(activity, input);
      const outcome = answers.outcome(input.node, path);
      if (outcome === 'failed') throw failure('tool-failed');
      return outcome === 'refused' ? { status: 'refused' } : { status: 'committed', output: `${input.node} ${path}` };
    };

  const activities: Partial<RunActivities> = {
    beginRun: async ({ run }) => ({
      skeleton: encodeSkeleton(rowOf(run).document.skeleton),
      // No condition can be decided by it: an activity is asked for each.
      input: { opaque: [''] },
    }),
    async finishRun({ run, outcome, log }) {
      const row = rowOf(run);
      tell(row, log);
      if (outcome === 'completed' || outcome === 'rejected') row.done = outcome;
      return {};
    },
    flushLog: async ({ run, log }) => tell(rowOf(run), log),
    runAgentStep: work('runAgentStep'),
    runToolStep: work('runToolStep'),
    async runCollect(input) {
      const { path } = await note('runCollect', input);
      return { status: 'committed', output: `${input.node} ${path}` };
    },
    async collectReads(input) {
      return { output: (await note('collectReads', input)).path };
    },
    async joinItems({ run, log }) {
      tell(rowOf(run), log);
      return { output: 'joined' };
    },
    async listItems({ from, ...input }) {
      const { path, answers } = await note('listItems', input);
      const total = answers.items(input.node, path);
      const items = Array.from({ length: total }, (_, key) => ({ output: `item ${key}`, key: String(key) }));
      return { total, items: items.slice(from, from + 2) };
    },
    async evaluateConditions({ conditions, ...input }) {
      const { path, answers } = await note('evaluateConditions', input);
      return { holds: conditions.find(({ of, index }) => answers.holds(input.node, path, `${of} ${index}`)) ?? null };
    },
    async openGate({ without = [], ...input }) {
      const { path, answers, document } = await note('openGate', input);
      const actions = document.skeleton.nodes.find(({ id }) => id === input.node)?.actions ?? {};
      const offered = Object.keys(actions).filter((action) => !without.includes(action));
      const action = answers.verdict(input.node, path, offered);
      return { gate: `${input.node} ${path}`, verdict: { action, output: `${input.node} ${path}` } };
    },
  };

  return {
    activities: activities as RunActivities,
    doneBy(run) {
      const { done = 'rejected', calls, told } = rowOf(run);
      return { outcome: done, calls: [...calls].sort(), told: [...told].sort() };
    },
  };
}
