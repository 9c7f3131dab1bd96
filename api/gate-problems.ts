/** Why something is refused at a gate, as the problem a person is answered with. */
import type { Violation } from '../compiler/validate-value.ts';
import type { RefusalReason } from './decide.ts';
import { notFound, Problem } from './errors.ts';

/** What a person can do about each refusal. The reason is the problem's type. */
const advice: Record<Exclude<RefusalReason, 'not-found'>, string> = {
  'not-open':
    'It lapsed because what it asked about changed, or its run has ended. See the open gates for what waits now.',
  'already-decided': 'It was decided, and that stands.',
  'already-voted': 'Your vote for this is counted; the gate waits for others. You may decide something else instead.',
  claimed: 'Somebody else is working on it. It can be decided once they release it.',
  'stale-subject': 'Read the gate again: the subject named is not what it asks about.',
  'not-an-approver': 'You are none of those who may decide it, and nobody delegated their vote to you.',
  'separation-of-duties':
    'You started the run, or wrote part of what is shown, or the one whose vote you would cast did.',
  'unknown-action': 'See the actions of the gate.',
  'invalid-form': 'See the form of the gate.',
};

/** The reason is the problem's type. */
export function gateProblem(reason: RefusalReason, violations: readonly Violation[] = []): Problem {
  if (reason === 'not-found') return notFound('gate');
  const errors = violations.map(({ path, message }) => ({ at: path, in: 'body' as const, message }));
  return new Problem(reason, { detail: advice[reason], ...(errors.length === 0 ? {} : { errors }) });
}
