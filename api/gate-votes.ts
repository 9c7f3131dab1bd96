/** When a gate's votes are enough: counted over different people, each for one place at most. */
import type { Approvers, Asked } from './gate-rows.ts';

/** A vote whose owner has the right to it now. */
export interface Voter {
  /** Whose vote it is. */
  id: string;
  roles: readonly string[];
}

/** Who is still needed: so many more people out of these roles and persons. */
export interface Missing {
  roles: string[];
  people: string[];
  more: number;
}

/** A place to be filled by one person. */
type Seat = { role: string } | { person: string };

/** Empty when the votes suffice. Those who voted must be different people, and have decided the same. */
export function missingVotes(approvers: Approvers, voters: readonly Voter[]): Missing[] {
  const { own, added, quorum } = approvers;
  // Who was asked on together, each for a place, may decide without those who did not answer.
  if (added?.need === 'all' && unfilled(seatsOf(added), voters, undefined).length === 0) return [];
  const helping = added?.need === 'any' ? added : undefined;
  if (own.need === 'all') {
    return unfilled(seatsOf(own), voters, helping).map((seat) => ({
      roles: [...('role' in seat ? [seat.role] : []), ...(helping?.roles ?? [])],
      people: [...('person' in seat ? [seat.person] : []), ...(helping?.people ?? [])],
      more: 1,
    }));
  }
  const more = quorum - voters.filter((voter) => isAmong(voter, own) || (helping && isAmong(voter, helping))).length;
  if (more <= 0) return [];
  return [
    {
      roles: [...new Set([...own.roles, ...(helping?.roles ?? [])])],
      people: [...new Set([...own.people, ...(helping?.people ?? [])])],
      more,
    },
  ];
}

/** Has the person a right to vote, whatever else may bar them? */
export function mayVote(approvers: Approvers, voter: Voter): boolean {
  return isAmong(voter, approvers.own) || (approvers.added !== undefined && isAmong(voter, approvers.added));
}

function isAmong({ id, roles }: Voter, asked: Asked): boolean {
  return asked.people.includes(id) || asked.roles.some((role) => roles.includes(role));
}

function seatsOf({ roles, people }: Asked): Seat[] {
  return [...roles.map((role) => ({ role })), ...people.map((person) => ({ person }))];
}

const fits = (seat: Seat, { id, roles }: Voter): boolean =>
  'role' in seat ? roles.includes(seat.role) : seat.person === id;

/** The seats that stay empty when as many as possible are filled: a person who fits several takes the one that helps most. */
function unfilled(seats: readonly Seat[], voters: readonly Voter[], helping: Asked | undefined): Seat[] {
  const takenBy = new Map<Seat, Voter>();
  const canTake = (seat: Seat, voter: Voter): boolean =>
    fits(seat, voter) || (helping !== undefined && isAmong(voter, helping));

  /** Finds the voter a seat, having those who sit move on where they can. */
  function place(voter: Voter, tried: Set<Seat>): boolean {
    for (const seat of seats) {
      if (tried.has(seat) || !canTake(seat, voter)) continue;
      tried.add(seat);
      const sitting = takenBy.get(seat);
      if (sitting === undefined || place(sitting, tried)) {
        takenBy.set(seat, voter);
        return true;
      }
    }
    return false;
  }

  for (const voter of voters) place(voter, new Set());
  return seats.filter((seat) => !takenBy.has(seat));
}
