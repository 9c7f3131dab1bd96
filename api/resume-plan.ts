/**
 * What a resume would do: a run that goes on with the work of another one, on the same or another version of its
 * document, with the same or an edited input. Pure: graphs and records in, the plan out.
 */
import { canonicalJson, sha256Hex } from '../compiler/canonical.ts';
import { diffGraphs } from '../compiler/diff-graphs.ts';
import type { Graph, Node } from '../compiler/graph.ts';
import { containersAround } from '../compiler/graph-order.ts';
import { valuesRead } from '../compiler/values-read.ts';

/** What the lineage has recorded so far. */
export interface Recorded {
  /** The latest of each step and path. */
  executions: readonly {
    node: string;
    path: string;
    status: string;
    costUsd: number;
    /** Would the proposal give it something else than it worked on? */
    proposalDiffers: boolean;
  }[];
  /** That have not lapsed. */
  gates: readonly {
    id: string;
    node: string;
    path: string;
    status: string;
    verdict: string | null;
    /** Does the proposal hold something else of what it shows? */
    proposalDiffers: boolean;
  }[];
  effects: readonly { effectKey: string; node: string; tool: string; status: string }[];
  /** What operators gave steps in place of what they read, as the latest work of each was given it. */
  edits: readonly RecordedEdit[];
  /** Steps that find in the proposal something else than they wrote there, with the place in words. */
  overwritten: readonly { node: string; place: string }[];
}

export interface RecordedEdit {
  node: string;
  path: string;
  /** By which the step reads the value. */
  name: string;
  /** Who gave it. */
  by: string;
  /** Is the step, and for `input` are the document's inputs, as they were when it was given? */
  sameStep: boolean;
  /** Does the proposal hold something else of what it stands in place of? */
  proposalDiffers: boolean;
}

export interface ResumeRequest {
  run: string;
  before: Graph;
  after: Graph;
  /** Hash of `after`. */
  graphHash: string;
  /** Digest of the input it will have. */
  input: string;
  inputChanged: boolean;
  /** Steps that are done again whatever was recorded; of a container, all within. */
  from: readonly string[];
  recorded: Recorded;
}

/**
 * `asked`, `changed` and `proposal` are certain. `input`, `reads` and `guards`: only if what it works on comes out different.
 */
export type RerunReason =
  | 'asked'
  | 'changed'
  | 'added'
  | 'failed'
  | 'refused'
  | 'not done'
  | 'proposal'
  | 'input'
  | 'reads'
  | 'guards';

export interface Rerun {
  step: string;
  because: RerunReason;
  /** The steps that it reads, or whose call it guards. */
  steps: string[];
  /** False: it is kept where what it works on comes out as it was. */
  certain: boolean;
  /** What it has cost so far, in US dollars: the estimate of what it will. */
  costUsd: number;
}

export interface ResumePlan {
  run: string;
  graphHash: string;
  graphChanged: boolean;
  inputChanged: boolean;
  from: string[];
  /** Steps whose outputs stand, in document order; `times` counts items and passes. */
  kept: { step: string; times: number }[];
  reruns: Rerun[];
  approvals: {
    kept: { gate: string; step: string; path: string; verdict: string }[];
    lapsed: { gate: string; step: string; path: string; reason: string; certain: boolean }[];
  };
  /** Values that operators gave steps in place of what these read. */
  edits: {
    /** Given again, where the step runs again. */
    kept: PlannedEdit[];
    /** The step is given what the document says. */
    dropped: (PlannedEdit & { reason: string; certain: boolean })[];
  };
  /** What stands in the proposal by now, where a step that runs again writes. */
  overwrites: { step: string; place: string; certain: boolean }[];
  effects: {
    /** Made, and not made again. */
    kept: { effect: string; step: string; tool: string; status: string }[];
    /** Made by steps that this version no longer has: applying must name them. */
    toAcknowledge: { effect: string; step: string; tool: string; status: string }[];
  };
  /** Of all reruns, from what they have cost so far; `unknown` counts those that never ran. */
  cost: { usd: number; unknown: number };
  /** Of all of the above and of the input. Applying names it. */
  digest: string;
}

