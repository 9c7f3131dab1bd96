/**
 * The journal of a step: each model response and each answer of a read tool, recorded when it arrives and never asked
 * for again. A later attempt replays it position by position.
 */
import type { Json } from '../compiler/types.ts';
import { digestOf, getArtifact, putArtifact } from '../prisma/artifacts.ts';
import { appendEvents } from '../prisma/run-log.ts';
import type { Claim } from './claim.ts';
import type { Digest } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { requireFence } from './failures.ts';
import type { Usage } from './handoff.ts';

/** Whose journal it is: the step's own, or that of one delegation within it. */
export interface Speaker {
  /** Empty for the step's own conversation; else the turns, joined by dots, at which the work was handed on. */
  delegation: string;
  /** Ids of agents: who is asked, last, after those for whom. */
  agents: string[];
}

export interface Turn {
  /** Position in the journal, from 0. */
  seq: number;
  kind: 'model' | 'tool';
  /** Digest of what was asked (`requestDigestOf`); the same position asked differently is a bug in the step. */
  requestDigest: Digest;
  response: Json;
  /** The model that answered, or the tool. */
  source: string;
  latencyMs: number;
  tokensIn: number;
  tokensOut: number;
  costUsd: number;
  /** Numbers and ids about the request, for its event: what the model was shown and what was cut. Never content. */
  notes?: Record<string, Json>;
}

/** The digest by which a turn names what was asked. */
export function requestDigestOf(claim: Claim, request: Json): Digest {
  return digestOf(claim.artifactKey, request);
}

/** The recorded turns of one journal in order, with their responses. */
export async function turnsOf(deps: Dependencies, claim: Claim, delegation = ''): Promise<Turn[]> {
  return deps.store.actAs(claim.actor, async (tx) => {
    const rows = await tx.stepTurn.findMany({
      where: { tenantId: claim.actor.tenant, stepExecutionId: claim.execution, delegation },
      orderBy: { seq: 'asc' },
    });
    const turns: Turn[] = [];
    for (const row of rows) {
      turns.push({
        seq: row.seq,
        kind: row.kind === 'model' ? 'model' : 'tool',
        requestDigest: row.requestDigest,
        response: await getArtifact(tx, claim.actor.tenant, row.responseDigest),
        source: row.source,
        latencyMs: row.latencyMs,
        tokensIn: row.tokensIn,
        tokensOut: row.tokensOut,
        costUsd: row.costUsd,
      });
    }
    return turns;
  });
}

/** What was paid for work that the step's agent handed to others, whichever attempt paid for it. */
export async function usageOfDelegates(deps: Dependencies, claim: Claim): Promise<Omit<Usage, 'latencyMs'>> {
  const { _sum: sum } = await deps.store.actAs(claim.actor, (tx) =>
    tx.stepTurn.aggregate({
      where: { tenantId: claim.actor.tenant, stepExecutionId: claim.execution, delegation: { not: '' } },
      _sum: { tokensIn: true, tokensOut: true, costUsd: true },
    }),
  );
  return { tokensIn: sum.tokensIn ?? 0, tokensOut: sum.tokensOut ?? 0, costUsd: sum.costUsd ?? 0 };
}

/** Records one turn at its position. Throws fence-lost when a newer attempt has taken over: then nothing is recorded. */
export async function recordTurn(deps: Dependencies, claim: Claim, turn: Turn, speaker: Speaker): Promise<void> {
  const { delegation, agents } = speaker;
  await deps.store.actAs(claim.actor, async (tx) => {
    await requireFence(tx, claim);
    const responseDigest = await putArtifact(tx, claim.actor.tenant, turn.response);
    await tx.stepTurn.create({
      data: {
        tenantId: claim.actor.tenant,
        stepExecutionId: claim.execution,
        delegation,
        agents,
        seq: turn.seq,
        kind: turn.kind,
        requestDigest: turn.requestDigest,
        responseDigest,
        source: turn.source,
        attempt: claim.attempt,
        latencyMs: Math.round(turn.latencyMs),
        tokensIn: turn.tokensIn,
        tokensOut: turn.tokensOut,
        costUsd: turn.costUsd,
        at: deps.clock(),
      },
    });
    await appendEvents(tx, [
      {
        run: claim.runId,
        type: 'step.turn',
        sourceKey: `turn:${claim.execution}:${delegation === '' ? '' : `${delegation}:`}${turn.seq}`,
        node: claim.node.id,
        body: {
          execution: claim.execution,
          attempt: claim.attempt,
          turn: turn.seq,
          ...(delegation === '' ? {} : { delegation, agent: agents.at(-1) ?? null }),
          kind: turn.kind,
          source: turn.source,
          requestDigest: turn.requestDigest,
          responseDigest,
          latencyMs: Math.round(turn.latencyMs),
          tokensIn: turn.tokensIn,
          tokensOut: turn.tokensOut,
          costUsd: turn.costUsd,
          ...turn.notes,
        },
      },
    ]);
  });
}
