/** A write that an agent asks its session's owner for: from the question to the turn that makes the call. */
import { answerConfirmation } from '../../../api/sessions/confirmations.ts';
import type { Json } from '../../../compiler/types.ts';
import type { Actor } from '../../../prisma/open.ts';
import type { Dependencies } from '../../dependencies.ts';
import type { Fixture } from '../../testing/run-fixture.ts';
import { requester, tenant } from '../../testing/run-fixture.ts';
import type { TalkedOver } from './session-step.ts';
import type { StreamingModel } from './streaming-model.ts';

export interface AskedWrite {
  session: string;
  confirmation: string;
  deed: Json;
}

/** The agent asks for the write: the tool by the name that a model has for it. Throws when the turn does not end. */
export async function askForWrite(
  { fixture, model }: { fixture: Fixture; model: StreamingModel },
  talked: TalkedOver,
  { actor = requester, tool = 'rooms__book', args = { room: 'Blue' } as Json } = {},
): Promise<AskedWrite> {
  const said = [{ calls: [{ name: tool, args }] }, 'I asked you.'];
  model.next = () => said.shift() ?? 'That is all.';
  const { state, session, turn } = await talked.talk(actor, 'Book the blue room.');
  if (state !== 'done') throw new Error(`the turn in which the agent asks is ${state}`);
  const asked = await fixture.api.actAs(actor, (tx) =>
    tx.confirmation.findFirstOrThrow({ where: { tenantId: tenant, turnId: turn } }),
  );
  return { session, confirmation: asked.id, deed: JSON.parse(asked.body) as Json };
}

/** The owner says yes; gives the turn that does it. */
export async function sayYesTo(
  { fixture, deps }: { fixture: Fixture; deps: Dependencies },
  { session, confirmation }: AskedWrite,
  actor: Actor = requester,
): Promise<{ session: string; turn: string }> {
  const { outcome } = await fixture.api.actAs(actor, (tx) =>
    answerConfirmation(tx, deps.definitions, actor, { session, confirmation, answer: 'yes' }),
  );
  const { turn } = outcome as { did: 'begun'; turn: string };
  return { session, turn };
}
