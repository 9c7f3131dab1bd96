/** Sealing secrets before they come into the store, by a key that is not in it. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

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

/** AES-256-GCM as base64. What is sealed opens only for the same `of`: no two things that are sealed may share one. */
export function seal(key: CredentialKey, of: readonly string[], text: string): string {
  const nonce = randomBytes(nonceBytes);
  const sealing = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes }).setAAD(boundTo(of));
  const body = Buffer.concat([sealing.update(text, 'utf8'), sealing.final()]);
  return Buffer.concat([nonce, body, sealing.getAuthTag()]).toString('base64');
}

/** Throws when it was sealed under another key, for something else, or not at all. */
export function unseal(key: CredentialKey, of: readonly string[], sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64');
  const opening = createDecipheriv(cipher, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
  opening.setAAD(boundTo(of)).setAuthTag(bytes.subarray(-tagBytes));
  return Buffer.concat([opening.update(bytes.subarray(nonceBytes, -tagBytes)), opening.final()]).toString('utf8');
}

const boundTo = (of: readonly string[]) => Buffer.from(JSON.stringify(of));
