/** Who is shown what gates show: a proposal is read by its people, also where a gate shows what is in it. */
import type { Identity, Tx } from '../prisma/open.ts';
import type { GateRow } from './gate-rows.ts';
import { approversOf, everybodyAsked } from './gate-rows.ts';
import type { GraphCache } from './graph-cache.ts';
import { operatingRoles } from './operators.ts';
import { visibleTo } from './proposals/access.ts';
import type { RunRow } from './run-view.ts';

/**
 * Ids of those of the gates whose content this person is not shown: of a run that has a proposal, by the `## Proposal` of its
 * document, which they do not see; unless they started the run, are or were asked at the gate, or may order runs about.
 */
export async function hiddenFrom(
  tx: Tx,
  graphs: GraphCache,
  person: Identity,
  gates: readonly GateRow[],
  runs: readonly RunRow[],
): Promise<ReadonlySet<string>> {
  const { tenant, user, roles } = person;
  if (roles.some((role) => operatingRoles.includes(role))) return new Set();
  const startedByOthers = new Map(runs.filter(({ requesterId }) => requesterId !== user).map((run) => [run.id, run]));
  const unasked = gates.filter((gate) => startedByOthers.has(gate.runId) && !isAsked(person, gate));
  const unseen = await unseenLineages(tx, person, [...new Set(unasked.map(({ rootRunId }) => rootRunId))]);
  if (unseen.size === 0) return new Set();
  const ofThose = unasked.filter(({ rootRunId }) => unseen.has(rootRunId));
  const drawnIn = await drawnInto(tx, person, ofThose);
  const hidden = new Set<string>();
  for (const { id, runId } of ofThose) {
    const hash = startedByOthers.get(runId)?.graphHash;
    const loaded = hash === undefined ? undefined : await graphs.load(tx, tenant, hash);
    // Without it, a proposal holds what the run's Result says, and no gate shows what people make of that.
    if (!drawnIn.has(id) && loaded?.graph.proposal !== undefined) hidden.add(id);
  }
  return hidden;
}

/** By the gate's own rows, whether `not by` binds them or not. */
function isAsked({ user, roles }: Identity, gate: GateRow): boolean {
  const asked = everybodyAsked(approversOf(gate));
  return asked.people.includes(user) || asked.roles.some((role) => roles.includes(role));
}

/** Those of these first runs that have a proposal which the person does not see. */
async function unseenLineages(tx: Tx, { tenant, user, roles }: Identity, roots: string[]): Promise<Set<string>> {
  if (roots.length === 0) return new Set();
  const where = { tenantId: tenant, runId: { in: roots } };
  const all = await tx.proposal.findMany({ where, select: { id: true, runId: true } });
  if (all.length === 0) return new Set();
  const seen = await tx.proposal.findMany({ where: { ...where, ...visibleTo(user, roles) }, select: { id: true } });
  const ids = new Set(seen.map(({ id }) => id));
  return new Set(all.filter(({ id }) => !ids.has(id)).flatMap(({ runId }) => runId ?? []));
}

/** The gates at which the person voted, was given another's vote, or was asked a question. */
async function drawnInto(tx: Tx, { tenant, user }: Identity, gates: readonly GateRow[]): Promise<ReadonlySet<string>> {
  const of = { tenantId: tenant, gateId: { in: gates.map(({ id }) => id) } };
  const select = { gateId: true } as const;
  const found = [
    await tx.decision.findMany({ where: { ...of, userId: user }, select }),
    await tx.gateDelegation.findMany({ where: { ...of, toUserId: user, withdrawnAt: null }, select }),
    await tx.gateMessage.findMany({ where: { ...of, toUserId: user }, select }),
  ];
  return new Set(found.flat().map(({ gateId }) => gateId));
}
