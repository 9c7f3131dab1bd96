/**
 * What a person fills in for a task whose document puts it into the proposal: written by the decision, over what is there.
 * And what a session came to, which is there already.
 */
import type { Contents } from '../compiler/proposal-definition.ts';
import { readDefinition } from '../compiler/proposal-definition.ts';
import { contentAt, placeOf, withContentAt } from '../compiler/proposal-places.ts';
import type { Json } from '../compiler/types.ts';
import type { Violation } from '../compiler/validate-value.ts';
import type { Actor, Tx } from '../prisma/open.ts';
import { readContents, writeCompleted } from '../prisma/proposal-contents.ts';
import type { HeldProposal } from '../prisma/proposals.ts';
import { holdProposal } from '../prisma/proposals.ts';
import { failedChecks, nodeOf } from './gate-forms.ts';
import type { GateRow } from './gate-rows.ts';
import type { LoadedGraph } from './graph-cache.ts';

/** What will be written, held until the transaction ends. */
export interface TaskWrite {
  proposal: HeldProposal;
  contents: Contents;
  section: string;
}

export type PreparedWrite =
  /** `output`: of a session, what it came to. */
  { ok: true; write?: TaskWrite; output?: Json } | { ok: false; violations: Violation[] };

/**
 * Nothing where the task's output stays with the run. Refused where the proposal is closed or does not take the form, and where
 * a session has not filled its place, or not as its checks say.
 */
export async function prepareWrite(
  tx: Tx,
  loaded: LoadedGraph,
  gate: GateRow,
  form: Json | undefined,
): Promise<PreparedWrite> {
  const node = gate.purpose === 'task' ? nodeOf(loaded, gate) : undefined;
  const place = node && placeOf(node);
  if (place === undefined) return { ok: true };
  const { id } = await tx.proposal.findUniqueOrThrow({
    where: { tenantId_runId: { tenantId: gate.tenantId, runId: gate.rootRunId } },
    select: { id: true },
  });
  const proposal = await holdProposal(tx, gate.tenantId, id);
  if (proposal.status !== 'open') {
    return {
      ok: false,
      violations: [{ path: '', message: 'Unexpected proposal that is closed, expected an open one' }],
    };
  }
  const current = await readContents(tx, gate.tenantId, proposal.sections);
  const definition = readDefinition(proposal.definition);
  if (node?.kind === 'session') {
    const output = contentAt(current, place);
    if (output === undefined && definition.field(place.section)?.optional !== true) {
      return {
        ok: false,
        violations: [{ path: '', message: `Unexpected absence, expected content of ${place.section || 'the state'}` }],
      };
    }
    const violations = output === undefined ? [] : await failedChecks(tx, gate, node.checks, output);
    return violations.length > 0 ? { ok: false, violations } : { ok: true, output: output ?? null };
  }
  const value = withContentAt(current, place, form ?? null);
  const completed = definition.complete(place.section, value, current);
  if (!completed.ok) return completed;
  return { ok: true, write: { proposal, contents: completed.contents, section: place.section } };
}

export async function writeTaskOutput(tx: Tx, actor: Actor, gate: GateRow, write: TaskWrite): Promise<void> {
  const from = { source: 'person', sourceId: gate.node } as const;
  await writeCompleted(tx, actor, write.proposal, write.contents, write.section, from);
}
