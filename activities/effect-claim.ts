/** Who makes a write: an attempt of a step under its fence, or a turn of a session. */
import type { Tx } from '../prisma/open.ts';
import type { Claim } from './claim.ts';
import { holdsFence } from './fence.ts';

export type EffectClaim = Pick<
  Claim,
  | 'actor'
  | 'node'
  | 'path'
  | 'runId'
  | 'rootRun'
  | 'artifactKey'
  | 'attempt'
  | 'practice'
  | 'practicePass'
  | 'takesBack'
> &
  (
    | Pick<Claim, 'execution' | 'fence'>
    | {
        turn: string;
        /** Whether it is still this attempt's to do. Holds the turn until the transaction ends. */
        holds: (tx: Tx) => Promise<boolean>;
      }
  );

/** Whether nobody has taken the work over. Holds the row that says so until the transaction ends. */
export async function holdsWork(tx: Tx, claim: EffectClaim): Promise<boolean> {
  return 'turn' in claim ? claim.holds(tx) : (await holdsFence(tx, claim)) !== undefined;
}

/** For the log. */
export const makerOf = (claim: EffectClaim): { execution: string } | { turn: string } =>
  'turn' in claim ? { turn: claim.turn } : { execution: claim.execution };