export interface PlannedEdit {
  step: string;
  path: string;
  name: string;
  by: string;
}

export function planResume(request: ResumeRequest): ResumePlan {
  const { run, before, after, graphHash, input, inputChanged, recorded } = request;
  const from = freshSteps(after, request.from);
  const reruns = rerunsOf(request, new Set(from));
  const byStep = new Map(reruns.map((one) => [one.step, one]));
  const committed = Map.groupBy(
    recorded.executions.filter(({ status }) => status === 'committed'),
    ({ node }) => node,
  );
  const kept = after.nodes.flatMap(({ id }) => {
    const times = committed.get(id)?.length ?? 0;
    return times > 0 && !byStep.has(id) ? [{ step: id, times }] : [];
  });
  const nodes = new Set(after.nodes.map(({ id }) => id));
  const made = recorded.effects
    .filter(({ status }) => status !== 'failed')
    .map(({ effectKey, node, tool, status }) => ({ effect: effectKey, step: node, tool, status }));
  const plan: Omit<ResumePlan, 'digest'> = {
    run,
    graphHash,
    graphChanged: canonicalJson(before) !== canonicalJson(after),
    inputChanged,
    from,
    kept,
    reruns,
    approvals: approvalsOf(recorded, nodes, byStep),
    edits: editsOf(recorded, nodes, byStep, inputChanged),
    overwrites: recorded.overwritten.flatMap(({ node, place }) => {
      const rerun = byStep.get(node);
      return rerun === undefined ? [] : [{ step: node, place, certain: rerun.certain }];
    }),
    effects: {
      kept: made.filter(({ step }) => nodes.has(step)),
      toAcknowledge: made.filter(({ step }) => !nodes.has(step)),
    },
    cost: {
      usd: reruns.reduce((sum, { costUsd }) => sum + costUsd, 0),
      unknown: reruns.filter(({ because }) => because === 'added' || because === 'not done').length,
    },
  };
  return { ...plan, digest: sha256Hex(canonicalJson(['resume', plan, input])) };
}

/** With all within them where they are containers, in document order. */
export function freshSteps(graph: Graph, from: readonly string[]): string[] {
  const asked = new Set(from);
  const isAsked = (node: Node): boolean =>
    asked.has(node.id) || containersAround(graph, node.id).some(({ id }) => asked.has(id));
  return graph.nodes.filter(isAsked).map(({ id }) => id);
}

function rerunsOf({ before, after, inputChanged, recorded }: ResumeRequest, fresh: ReadonlySet<string>): Rerun[] {
  const had = new Set(before.nodes.map(({ id }) => id));
  const edited = new Map(diffGraphs(before, after).mayRerun.map((one) => [one.step, one]));
  const reads = valuesRead(after);
  const rows = Map.groupBy(recorded.executions, ({ node }) => node);
  const gates = Map.groupBy(recorded.gates, ({ node }) => node);
  const found = new Map<string, Rerun>();

  for (const { id, kind } of after.nodes) {
    const costUsd = (rows.get(id) ?? []).reduce((sum, row) => sum + row.costUsd, 0);
    const put = (because: RerunReason, certain: boolean, steps: string[] = []) =>
      found.set(id, { step: id, because, steps, certain, costUsd });
    const edit = edited.get(id);
    const states = new Set((rows.get(id) ?? []).map(({ status }) => status));
    const isGate = kind === 'approve' || kind === 'person' || kind === 'session';
    const isDone = isGate ? (gates.get(id) ?? []).some(({ status }) => status === 'decided') : states.has('committed');
    if (fresh.has(id)) put('asked', true);
    else if (!had.has(id)) put('added', true);
    else if (edit?.because === 'changed') put('changed', true);
    else if (states.has('failed')) put('failed', true);
    else if (states.has('refused')) put('refused', false);
    else if (readsAnotherProposal(rows.get(id), gates.get(id))) put('proposal', true);
    else if (edit !== undefined) put(edit.because, false, edit.steps);
    else if (inputChanged && reads.get(id)?.input) put('input', false);
    else if (!isDone && !leavesNoRecord(kind)) put('not done', false);
  }
  // What reads a step that may run again may do so, too: until nothing is added.
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const { id } of after.nodes) {
      if (found.has(id)) continue;
      const steps = (reads.get(id)?.steps ?? []).filter((step) => found.has(step));
      const costUsd = (rows.get(id) ?? []).reduce((sum, row) => sum + row.costUsd, 0);
      if (steps.length > 0) found.set(id, { step: id, because: 'reads', steps, certain: false, costUsd });
    }
  }
  return after.nodes.flatMap(({ id }) => found.get(id) ?? []);
}

