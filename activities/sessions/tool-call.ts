/** A call of a tool by the agent of a session: what it may use, and what comes of it. */
import type { Json } from '../../compiler/types.ts';
import type { Tx } from '../../prisma/open.ts';
import type { NewMessage } from '../../prisma/sessions.ts';
import type { Dependencies } from '../dependencies.ts';
import type { TurnClaim } from './claim-turn.ts';

export interface Around {
  tx: Tx;
  deps: Dependencies;
  claim: TurnClaim;
}

export interface Done {
  /** For the model. */
  response: Json;
  /** For the transcript. */
  say?: NewMessage;
  /** Whether the response holds text that is not the owner's. */
  untrusted?: boolean;
}

/** How much of a proposal or a transcript a model is shown at once. */
export const windowTokens = 12_000;
