/**
 * People's own credentials for tools. Sealed before they come into the store, by a key that is not in it; what is sealed for
 * one person and one tool opens as nobody else's and for no other.
 */
import type { Actor, Tx } from './act-as.ts';
import { appendAdminEvent } from './admin-log.ts';
import type { CredentialKey } from './sealing.ts';
import { seal, unseal } from './sealing.ts';

/** Keeps the actor's own credential for a tool, in the place of an earlier one. In the admin log, without the credential. */
export async function putConnection(
  tx: Tx,
  key: CredentialKey,
  actor: Actor,
  tool: string,
  credential: string,
): Promise<void> {
  const row = { sealed: seal(key, boundTo(actor, tool), credential), madeAt: new Date() };
  await appendAdminEvent(tx, { what: 'credential.connected', subject: tool, detail: {} });
  await write(tx, actor, tool, row);
}

/** Forgets it, and notes in the admin log that they said so. Where they never had one, nothing happens. */
export async function forgetConnection(tx: Tx, { tenant, user }: Actor, tool: string): Promise<void> {
  const { count } = await tx.connection.updateMany({
    where: { tenantId: tenant, userId: user, tool },
    data: { sealed: '', madeAt: new Date() },
  });
  if (count > 0) await appendAdminEvent(tx, { what: 'credential.removed', subject: tool, detail: {} });
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
  return row === null || row.sealed === '' ? undefined : unseal(key, boundTo(actor, tool), row.sealed);
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

const boundTo = ({ tenant, user }: Actor, tool: string) => [tenant, user, tool];
