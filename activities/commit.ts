/** Committing a step: output, handoff, view and log in one transaction, by whoever holds the fence. */
import { writesProposal } from '../compiler/proposal-places.ts';
import type { Json } from '../compiler/types.ts';
import type { View } from '../compiler/view.ts';
import { deriveView } from '../compiler/view.ts';
import { artifactKey, putArtifact } from '../prisma/artifacts.ts';
import type { NewEvent } from '../prisma/run-log.ts';
import { appendEvents } from '../prisma/run-log.ts';
import { ask } from '../prisma/statements.ts';
import type { Claim } from './claim.ts';
import type { Digest, StepOutcome } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import type { StepFailure } from './failures.ts';
import { failStep, requireFence } from './failures.ts';
import type { Usage } from './handoff.ts';
import { writeHandoff } from './handoff.ts';
import { logStep } from './log-step.ts';
import { placeWritten, writeOutput } from './run-proposal.ts';
import { isItem } from './step-keys.ts';

export { holdForApproval } from './approvals.ts';

export interface Done {
  /** Valid against the step's type, computed fields and defaults filled, checks met. */
  output: Json;
  usage: Usage;
  /** 0 to 1. */
  quality: number;
  /** The order of the person who gave the output. */
  suppliedBy?: string;
  /** What the step read; unless given, what its memoKey covers. */
  inputDigests?: Record<string, Digest>;
}

export const noUsage: Usage = { tokensIn: 0, tokensOut: 0, costUsd: 0, latencyMs: 0 };

/** Of what one model, tool or person gives, in characters of its JSON. What containers collect is made of many. */
const mostOutput = 16 * 1024 * 1024;

/**
 * Commits, and puts the output where in the proposal the document says. An output that is too large, or over what somebody
 * changed meanwhile, parks the step. An attempt that lost its fence commits nothing and throws fence-lost.
 */
export async function commitStep(deps: Dependencies, claim: Claim, done: Done): Promise<StepOutcome> {
  const tenant = claim.actor.tenant;
  const size = claim.node.kind === 'agent' || claim.node.kind === 'tool' ? JSON.stringify(done.output).length : 0;
  if (
    size > mostOutput &&
    !('each' in claim.node && claim.node.each !== undefined && !isItem(claim.node.id, claim.path))
  ) {
    return failStep(deps, claim, {
      class: 'invalid-output',
      detail: `Unexpected output of ${size} characters, expected at most ${mostOutput}`,
      final: true,
    });
  }
  const place = placeWritten(claim);
  const outcome = await deps.store.actAs(claim.actor, async (tx): Promise<StepOutcome | { failure: StepFailure }> => {
    // The key is asked for with it: storing the output needs it.
    const [row] = await Promise.all([requireFence(tx, claim), artifactKey(tx, tenant)]);
    const failure = place && (await writeOutput(tx, deps, claim, place, done.output));
    if (failure) return { failure };
    const output = await putArtifact(tx, tenant, done.output);
    const view = viewOfOutput(claim, done.output);
    const handoff = writeHandoff(
      {
        run: claim.runId,
        step: claim.node.id,
        attempt: claim.attempt,
        agent: claim.node.kind === 'agent' && done.suppliedBy === undefined ? claim.node.agent : null,
        idempotencyKey: claim.memoKey,
        inputDigests: done.inputDigests ?? claim.inputDigests,
        outputDigest: output,
        qualityScore: done.quality,
        usage: { ...done.usage, latencyMs: Math.round(done.usage.latencyMs) },
      },
      done.output,
    );
    const about = { execution: claim.execution, attempt: claim.attempt };
    const events: NewEvent[] = [
      {
        run: claim.runId,
        type: 'step.validated',
        sourceKey: `validated:${claim.execution}`,
        node: claim.node.id,
        body: { ...about, qualityScore: done.quality },
      },
      {
        run: claim.runId,
        type: 'step.committed',
        sourceKey: `committed:${claim.execution}`,
        node: claim.node.id,
        body: {
          ...about,
          output,
          ...(done.suppliedBy === undefined ? {} : { suppliedBy: done.suppliedBy }),
          qualityScore: done.quality,
          tokensIn: done.usage.tokensIn,
          tokensOut: done.usage.tokensOut,
          costUsd: done.usage.costUsd,
        },
      },
    ];
    await Promise.all([
      ...(row.status === 'running'
        ? [
            ask(
              tx,
            )`UPDATE step_execution SET status = 'validated' WHERE tenant_id = ${tenant} AND id = ${claim.execution}`,
          ]
        : []),
      ask(tx)`UPDATE step_execution SET status = 'committed', output_digest = ${output},
          view = ${view === undefined ? null : JSON.stringify(view)}, handoff = ${handoff},
          failure_class = NULL, failure_detail = NULL, ended_at = ${deps.clock()}
        WHERE tenant_id = ${tenant} AND id = ${claim.execution}`,
      appendEvents(tx, events),
    ]);
    return { status: 'committed', output, ...(view === undefined ? {} : { view }) };
  });
  if ('failure' in outcome) return failStep(deps, claim, outcome.failure);
  logStep(deps, claim, {
    level: 'info',
    event: 'step.committed',
    status: 'committed',
    tokens: done.usage.tokensIn + done.usage.tokensOut,
    cost: done.usage.costUsd,
  });
  return outcome;
}

/** What the proposal holds is opaque: conditions read it as it stands then, by an activity. */
function viewOfOutput({ loaded, node }: Claim, output: Json): View | undefined {
  const paths = loaded.viewPaths[node.id] ?? [];
  if (!writesProposal(loaded.graph, node)) return deriveView(output, paths);
  return paths.length === 0 ? undefined : { opaque: [...paths] };
}
