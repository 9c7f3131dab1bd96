/**
 * Whether what a gate shows of a proposal is what stands there, and a task that is its assignee's was asked of who that is:
 * people edit it and hand it over while the gate waits.
 */
import { proposalValue } from '../compiler/proposal-places.ts';
import { artifactKey, digestOf } from '../prisma/artifacts.ts';
import { gateLapsed } from '../prisma/gate-events.ts';
import type { Tx } from '../prisma/open.ts';
import { readContents } from '../prisma/proposal-contents.ts';
import { holdProposal } from '../prisma/proposals.ts';
import { appendEvents } from '../prisma/run-log.ts';
import type { GateRow } from './gate-rows.ts';
import { assigneeEpochOf, proposalOf } from './gate-rows.ts';

/** Nobody writes the proposal until the transaction ends. */
export async function proposalStands(tx: Tx, gate: GateRow): Promise<boolean> {
  const [shown, asked] = [proposalOf(gate), assigneeEpochOf(gate)];
  if (shown === undefined && asked === undefined) return true;
  const { tenantId, rootRunId } = gate;
  const { id } = await tx.proposal.findUniqueOrThrow({
    where: { tenantId_runId: { tenantId, runId: rootRunId } },
    select: { id: true },
  });
  const { sections, assigneeEpoch } = await holdProposal(tx, tenantId, id);
  if (asked !== undefined && asked !== assigneeEpoch) return false;
  if (shown === undefined) return true;
  const contents = await readContents(tx, tenantId, sections);
  return digestOf(await artifactKey(tx, tenantId), proposalValue(contents, shown.reads)) === shown.digest;
}

/** Its run asks again, about what stands there now, once it is rung. */
export async function lapseGate(tx: Tx, gate: GateRow): Promise<void> {
  await tx.gate.updateMany({
    where: { tenantId: gate.tenantId, id: gate.id, status: 'open' },
    data: { status: 'lapsed' },
  });
  await appendEvents(tx, [gateLapsed(gate.runId, gate)]);
}
