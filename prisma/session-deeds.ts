/**
 * What an agent asks its session's owner before doing it: kept as it was asked, and done when the owner says yes: at once by
 * the API, a call of a tool by a turn of the session.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Json } from '../compiler/types.ts';
import type { Actor, Tx } from './act-as.ts';
import type { AgentEdit } from './agent-edits.ts';
import { patchSchemaOf } from './json-patch.ts';
import { appendMessage } from './sessions.ts';

const content = z.json().transform((value) => value as Json);
const base = z.string().min(1).max(64).nullable();
const section = z.string().max(200);

/** Sharing never grants a transcript: a person does that, in a call that says so. */
export const deedSchema = z.discriminatedUnion('does', [
  z.strictObject({ does: z.literal('edit'), section, base, content }),
  /** Of the state. */
  z.strictObject({ does: z.literal('patch'), base, patch: patchSchemaOf(content) }),
  z.strictObject({ does: z.literal('suggest'), section, base, content }),
  z.strictObject({ does: z.literal('share'), person: z.string().min(1).max(200) }),
  z.strictObject({
    does: z.literal('hand over'),
    person: z.string().min(1).max(200),
    sections: z.array(z.string().min(1).max(200)).min(1).max(100).optional(),
  }),
  /** Of a write, in a step of the run. */
  z.strictObject({
    does: z.literal('call'),
    tool: z.string().min(1),
    arguments: z.record(z.string(), content),
    at: z.strictObject({ step: z.string().min(1), path: z.string() }),
  }),
]);
export type Deed = z.infer<typeof deedSchema>;
export type EditDeed = Extract<Deed, { does: 'edit' | 'patch' | 'suggest' }>;

export type CallDeed = Extract<Deed, { does: 'call' }>;

/** What a deed that changes the proposal, or would, asks for. */
export function editOf(deed: EditDeed): AgentEdit {
  if (deed.does === 'patch') return { section: '', base: deed.base, patch: deed.patch };
  const { does, ...edit } = deed;
  return { ...edit, suggest: does === 'suggest' };
}

/** Of the slots of the effect ledger that hold calls of sessions. */
export const callSlotPrefix = 'session ';

/** The slot of the call that this confirmation let be made. */
export const callSlot = (confirmation: string): string => `${callSlotPrefix}${confirmation}`;

/** Asks, and says so in the transcript. @returns the confirmation's id */
export async function askOwner(
  tx: Tx,
  actor: Actor,
  { session, turn }: { session: string; turn: string },
  deed: Deed,
): Promise<string> {
  const id = randomUUID();
  await tx.confirmation.create({
    data: {
      tenantId: actor.tenant,
      id,
      sessionId: session,
      ownerId: actor.user,
      turnId: turn,
      body: JSON.stringify(deed),
      askedAt: new Date(),
    },
  });
  const body = { confirmation: id, deed: JSON.parse(JSON.stringify(deed)) as Json };
  await appendMessage(tx, actor, session, { author: 'agent', kind: 'asks', turn, body });
  return id;
}
