/** One text for one value: canonical JSON (RFC 8785) and the hash that names it. */
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';

/** Keys sorted, no spaces, undefined fields left out. The same value gives the same text on every platform. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('expected a JSON value');
  return text;
}

/** SHA-256 of the UTF-8 text, lower-case hex. */
export function sha256Hex(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
