/** Before a gate is decided: taking it on, letting go of it, and having another person vote. */
import { randomUUID } from 'node:crypto';
import { notify } from '../prisma/notifications.ts';
import type { Identity, Tx } from '../prisma/open.ts';
import { appendEvents } from '../prisma/run-log.ts';
import { endDelegations, tellFormerDelegates } from './end-delegations.ts';
import { Problem } from './errors.ts';
import { nodeOf } from './gate-forms.ts';
import { gateProblem } from './gate-problems.ts';
import { ownRight, readRights, voteOf } from './gate-rights.ts';
import type { GateRow } from './gate-rows.ts';
import type { GraphCache } from './graph-cache.ts';
import { holdGate } from './hold-gate.ts';
import { operatingRoles } from './operators.ts';
import { assignToClaimer } from './proposals/share.ts';
import type { RunRow } from './run-view.ts';

export interface Held {
  gate: GateRow;
  run: RunRow;
}

/** The gate, locked and open. @throws Problem not-found, already-decided, not-open */
export async function holdOpenGate(tx: Tx, tenant: string, id: string): Promise<Held> {
  const held = await holdGate(tx, tenant, id);
  if (held === undefined) throw gateProblem('not-found');
  if (held.gate.status === 'decided') throw gateProblem('already-decided');
  if (held.gate.status !== 'open' || held.run.endedAt !== null) throw gateProblem('not-open');
  return held;
}

/**
 * Takes the gate on: others who may decide it see by whom. Claiming one's own again changes nothing. At a gate that says
 * `share: handoff` the claimer becomes the assignee of the run's proposal.
 * @throws Problem as holdOpenGate; not-an-approver, separation-of-duties, claimed
 */
export async function claimGate(tx: Tx, graphs: GraphCache, person: Identity, id: string): Promise<GateRow> {
  const held = await holdOpenGate(tx, person.tenant, id);
  const { gate, run } = held;
  const { claimedBy } = gate;
  const rights = await readRights(tx, gate, run, [person.user, ...(claimedBy === null ? [] : [claimedBy])]);
  const right = voteOf(rights, person.user, undefined);
  if ('refused' in right) throw gateProblem(right.refused);
  if (claimedBy === person.user) return gate;
  // The claim of somebody without the right stands in nobody's way.
  if (claimedBy !== null && 'principal' in voteOf(rights, claimedBy, undefined)) throw gateProblem('claimed');
  const claimed = await setClaim(tx, held, person.user, person.user);
  await takeOverProposal(tx, graphs, person, held);
  return claimed;
}

async function takeOverProposal(tx: Tx, graphs: GraphCache, person: Identity, { gate, run }: Held): Promise<void> {
  const loaded = await graphs.load(tx, person.tenant, run.graphHash);
  const node = loaded && nodeOf(loaded, gate);
  if (node?.kind !== 'approve' || node.share !== 'handoff') return;
  const proposal = await tx.proposal.findFirst({ where: { tenantId: person.tenant, runId: run.rootRunId } });
  if (proposal !== null) await assignToClaimer(tx, person, proposal.id);
}

/**
 * Lets go of the gate. An operator may do so in the claimer's place; releasing what nobody claimed changes nothing.
 * @throws Problem as holdOpenGate; not-permitted
 */
export async function releaseGate(tx: Tx, person: Identity, id: string): Promise<GateRow> {
  const held = await holdOpenGate(tx, person.tenant, id);
  const { claimedBy } = held.gate;
  if (claimedBy !== null && claimedBy !== person.user && !person.roles.some((role) => operatingRoles.includes(role))) {
    throw new Problem('not-permitted', {
      detail: `Only who claimed a gate, or someone with the role ${operatingRoles.join(' or ')}, may release it.`,
    });
  }
  return claimedBy === null ? held.gate : setClaim(tx, held, null, person.user);
}

async function setClaim(tx: Tx, { gate, run }: Held, claimer: string | null, by: string): Promise<GateRow> {
  const changed = await tx.gate.update({
    where: { tenantId_id: { tenantId: gate.tenantId, id: gate.id } },
    data: { claimedBy: claimer, claimedAt: claimer === null ? null : new Date() },
  });
  const type = claimer === null ? 'gate.released' : 'gate.claimed';
  await appendEvents(tx, [
    { run: run.id, type, sourceKey: `${type}:${randomUUID()}`, node: gate.node, body: { gate: gate.id, user: by } },
  ]);
  return changed;
}

/**
 * Has another person vote in one's place, until one votes oneself or has a third do it. `not by` binds both of them.
 * @throws Problem as holdOpenGate; not-an-approver, separation-of-duties, unknown-person
 */
export async function delegateVote(tx: Tx, person: Identity, id: string, to: string): Promise<void> {
  const { tenant, user } = person;
  const { gate, run } = await holdOpenGate(tx, tenant, id);
  const rights = await readRights(tx, gate, run, [user, to]);
  const refused = ownRight(rights, user);
  if (refused !== undefined) throw gateProblem(refused);
  const delegate = rights.voters.get(to);
  if (to === user || delegate === undefined || delegate.roles.length === 0) {
    throw new Problem('unknown-person', {
      detail: 'Name another active person of your tenant who holds a role in it. `GET /people?q=` finds them.',
    });
  }
  if (rights.barred.has(to)) throw gateProblem('separation-of-duties');
  if (rights.delegations.some((one) => one.from === user && one.to === to)) return;
  const madeAt = new Date();
  await tellFormerDelegates(tx, gate, await endDelegations(tx, gate, user, madeAt));
  const delegation = randomUUID();
  await tx.gateDelegation.create({
    data: { tenantId: tenant, gateId: gate.id, id: delegation, fromUserId: user, toUserId: to, madeAt },
  });
  // What one gives away one no longer works on.
  if (gate.claimedBy === user) {
    await tx.gate.update({
      where: { tenantId_id: { tenantId: tenant, id: gate.id } },
      data: { claimedBy: null, claimedAt: null },
    });
  }
  const sourceKey = `gate.delegated:${delegation}`;
  await notify(tx, tenant, [
    {
      user: to,
      kind: 'delegated',
      address: `/gates/${gate.id}`,
      body: { gate: gate.id, run: run.id, from: user },
      sourceKey,
    },
  ]);
  await appendEvents(tx, [
    { run: run.id, type: 'gate.delegated', sourceKey, node: gate.node, body: { gate: gate.id, from: user, to } },
  ]);
}

/**
 * Takes one's vote back from who may cast it; what they cast counts no more. Withdrawing what nobody has changes nothing.
 * Asks for no right but that of having delegated: who has lost theirs may still end it.
 * @returns from whom; undefined when nobody had it
 * @throws Problem as holdOpenGate
 */
export async function withdrawDelegation(tx: Tx, person: Identity, id: string): Promise<string | undefined> {
  const { tenant, user } = person;
  const { gate, run } = await holdOpenGate(tx, tenant, id);
  const ended = await endDelegations(tx, gate, user, new Date());
  const [delegation] = ended;
  if (delegation === undefined) return undefined;
  await tellFormerDelegates(tx, gate, ended);
  const to = delegation.toUserId;
  await appendEvents(tx, [
    {
      run: run.id,
      type: 'gate.delegation-withdrawn',
      sourceKey: `gate.delegation-withdrawn:${delegation.id}`,
      node: gate.node,
      body: { gate: gate.id, from: user, to },
    },
  ]);
  return to;
}
