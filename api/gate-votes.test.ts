import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Approvers, Asked } from './gate-rows.ts';
import type { Voter } from './gate-votes.ts';
import { mayVote, missingVotes } from './gate-votes.ts';

const asked = (need: Asked['need'], roles: string[], people: string[] = []): Asked => ({ need, roles, people });
const voter = (id: string, ...roles: string[]): Voter => ({ id, roles });
const approvers = (own: Asked, more: Partial<Approvers> = {}): Approvers => ({ own, quorum: 1, ...more });

describe('any of those who are asked', () => {
  test('one of them is enough, whether by role or by name', () => {
    const either = approvers(asked('any', ['manager', 'director'], ['mai']));
    expect(missingVotes(either, [])).toEqual([{ roles: ['manager', 'director'], people: ['mai'], more: 1 }]);
    expect(missingVotes(either, [voter('an', 'director')])).toEqual([]);
    expect(missingVotes(either, [voter('mai')])).toEqual([]);
    expect(missingVotes(either, [voter('bo', 'employee')])).toHaveLength(1);
  });

  test('a quorum needs as many of them', () => {
    const two = approvers(asked('any', ['manager']), { quorum: 2 });
    expect(missingVotes(two, [voter('mai', 'manager')])).toEqual([{ roles: ['manager'], people: [], more: 1 }]);
    expect(missingVotes(two, [voter('mai', 'manager'), voter('bo', 'employee')])).toHaveLength(1);
    expect(missingVotes(two, [voter('mai', 'manager'), voter('minh', 'manager')])).toEqual([]);
  });

  test('who was asked on counts like the others', () => {
    const two = approvers(asked('any', ['manager']), { quorum: 2, added: asked('any', ['director']) });
    expect(missingVotes(two, [voter('mai', 'manager'), voter('dan', 'director')])).toEqual([]);
    expect(missingVotes(two, [])).toEqual([{ roles: ['manager', 'director'], people: [], more: 2 }]);
  });
});

describe('all of those who are asked', () => {
  const both = approvers(asked('all', ['finance', 'legal'], ['mai']));

  test('each place is named until somebody fills it', () => {
    expect(missingVotes(both, [voter('fay', 'finance')])).toEqual([
      { roles: ['legal'], people: [], more: 1 },
      { roles: [], people: ['mai'], more: 1 },
    ]);
    expect(missingVotes(both, [voter('fay', 'finance'), voter('lee', 'legal'), voter('mai')])).toEqual([]);
  });

  test('a person with both roles fills one place, the one that leaves room for the others', () => {
    const pair = approvers(asked('all', ['finance', 'legal']));
    const versatile = voter('vi', 'finance', 'legal');
    expect(missingVotes(pair, [versatile])).toHaveLength(1);
    expect(missingVotes(pair, [versatile, voter('fay', 'finance')])).toEqual([]);
    expect(missingVotes(pair, [versatile, voter('lee', 'legal')])).toEqual([]);
  });

  test('who was asked on fills any empty place; those asked on together decide without the others', () => {
    const pair = asked('all', ['finance', 'legal']);
    const director = approvers(pair, { added: asked('any', ['director']) });
    expect(missingVotes(director, [voter('fay', 'finance'), voter('dan', 'director')])).toEqual([]);
    expect(missingVotes(director, [voter('dan', 'director')])).toHaveLength(1);
    const board = approvers(pair, { added: asked('all', ['director', 'chair']) });
    expect(missingVotes(board, [voter('dan', 'director'), voter('cy', 'chair')])).toEqual([]);
    expect(missingVotes(board, [voter('dan', 'director')])).toHaveLength(2);
  });
});

test('places are filled as well as trying every assignment fills them', () => {
  const roles = ['a', 'b', 'c'];
  const voters = fc.array(fc.subarray(roles), { maxLength: 4 });
  fc.assert(
    fc.property(fc.shuffledSubarray(roles, { minLength: 1 }), voters, (seats, held) => {
      const people = held.map((mine, index) => voter(`p${index}`, ...mine));
      const best = mostFilled(seats, people);
      const missing = missingVotes(approvers(asked('all', seats)), people);
      expect(missing.length).toBe(seats.length - best);
    }),
  );
});

function mostFilled([seat, ...seats]: string[], people: Voter[]): number {
  if (seat === undefined) return 0;
  const taken = people
    .filter(({ roles }) => roles.includes(seat))
    .map(
      (one) =>
        1 +
        mostFilled(
          seats,
          people.filter((other) => other !== one),
        ),
    );
  return Math.max(mostFilled(seats, people), ...taken);
}

test('only those who are asked may vote', () => {
  const gate = approvers(asked('any', ['manager'], ['mai']), { added: asked('all', ['director']) });
  expect(mayVote(gate, voter('x', 'manager'))).toBe(true);
  expect(mayVote(gate, voter('mai'))).toBe(true);
  expect(mayVote(gate, voter('x', 'director'))).toBe(true);
  expect(mayVote(gate, voter('x', 'employee'))).toBe(false);
});
