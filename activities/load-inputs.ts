/** What a step reads, from the store: the run's input and the outputs of earlier steps, each held against its handoff. */
import { ExpressionError, evaluate } from '../compiler/expressions/evaluate.ts';
import { parseExpression } from '../compiler/expressions/parse.ts';
import { pathOf } from '../compiler/expressions/reads.ts';
import { containersAround } from '../compiler/graph-order.ts';
import type { Json } from '../compiler/types.ts';
import { getArtifact } from '../prisma/artifacts.ts';
import type { Tx } from '../prisma/open.ts';
import { ask } from '../prisma/statements.ts';
import type { Claim } from './claim.ts';
import type { Digest } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { applicationFailure, failStep } from './failures.ts';
import type { LoadedGraph } from './graph-cache.ts';
import { HandoffProblem, readHandoff } from './handoff.ts';
import { digestsChecked } from './input-digests.ts';
import { proposedInputs, UnknownOwner } from './run-proposal.ts';
import type { RunInHand } from './run-row.ts';

/** Variables of expressions: `input`, and each step that has an output by its id. */
export type Bindings = { input: Json } & Record<string, Json>;

/**
 * The value of an expression as it is given to a model or a tool. `previous` and `feedback` are empty at first: a plain
 * path into one is null then.
 * @throws ExpressionError
 */
export function valueGiven(source: string, bindings: Record<string, Json>): Json {
  try {
    return evaluate(source, bindings);
  } catch (problem) {
    if (problem instanceof ExpressionError && problem.code === 'absent' && isEmptyAtFirst(source)) return null;
    throw problem;
  }
}

function isEmptyAtFirst(source: string): boolean {
  const parsed = parseExpression(source);
  const root = parsed.ok ? pathOf(parsed.expression)?.root : undefined;
  return root === 'previous' || root === 'feedback';
}

/** Where bindings come from: a claim has all of it, and so has a run that is being finished. */
export interface BindingSource {
  actor: { tenant: string };
  rootRun: string;
  loaded: LoadedGraph;
  runInput: Digest;
  /** Digests that a person gave in place of others, by name: the order is their record. */
  edited?: Readonly<Record<string, Digest>>;
  /** Digests of what the proposal holds in place of others, by name: its history is their record. */
  proposed?: Readonly<Record<string, Digest>>;
}

/** The values that the step reads. A step without output has no binding. A handoff that does not fit parks as `bug`. */
export async function loadBindings(deps: Dependencies, claim: Claim): Promise<Bindings> {
  const { node, givenDigests, inputDigests } = claim;
  const read = { ...inputDigests, ...digestsChecked(node, givenDigests) };
  try {
    return await deps.store.actAs(claim.actor, (tx) => bindingsIn(tx, claim, node.id, read));
  } catch (problem) {
    if (!(problem instanceof HandoffProblem)) throw problem;
    return failStep(deps, claim, { class: 'bug', detail: problem.message });
  }
}

/**
 * The same inside a transaction, with the names as the reading step sees them; without a reader, as the Result does.
 * @throws HandoffProblem
 */
export async function bindingsIn(
  tx: Tx,
  from: BindingSource,
  reader: string | undefined,
  inputs: Readonly<Record<string, Digest>> | undefined,
): Promise<Bindings> {
  const tenant = from.actor.tenant;
  const read = Object.entries(inputs ?? {}).filter(([name]) => name !== 'input');
  const [input, ...values] = await Promise.all([
    getArtifact(tx, tenant, from.runInput),
    ...read.map(async ([name, digest]) => ({ name, digest, value: await getArtifact(tx, tenant, digest) })),
  ]);
  const recorded = values.filter(
    ({ name, digest }) => from.edited?.[name] !== digest && from.proposed?.[name] !== digest,
  );
  await Promise.all(recorded.map((named) => requireRecord(tx, from, reader, named)));
  return { input, ...Object.fromEntries(values.map(({ name, value }) => [name, value])) };
}

/**
 * The same for what no step claims: conditions, lists, gates, the Result. What steps put into the proposal, and what is read
 * of it, is as it stands there now. `inputs` are those read.
 * @throws HandoffProblem; where the proposal cannot be opened, NotMade, and of the Result ApplicationFailure not-allowed
 */
export async function bindingsNow(
  tx: Tx,
  deps: Dependencies,
  run: RunInHand,
  reader: string | undefined,
  inputs: Readonly<Record<string, Digest>> | undefined,
): Promise<{ bindings: Bindings; inputs: Record<string, Digest> }> {
  try {
    const proposed = await proposedInputs(tx, deps, run.row, run.loaded, reader, inputs ?? {});
    const standing = { ...inputs, ...proposed };
    return { bindings: await bindingsIn(tx, { ...run, proposed }, reader, standing), inputs: standing };
  } catch (problem) {
    // Of a Result that could not be made, no step could keep why.
    if (reader !== undefined || !(problem instanceof UnknownOwner)) throw problem;
    throw applicationFailure('result', 'not-allowed', { retry: false });
  }
}

interface Named {
  name: string;
  digest: Digest;
  value: Json;
}

/** Whatever another step made has a record that names it. An item of a list is part of something that had one. */
async function requireRecord(tx: Tx, from: BindingSource, reader: string | undefined, named: Named): Promise<void> {
  const { name, digest, value } = named;
  const { graph, nodes } = from.loaded;
  const around = reader === undefined ? [] : containersAround(graph, reader);
  const node = nodes.get(name) ?? (name === 'previous' ? around.find(({ kind }) => kind === 'repeat') : undefined);
  // What people decide or fill in is written by the decision and has no handoff: the Gate row is its record.
  if (node?.kind === 'approve' || node?.kind === 'person' || node?.kind === 'session')
    return requireVerdict(tx, from, [node.id], digest);
  if (node) return requireHandoff(tx, from, node.id, digest, value);
  if (name !== 'feedback') return;
  const sent = graph.edges.filter((edge) => edge.back && [reader, ...around.map(({ id }) => id)].includes(edge.to));
  // What a choose sends back with are outputs that were held against their handoffs when they were read.
  if (sent.every((edge) => edge.action !== undefined)) {
    await requireVerdict(
      tx,
      from,
      sent.map((edge) => edge.from),
      digest,
    );
  }
}

async function requireHandoff(tx: Tx, from: BindingSource, step: string, digest: Digest, value: Json): Promise<void> {
  const [row] = await ask<{ handoff: string | null }>(tx)`SELECT handoff FROM step_execution
    WHERE tenant_id = ${from.actor.tenant} AND root_run_id = ${from.rootRun} AND node = ${step}
      AND output_digest = ${digest} AND status = 'committed' ORDER BY generation DESC LIMIT 1`;
  if (!row) throw new HandoffProblem(step, `Unexpected output ${digest}, expected one that the step committed`);
  readHandoff(step, row.handoff, digest, value);
}

async function requireVerdict(tx: Tx, from: BindingSource, gates: string[], digest: Digest): Promise<void> {
  const gate = await tx.gate.findFirst({
    where: {
      tenantId: from.actor.tenant,
      rootRunId: from.rootRun,
      node: { in: gates },
      outputDigest: digest,
      status: 'decided',
    },
  });
  if (!gate)
    throw new HandoffProblem(gates[0] ?? '', `Unexpected output ${digest}, expected the verdict of a decided gate`);
}
