/** Who may vote at a gate now, for themselves or in another's place. Read anew each time: rights end at once. */
import type { Tx } from '../prisma/open.ts';
import { ask } from '../prisma/statements.ts';
import type { Approvers, GateRow } from './gate-rows.ts';
import { approversOf, notByOf } from './gate-rows.ts';
import type { Voter } from './gate-votes.ts';
import { mayVote } from './gate-votes.ts';
import type { RunRow } from './run-view.ts';

export type NoRight = 'not-an-approver' | 'separation-of-duties';

/** Of the run of a gate: what `not by: requester` is read from. */
type StartedRun = Pick<RunRow, 'id' | 'requesterId' | 'resumesRunId' | 'callerRunId'>;

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
  run: StartedRun,
  people: readonly string[],
): Promise<GateRights> {
  const { tenantId: tenant, id } = gate;
  const [barred, delegations, voters] = await Promise.all([
    barredFrom(tx, gate, run),
    ask<{ from: string; to: string }>(tx)`SELECT from_user_id AS "from", to_user_id AS "to" FROM gate_delegation
      WHERE tenant_id = ${tenant} AND gate_id = ${id} AND withdrawn_at IS NULL ORDER BY made_at, id`,
    ask<Voter>(tx)`SELECT person.id, ARRAY(SELECT DISTINCT role FROM membership
        WHERE tenant_id = person.tenant_id AND user_id = person.id) AS roles
      FROM user_account person
      WHERE person.tenant_id = ${tenant} AND person.active AND person.kind = 'person' AND person.id IN (
        SELECT unnest(${people}::text[])
        UNION SELECT unnest(ARRAY[from_user_id, to_user_id]) FROM gate_delegation
          WHERE tenant_id = ${tenant} AND gate_id = ${id} AND withdrawn_at IS NULL)`,
  ]);
  return {
    approvers: approversOf(gate),
    barred,
    delegations,
    voters: new Map(voters.map((voter) => [voter.id, voter])),
  };
}

async function barredFrom(tx: Tx, gate: GateRow, run: StartedRun): Promise<ReadonlySet<string>> {
  const notBy = notByOf(gate);
  const barred = new Set<string>();
  const addThose = (rows: { userId: string }[]) => {
    for (const { userId } of rows) barred.add(userId);
  };
  if (notBy.includes('requester')) {
    barred.add(run.requesterId);
    // The input of a first run is nobody else's.
    if (run.resumesRunId !== null || run.callerRunId !== null)
      addThose(await ask<{ userId: string }>(tx)`SELECT user_id FROM input_editors(${run.id})`);
  }
  if (notBy.includes('contributors'))
    addThose(await ask<{ userId: string }>(tx)`SELECT user_id FROM gate_contributors(${gate.id})`);
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
