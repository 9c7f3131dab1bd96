/**
 * People's own credentials for tools. Sealed before they come into the store, by a key that is not in it; what is sealed for
 * one person and one tool opens as nobody else's and for no other.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Actor, Tx } from './act-as.ts';

/** 32 bytes. */
export type CredentialKey = Uint8Array;

const cipher = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** From text: base64 of 32 bytes. Undefined when it is not. */
export function readCredentialKey(text: string): CredentialKey | undefined {
  const key = Buffer.from(text, 'base64');
  return key.length === 32 ? key : undefined;
}

/** Keeps the actor's own credential for a tool, in the place of an earlier one. */
export async function putConnection(
  tx: Tx,
  key: CredentialKey,
  actor: Actor,
  tool: string,
  credential: string,
): Promise<void> {
  const row = { sealed: seal(key, actor, tool, credential), madeAt: new Date() };
  await write(tx, actor, tool, row);
}

/** Forgets it. Where there is none, nothing happens. */
export async function forgetConnection(tx: Tx, { tenant, user }: Actor, tool: string): Promise<void> {
  await tx.connection.updateMany({
    where: { tenantId: tenant, userId: user, tool },
    data: { sealed: '', madeAt: new Date() },
  });
}

/** The actor's own credential for a tool; undefined where they have none. Throws when the row was sealed otherwise. */
export async function credentialOf(
  tx: Tx,
  key: CredentialKey,
  actor: Actor,
  tool: string,
): Promise<string | undefined> {
  const row = await tx.connection.findUnique({
    where: { tenantId_userId_tool: { tenantId: actor.tenant, userId: actor.user, tool } },
  });
  return row === null || row.sealed === '' ? undefined : open(key, actor, tool, row.sealed);
}

async function write(
  tx: Tx,
  { tenant, user }: Actor,
  tool: string,
  row: { sealed: string; madeAt: Date },
): Promise<void> {
  const of = { tenantId: tenant, userId: user, tool };
  const { count } = await tx.connection.createMany({ data: [{ ...of, ...row }], skipDuplicates: true });
  if (count === 0) await tx.connection.updateMany({ where: of, data: row });
}

const boundTo = ({ tenant, user }: Actor, tool: string) => Buffer.from(JSON.stringify([tenant, user, tool]));

function seal(key: CredentialKey, actor: Actor, tool: string, text: string): string {
  const nonce = randomBytes(nonceBytes);
  const sealing = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes }).setAAD(boundTo(actor, tool));
  const body = Buffer.concat([sealing.update(text, 'utf8'), sealing.final()]);
  return Buffer.concat([nonce, body, sealing.getAuthTag()]).toString('base64');
}

function open(key: CredentialKey, actor: Actor, tool: string, sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64');
  const opening = createDecipheriv(cipher, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
  opening.setAAD(boundTo(actor, tool)).setAuthTag(bytes.subarray(-tagBytes));
  return Buffer.concat([opening.update(bytes.subarray(nonceBytes, -tagBytes)), opening.final()]).toString('utf8');
}
