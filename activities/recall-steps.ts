/** What earlier runs of a lineage did, as far as it stands: for a run that resumes them, many steps at a time. */
import type { Node } from '../compiler/graph.ts';
import { namesLoadedFor } from '../compiler/skeleton.ts';
import type { Tx } from '../prisma/open.ts';
import { ask } from '../prisma/statements.ts';
import { freshOf, nodeHashOf, readsProposal, viewOf } from './claim.ts';
import type { RecalledStep, RunActivities, StepPlace } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { handoffSchema } from './handoff.ts';
import { workNames } from './input-digests.ts';
import type { RunInHand } from './run-row.ts';
import { logRun, readRun } from './run-row.ts';
import { isItem, memoKeyOf } from './step-keys.ts';
import { undoOf } from './tools/declarations.ts';

/** Rows of a page; and about how many bytes of history it may take, at least one step of them. */
const pageSize = 500;
const pageBytes = 256 * 1024;

/** Of which one activity claims the step by what it reads. Containers are made of the steps within. */
const claimedByReads: ReadonlySet<Node['kind']> = new Set(['agent', 'tool', 'set', 'merge', 'run']);

interface DoneRow {
  node: string;
  path: string;
  generation: number;
  runId: string;
  status: string;
  memoKey: string;
  outputDigest: string | null;
  view: string | null;
  handoff: string | null;
  edited: string | null;
}

/** The steps that a claim would answer with their record, but those for which it has to look at more than their row. */
export async function recallSteps(
  deps: Dependencies,
  input: { run: string; after?: StepPlace },
): ReturnType<RunActivities['recallSteps']> {
  const { node = '', path = '' } = input.after ?? {};
  const { run, page } = await readRun(deps, input, async (tx, run) => {
    const rows = await latestRows(tx, run, { node, path });
    return { run, page: pageOf(deps, run, rows) };
  });
  logRun(deps, run, { event: 'run.recalled', status: 'running' });
  return page;
}

function latestRows(tx: Tx, { actor, rootRun }: RunInHand, after: StepPlace): Promise<DoneRow[]> {
  return ask<DoneRow>(tx)`
    SELECT DISTINCT ON (node, path) node, path, generation, run_id, status, memo_key, output_digest, view, handoff, edited
    FROM step_execution
    WHERE tenant_id = ${actor.tenant} AND root_run_id = ${rootRun} AND (node, path) > (${after.node}, ${after.path})
    ORDER BY node, path, generation DESC LIMIT ${pageSize}`;
}

function pageOf(
  deps: Dependencies,
  run: RunInHand,
  rows: readonly DoneRow[],
): Awaited<ReturnType<RunActivities['recallSteps']>> {
  const recalled = recaller(deps, run);
  const steps: RecalledStep[] = [];
  let bytes = 0;
  for (const row of rows) {
    const step = recalled(row);
    if (step === undefined) continue;
    steps.push(step);
    bytes += Buffer.byteLength(JSON.stringify(step));
    if (bytes >= pageBytes) return { steps, next: { node: row.node, path: row.path } };
  }
  const last = rows.length === pageSize ? rows.at(-1) : undefined;
  return last === undefined ? { steps } : { steps, next: { node: last.node, path: last.path } };
}

/** What all rows of a step have in common. */
interface RecallableStep {
  node: Node;
  hash: string;
  /** The names that its work is made of, without the run's input. */
  names: string[];
}

/** Its record, where this run's own claim of the step, made over what the work was made of, would find it. */
function recaller(deps: Dependencies, run: RunInHand): (row: DoneRow) => RecalledStep | undefined {
  const { loaded, row: runRow } = run;
  const fresh = new Set(freshOf(runRow));
  const steps = new Map<string, RecallableStep | undefined>();

  function stepOf(id: string): RecallableStep | undefined {
    if (!steps.has(id)) steps.set(id, recallable(loaded.nodes.get(id)));
    return steps.get(id);
  }

  function recallable(node: Node | undefined): RecallableStep | undefined {
    // Whether a write was taken back is not in its row.
    if (node === undefined || !claimedByReads.has(node.kind) || fresh.has(node.id) || undoOf(node) !== undefined)
      return undefined;
    const work = workNames(node);
    const names = namesLoadedFor(loaded.graph, node).filter((name) => name !== 'input' && work.has(name));
    return { node, hash: nodeHashOf(deps, loaded.graph, node, runRow.practice ?? undefined), names };
  }

  return (row) => {
    const { path, generation, memoKey, outputDigest: output, handoff } = row;
    const isEarlier = row.status === 'committed' && row.runId !== runRow.id;
    if (!isEarlier || output === null || handoff === null || row.edited !== null) return undefined;
    const step = stepOf(row.node);
    if (step === undefined) return undefined;
    const { node, hash, names } = step;
    const isCollected = 'each' in node && node.each !== undefined && !isItem(node.id, path);
    if (isCollected) return undefined;
    const { inputDigests: worked } = handoffSchema.parse(JSON.parse(handoff));
    // What the proposal holds by now is looked at by the claim.
    if (loaded.graph.proposal && Object.keys(worked).some((name) => readsProposal(loaded, node, name)))
      return undefined;
    const inputDigests = 'input' in worked ? { ...worked, input: run.runInput } : worked;
    const parts = { rootRun: run.rootRun, node: node.id, path, generation, nodeHash: hash, inputDigests };
    if (memoKeyOf(parts) !== memoKey) return undefined;
    return {
      node: node.id,
      ...(path === '' ? {} : { path }),
      read: Object.fromEntries(names.map((name) => [name, worked[name] ?? null])),
      output,
      ...viewOf(row.view),
    };
  };
}
