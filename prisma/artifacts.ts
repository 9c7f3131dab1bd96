/**
 * Content, named by a digest that tells nothing about it: the HMAC of its canonical JSON under the tenant's own key, so
 * that equal content has one name within a tenant and no name can be guessed or compared across tenants.
 */
import { createHmac } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Json } from '../compiler/types.ts';
import type { Tx } from './act-as.ts';
import { ask } from './statements.ts';

/** HMAC-SHA256, base64url without padding: 43 characters. */
export type Digest = string;

/** No artifact of that name in this tenant. */
export class ArtifactMissing extends Error {
  override name = 'ArtifactMissing';
  readonly digest: Digest;

  constructor(digest: Digest) {
    super(`no artifact ${digest} in this tenant`);
    this.digest = digest;
  }
}

/** A key never changes, and a transaction dies soon: one reading of it serves all artifacts of a transaction. */
const keysByTransaction = new WeakMap<Tx, Map<string, Promise<Uint8Array>>>();

/** The tenant's key. Throws when the tenant is not the transaction's. */
export function artifactKey(tx: Tx, tenant: string): Promise<Uint8Array> {
  const keys = keysByTransaction.get(tx) ?? new Map<string, Promise<Uint8Array>>();
  keysByTransaction.set(tx, keys);
  const key = keys.get(tenant) ?? readKey(tx, tenant);
  keys.set(tenant, key);
  return key;
}

async function readKey(tx: Tx, tenant: string): Promise<Uint8Array> {
  const [row] = await ask<{ artifactKey: Uint8Array }>(tx)`SELECT artifact_key FROM tenant WHERE id = ${tenant}`;
  if (!row) throw new Error(`tenant ${tenant} is not the one this transaction acts in`);
  return row.artifactKey;
}

/** The name `value` has under `key`. Throws on what is not JSON. */
export function digestOf(key: Uint8Array, value: Json): Digest {
  return digestOfText(key, canonicalText(value));
}

/** Stores `value` unless it is there already. */
export async function putArtifact(tx: Tx, tenant: string, value: Json): Promise<Digest> {
  const content = canonicalText(value);
  const digest = digestOfText(await artifactKey(tx, tenant), content);
  await ask(tx)`INSERT INTO artifact (tenant_id, digest, content, bytes, created_at)
    VALUES (${tenant}, ${digest}, ${content}, ${Buffer.byteLength(content)}, now()) ON CONFLICT DO NOTHING`;
  return digest;
}

/** The value as it was put, keys in canonical order. Throws ArtifactMissing. */
export async function getArtifact(tx: Tx, tenant: string, digest: Digest): Promise<Json> {
  const [row] = await ask<{ content: string }>(
    tx,
  )`SELECT content FROM artifact WHERE tenant_id = ${tenant} AND digest = ${digest}`;
  if (!row) throw new ArtifactMissing(digest);
  // What was canonical JSON when it went in, and no role may update it.
  return JSON.parse(row.content) as Json;
}

function canonicalText(value: Json): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('an artifact is a JSON value');
  return text;
}

function digestOfText(key: Uint8Array, content: string): Digest {
  return createHmac('sha256', key).update(content, 'utf8').digest('base64url');
}
