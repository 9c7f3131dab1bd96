/**
 * Doing a request once: the key's row is inserted in the transaction that does the work, so both stand or neither. A
 * second request with the key waits for the first to commit and then gets the bytes the first one got.
 */
import { canonicalJson, sha256Hex } from '../compiler/canonical.ts';
import type { Actor, Tx } from '../prisma/open.ts';
import { Problem } from './errors.ts';

export interface Answer {
  status: number;
  /** JSON, as sent. */
  body: string;
}

/** @throws Problem idempotency-key-reused when the key came with another request; whatever `work` throws, keeping nothing. */
export async function once(
  tx: Tx,
  actor: Actor,
  key: string,
  fingerprint: string,
  work: () => Promise<Answer>,
): Promise<Answer & { replayed: boolean }> {
  const row = { tenantId: actor.tenant, userId: actor.user, key };
  const claimed = await tx.idempotentRequest.createMany({
    data: [{ ...row, fingerprint, status: 0, body: '', createdAt: new Date() }],
    skipDuplicates: true,
  });
  const where = { tenantId_userId_key: row };
  if (claimed.count === 0) {
    const first = await tx.idempotentRequest.findUniqueOrThrow({ where });
    if (first.fingerprint !== fingerprint) throw new Problem('idempotency-key-reused');
    return { status: first.status, body: first.body, replayed: true };
  }
  const answer = await work();
  await tx.idempotentRequest.update({ where, data: { status: answer.status, body: answer.body } });
  return { ...answer, replayed: false };
}

/** Names a request: two with the same one ask for the same thing. */
export function fingerprintOf(method: string, path: string, body: unknown): string {
  return sha256Hex(canonicalJson([method, path, body ?? null]));
}