function readsAnotherProposal(
  rows: readonly Recorded['executions'][number][] = [],
  gates: readonly Recorded['gates'][number][] = [],
): boolean {
  return (
    rows.some(({ proposalDiffers }) => proposalDiffers) ||
    gates.some(({ status, proposalDiffers }) => status === 'decided' && proposalDiffers)
  );
}

/** The workflow alone decides them, again each time. */
function leavesNoRecord(kind: Node['kind']): boolean {
  return kind === 'choose' || kind === 'wait';
}

function approvalsOf(
  { gates }: Recorded,
  nodes: ReadonlySet<string>,
  reruns: ReadonlyMap<string, Rerun>,
): ResumePlan['approvals'] {
  const approvals: ResumePlan['approvals'] = { kept: [], lapsed: [] };
  for (const { id: gate, node: step, path, status, verdict, proposalDiffers } of gates) {
    if (status !== 'decided' || verdict === null) continue;
    const rerun = reruns.get(step);
    const lapse = (reason: string, certain: boolean) => approvals.lapsed.push({ gate, step, path, reason, certain });
    if (!nodes.has(step)) lapse('this version does not have the step', true);
    else if (rerun?.because === 'asked') lapse('it is asked again', true);
    else if (rerun?.because === 'changed') lapse('the step is another in this version', true);
    else if (proposalDiffers) lapse('the proposal holds something else by now of what it shows', true);
    else if (rerun === undefined || rerun.because === 'refused' || rerun.because === 'proposal')
      approvals.kept.push({ gate, step, path, verdict });
    else if (rerun.because === 'input') lapse('it shows the input, if that comes out different', false);
    else lapse(`it shows or guards ${rerun.steps.join(', ') || step}, if that comes out different`, false);
  }
  return approvals;
}

function editsOf(
  { edits }: Recorded,
  nodes: ReadonlySet<string>,
  reruns: ReadonlyMap<string, Rerun>,
  inputChanged: boolean,
): ResumePlan['edits'] {
  const plan: ResumePlan['edits'] = { kept: [], dropped: [] };
  for (const { node: step, path, name, by, sameStep, proposalDiffers } of edits) {
    const rerun = reruns.get(step);
    const drop = (reason: string, certain: boolean) => plan.dropped.push({ step, path, name, by, reason, certain });
    // An item, a pass before or what was sent back comes of the steps that the rerun names.
    const isOfLoop = name !== 'input' && name !== 'proposal' && !nodes.has(name);
    if (!nodes.has(step)) drop('this version does not have the step', true);
    else if (rerun?.because === 'asked') drop('the step is asked again, over what the document gives it', true);
    else if (!sameStep) drop('the step, or what the document takes as input, is another in this version', true);
    else if (name === 'input' && inputChanged) drop('it stood in place of the input there was', true);
    else if (proposalDiffers) drop('the proposal holds something else by now than it stood in place of', true);
    else if (reruns.has(name)) drop(`it stands in place of the output of ${name}, if that comes out different`, false);
    else if (isOfLoop && rerun?.because === 'reads')
      drop(`it stands in place of ${name}, if that comes out different`, false);
    else plan.kept.push({ step, path, name, by });
  }
  return plan;
}
