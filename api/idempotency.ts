/**
 * Doing a request once: the key's row is inserted in the transaction that does the work, so both stand or neither. A
 * second request with the key waits for the first to commit and then gets the bytes the first one got.
 */
import { canonicalJson, sha256Hex } from '../compiler/canonical.ts';
import type { Actor, Tx } from '../prisma/open.ts';
import { ask } from '../prisma/statements.ts';
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
  const { tenant, user } = actor;
  const claimed = await ask(tx)`INSERT INTO idempotent_request
    (tenant_id, user_id, key, fingerprint, status, body, created_at)
    VALUES (${tenant}, ${user}, ${key}, ${fingerprint}, 0, '', now()) ON CONFLICT DO NOTHING RETURNING key`;
  if (claimed.length === 0) {
    const where = { tenantId_userId_key: { tenantId: tenant, userId: user, key } };
    const first = await tx.idempotentRequest.findUniqueOrThrow({ where });
    if (first.fingerprint !== fingerprint) throw new Problem('idempotency-key-reused');
    return { status: first.status, body: first.body, replayed: true };
  }
  const answer = await work();
  await ask(tx)`UPDATE idempotent_request SET status = ${answer.status}, body = ${answer.body}
    WHERE tenant_id = ${tenant} AND user_id = ${user} AND key = ${key}`;
  return { ...answer, replayed: false };
}

/** Names a request: two with the same one ask for the same thing. */
export function fingerprintOf(method: string, path: string, body: unknown): string {
  return sha256Hex(canonicalJson([method, path, body ?? null]));
}
