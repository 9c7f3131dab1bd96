/** What a step reads, from the store: the run's input and the outputs of earlier steps, each held against its handoff. */
import type { Json } from '../compiler/types.ts';
import { getArtifact } from '../prisma/artifacts.ts';
import type { Tx } from '../prisma/open.ts';
import type { Claim } from './claim.ts';
import type { Digest, StepInput } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { failStep } from './failures.ts';
import type { LoadedGraph } from './graph-cache.ts';
import { HandoffProblem, readHandoff } from './handoff.ts';

/** Variables of expressions: `input`, and each step that has an output by its id. */
export type Bindings = { input: Json } & Record<string, Json>;

/** Where bindings come from: a claim has all of it, and so has a run that is being finished. */
export interface BindingSource {
  actor: { tenant: string };
  rootRun: string;
  loaded: LoadedGraph;
  runInput: Digest;
}

/** The values behind `input.inputs`. A step without output has no binding. A handoff that does not fit parks as `bug`. */
export async function loadBindings(deps: Dependencies, claim: Claim, input: StepInput): Promise<Bindings> {
  try {
    return await deps.store.actAs(claim.actor, (tx) => bindingsIn(tx, claim, input.inputs));
  } catch (problem) {
    if (!(problem instanceof HandoffProblem)) throw problem;
    return failStep(deps, claim, { class: 'bug', detail: problem.message });
  }
}

/** The same inside a transaction. @throws HandoffProblem */
export async function bindingsIn(
  tx: Tx,
  from: BindingSource,
  inputs: Record<string, Digest> | undefined,
): Promise<Bindings> {
  const tenant = from.actor.tenant;
  const bindings: Bindings = { input: await getArtifact(tx, tenant, from.runInput) };
  for (const [step, digest] of Object.entries(inputs ?? {})) {
    const value = await getArtifact(tx, tenant, digest);
    // A gate's output is written by the decision and has no handoff: the Gate row is its record.
    if (from.loaded.nodes.get(step)?.kind === 'approve') await requireVerdict(tx, from, step, digest);
    else await requireHandoff(tx, from, step, digest, value);
    bindings[step] = value;
  }
  return bindings;
}

async function requireHandoff(tx: Tx, from: BindingSource, step: string, digest: Digest, value: Json): Promise<void> {
  const row = await tx.stepExecution.findFirst({
    where: {
      tenantId: from.actor.tenant,
      rootRunId: from.rootRun,
      node: step,
      outputDigest: digest,
      status: 'committed',
    },
    orderBy: { generation: 'desc' },
  });
  if (!row) throw new HandoffProblem(step, `Unexpected output ${digest}, expected one that the step committed`);
  readHandoff(step, row.handoff, digest, value);
}

async function requireVerdict(tx: Tx, from: BindingSource, step: string, digest: Digest): Promise<void> {
  const gate = await tx.gate.findFirst({
    where: {
      tenantId: from.actor.tenant,
      rootRunId: from.rootRun,
      node: step,
      outputDigest: digest,
      status: 'decided',
    },
  });
  if (!gate) throw new HandoffProblem(step, `Unexpected output ${digest}, expected the verdict of a decided gate`);
}
