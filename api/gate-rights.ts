/** Who may vote at a gate now, for themselves or in another's place. Read anew each time: rights end at once. */
import type { Tx } from '../prisma/open.ts';
import type { Approvers, GateRow } from './gate-rows.ts';
import { approversOf, notByOf } from './gate-rows.ts';
import type { Voter } from './gate-votes.ts';
import { mayVote } from './gate-votes.ts';

export type NoRight = 'not-an-approver' | 'separation-of-duties';

export interface GateRights {
  approvers: Approvers;
  /** Those whom `not by` binds. */
  barred: ReadonlySet<string>;
  delegations: readonly { from: string; to: string }[];
  /** By id, of those who were asked about: active persons with the roles they hold. */
  voters: ReadonlyMap<string, Voter>;
}

/** Reads the rights of these people, and of those whose votes were delegated to somebody. */
export async function readRights(
  tx: Tx,
  gate: GateRow,
  run: { requesterId: string },
  people: readonly string[],
): Promise<GateRights> {
  const tenantId = gate.tenantId;
  const delegations = (
    await tx.gateDelegation.findMany({
      where: { tenantId, gateId: gate.id, withdrawnAt: null },
      orderBy: [{ madeAt: 'asc' }, { id: 'asc' }],
    })
  ).map(({ fromUserId, toUserId }) => ({ from: fromUserId, to: toUserId }));
  const ids = new Set([...people, ...delegations.flatMap(({ from, to }) => [from, to])]);
  const users = await tx.user.findMany({
    where: { tenantId, id: { in: [...ids] }, active: true, kind: 'person' },
    select: { id: true, memberships: { select: { role: true } } },
  });
  return {
    approvers: approversOf(gate),
    barred: await barredFrom(tx, gate, run),
    delegations,
    voters: new Map(
      users.map(({ id, memberships }) => [id, { id, roles: [...new Set(memberships.map(({ role }) => role))] }]),
    ),
  };
}

async function barredFrom(tx: Tx, gate: GateRow, run: { requesterId: string }): Promise<ReadonlySet<string>> {
  const notBy = notByOf(gate);
  const barred = new Set<string>();
  if (notBy.includes('requester')) barred.add(run.requesterId);
  if (notBy.includes('contributors')) {
    for (const { user_id: user } of await tx.$queryRaw<
      { user_id: string }[]
    >`SELECT user_id FROM gate_contributors(${gate.id})`)
      barred.add(user);
  }
  return barred;
}

/** A person's own right, whoever uses it. */
export function ownRight(rights: GateRights, person: string): NoRight | undefined {
  const voter = rights.voters.get(person);
  if (voter === undefined || !mayVote(rights.approvers, voter)) return 'not-an-approver';
  return rights.barred.has(person) ? 'separation-of-duties' : undefined;
}

/**
 * Whose vote `by` may cast: their own, or one that was delegated to them. `not by` binds who casts it as well as whose it is.
 * `forPerson`: the one whose vote is meant, where that is said.
 */
export function voteOf(
  rights: GateRights,
  by: string,
  forPerson: string | undefined,
): { principal: string } | { refused: NoRight } {
  const own = ownRight(rights, by);
  if (forPerson === by || (forPerson === undefined && own === undefined)) {
    return own === undefined ? { principal: by } : { refused: own };
  }
  if (rights.barred.has(by)) return { refused: 'separation-of-duties' };
  const caster = rights.voters.get(by);
  const given = rights.delegations.filter(
    ({ from, to }) => to === by && (forPerson === undefined || from === forPerson),
  );
  // Who has no role in the tenant any more decides nothing in it.
  if (caster === undefined || caster.roles.length === 0 || given.length === 0)
    return { refused: own ?? 'not-an-approver' };
  const usable = given.find(({ from }) => ownRight(rights, from) === undefined);
  if (usable !== undefined) return { principal: usable.from };
  return { refused: ownRight(rights, given[0]?.from ?? '') ?? 'not-an-approver' };
}

export interface Vote {
  id: string;
  userId: string;
  forUserId: string | null;
  action: string;
}

/**
 * The votes that count now, oldest first: of each person the latest, whether they cast it or had it cast, and only while
 * they have the right to it.
 */
export function votesThatCount<Of extends Vote>(rights: GateRights, votes: readonly Of[]): Of[] {
  const counted: Of[] = [];
  const seen = new Set<string>();
  for (const vote of votes.toReversed()) {
    const people = new Set([vote.userId, vote.forUserId ?? vote.userId]);
    if ([...people].some((person) => seen.has(person))) continue;
    for (const person of people) seen.add(person);
    const right = voteOf(rights, vote.userId, vote.forUserId ?? vote.userId);
    if ('principal' in right) counted.unshift(vote);
  }
  return counted;
}

/** Those who cast the votes in their own place or another's, as places are counted. */
export function votersOf(rights: GateRights, votes: readonly Vote[]): Voter[] {
  return votes.flatMap(({ userId, forUserId }) => rights.voters.get(forUserId ?? userId) ?? []);
}
