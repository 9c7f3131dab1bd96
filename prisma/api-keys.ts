/**
 * Keys by which services sign in: `waymark_<id>_<secret>`. The secret is 256 random bits, so its SHA-256 needs no salt
 * and no slowing down; only the hash is kept. A key acts as its service, an account without roles, which keeps its name
 * and its runs when keys are changed.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Actor, Tx } from './act-as.ts';
import { appendAdminEvent } from './admin-log.ts';

/** All that a key may be allowed. Nothing here decides a gate, writes a transcript or makes a key, and nothing may. */
export const keyScopes = [
  'documents:read',
  'documents:write',
  'runs:read',
  'runs:write',
  'gates:read',
  'people:read',
  'people:admin',
  'audit:read',
] as const;
export type KeyScope = (typeof keyScopes)[number];

export interface KeyText {
  /** 16 hexadecimal digits. Not secret. */
  id: string;
  secret: string;
}

const keyPattern = /^waymark_([0-9a-f]{16})_([\w-]{43})$/;

/** The parts of a bearer token that is a key; undefined of any other. */
export function readKeyText(token: string): KeyText | undefined {
  const [, id, secret] = keyPattern.exec(token) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

export function newKeyText(): KeyText {
  return { id: randomBytes(8).toString('hex'), secret: randomBytes(32).toString('base64url') };
}

/** What is given to the service, once. */
export const keyTextOf = ({ id, secret }: KeyText): string => `waymark_${id}_${secret}`;

/** Whether the secret is the one that was hashed, in a time that tells nothing of either. */
export function isSecretOf(secret: string, secretHash: string): boolean {
  return timingSafeEqual(hashOf(secret), Buffer.from(secretHash, 'hex'));
}

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret, 'utf8').digest();

/** Issuer of every service's account: no token of an issuer can name it. */
const serviceIssuer = 'urn:waymark:service';

/** Keys of one service have one account: its id, which no person's can be. */
export const serviceUserOf = (service: string): string => `service:${service}`;

export interface NewKey {
  service: string;
  scopes: KeyScope[];
  expiresAt?: Date;
}

/** Makes the key, and its service's account with the first. Throws when the actor is not of the tenant. */
export async function createKey(tx: Tx, actor: Actor, key: KeyText, { service, scopes, expiresAt }: NewKey) {
  const tenantId = actor.tenant;
  const userId = serviceUserOf(service);
  const sorted = keyScopes.filter((scope) => scopes.includes(scope));
  await appendAdminEvent(tx, { what: 'key.created', subject: key.id, detail: { user: userId, scopes: sorted } });
  await tx.user.createMany({
    data: [
      {
        tenantId,
        id: userId,
        kind: 'service',
        name: service,
        email: `${service}@service.invalid`,
        issuer: serviceIssuer,
        subject: JSON.stringify([tenantId, service]),
      },
    ],
    skipDuplicates: true,
  });
  return tx.apiKey.create({
    data: {
      tenantId,
      id: key.id,
      userId,
      secretHash: hashOf(key.secret).toString('hex'),
      scopes: sorted,
      createdBy: actor.user,
      createdAt: new Date(),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    },
  });
}

/** Revokes it for good; again changes nothing. Undefined when the tenant has no such key. */
export async function revokeKey(tx: Tx, tenant: string, id: string) {
  const where = { tenantId_id: { tenantId: tenant, id } };
  const known = await tx.apiKey.findUnique({ where });
  if (known === null || known.revokedAt !== null) return known ?? undefined;
  await appendAdminEvent(tx, { what: 'key.revoked', subject: id, detail: { user: known.userId } });
  // Of two at once the second finds it done.
  await tx.apiKey.updateMany({ where: { tenantId: tenant, id, revokedAt: null }, data: { revokedAt: new Date() } });
  return tx.apiKey.findUniqueOrThrow({ where });
}
