/** What a gate or a task asks, of whom, and until when: from the graph and from what the run has come to. */
import { ExpressionError } from '../compiler/expressions/evaluate.ts';
import type { NodeOf } from '../compiler/graph.ts';
import { checksOf } from '../compiler/node-expressions.ts';
import type { WritingNode } from '../compiler/skeleton.ts';
import type { Tx } from '../prisma/open.ts';
import { nodeHashOf } from './claim.ts';
import type { Digest, OpenGateInput } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { NotMade } from './failures.ts';
import { mustSuffice, NobodyToAsk, peopleAsked } from './gate-people.ts';
import type { GateQuestion, IfOverdue } from './gate-rows.ts';
import { writtenSources } from './gate-sources.ts';
import type { Guard } from './gate-subject.ts';
import { boundReads, guardedWrites, guardOf, shownBy } from './gate-subject.ts';
import { rootsOf } from './input-digests.ts';
import type { Bindings } from './load-inputs.ts';
import { bindingsNow } from './load-inputs.ts';
import { boundNow, proposalShown } from './run-proposal.ts';
import type { RunInHand } from './run-row.ts';

export type AskingNode = NodeOf<'approve'> | NodeOf<'person'>;

/** @throws NotMade not-allowed where nobody is to be asked, bug where what is shown cannot be had */
export async function questionOf(
  deps: Dependencies,
  tx: Tx,
  run: RunInHand,
  node: AskingNode,
  input: OpenGateInput,
): Promise<GateQuestion> {
  const { graph } = run.loaded;
  const practice = run.row.practice ?? undefined;
  const { bindings, inputs } = await bindingsNow(tx, deps, run, node.id, input.inputs);
  const digests: Record<string, Digest> = { ...inputs, input: run.runInput };
  // A task approves nothing: what is done with its output is the next gate's.
  const guarded = node.kind === 'approve' ? guardedWrites(deps, graph, node.id, practice) : [];
  const proposal =
    node.kind === 'approve' ? await proposalShown(tx, deps, run, node, Object.keys(input.inputs ?? {})) : undefined;
  try {
    return {
      purpose: node.kind === 'approve' ? 'step' : 'task',
      nodeHash: nodeHashOf(deps, graph, node, practice),
      title: node.title,
      question: node.instruction,
      ...(await whoIsAsked(tx, run, node, bindings)),
      notBy: node.notBy,
      ...(node.notBy.includes('contributors')
        ? { sources: await writtenSources(tx, run, digestsShown(run, node, guarded, digests)) }
        : {}),
      actions: actionsOf(node, input.without),
      shown: shownBy(node, guarded, bindings, graph),
      guards: await guardsOf(deps, tx, run, node.id, guarded, digests),
      ...(node.kind === 'person' && node.checks.length > 0 ? { reads: digestsOf(checksOf(node), digests) } : {}),
      ...(proposal === undefined ? {} : { proposal }),
      ...(node.dueMs === undefined ? {} : { dueMs: node.dueMs }),
      now: deps.clock(),
    };
  } catch (problem) {
    if (problem instanceof ExpressionError) throw new NotMade('bug', `What is shown has no value: ${problem.message}`);
    if (problem instanceof NobodyToAsk) throw new NotMade('not-allowed', problem.message);
    throw problem;
  }
}

async function guardsOf(
  deps: Dependencies,
  tx: Tx,
  run: RunInHand,
  gate: string,
  guarded: readonly WritingNode[],
  digests: Readonly<Record<string, Digest>>,
): Promise<GateQuestion['guards']> {
  const { row, loaded } = run;
  const guards: [string, Guard][] = [];
  for (const one of guarded) {
    const proposal = await boundNow(tx, deps, row, loaded, gate, one);
    guards.push([one.id, guardOf(deps, loaded.graph, gate, one, digests, proposal, row.practice ?? undefined)]);
  }
  return Object.fromEntries(guards);
}

async function whoIsAsked(
  tx: Tx,
  run: RunInHand,
  node: AskingNode,
  bindings: Bindings,
): Promise<Pick<GateQuestion, 'approvers' | 'quorum' | 'ifOverdue'>> {
  const tenant = run.actor.tenant;
  const approvers = await peopleAsked(tx, tenant, node.approvers, bindings);
  const quorum = node.kind === 'approve' ? node.quorum : undefined;
  if (quorum !== undefined) mustSuffice(approvers, quorum);
  const { ifOverdue: said } = node;
  const ifOverdue: IfOverdue | undefined =
    said?.do === 'ask' ? { do: 'ask', approvers: await peopleAsked(tx, tenant, said.approvers, bindings) } : said;
  return {
    approvers,
    ...(quorum === undefined ? {} : { quorum }),
    ...(ifOverdue === undefined ? {} : { ifOverdue }),
  };
}

function actionsOf(node: AskingNode, without: readonly string[] = []): GateQuestion['actions'] {
  if (node.kind === 'person') return [{ name: 'done', effect: 'continue' }];
  return node.actions
    .filter(({ name }) => !without.includes(name))
    .map(({ name, effect }) => ({ name, effect: effect === 'end' ? 'end' : 'continue' }));
}

function digestsShown(
  run: RunInHand,
  node: AskingNode,
  guarded: readonly WritingNode[],
  digests: Readonly<Record<string, Digest>>,
): Digest[] {
  const { graph } = run.loaded;
  const names = [
    ...node.show.flatMap(({ expr }) => rootsOf(expr)),
    ...guarded.flatMap((one) => boundReads(graph, node.id, one)),
  ];
  return names.flatMap((name) => digests[name] ?? []);
}

function digestsOf(expressions: readonly string[], digests: Readonly<Record<string, Digest>>): Record<string, Digest> {
  const names = new Set(expressions.flatMap(rootsOf));
  return Object.fromEntries(Object.entries(digests).filter(([name]) => names.has(name)));
}
