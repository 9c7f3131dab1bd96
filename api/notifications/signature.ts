/** Standard Webhooks (https://www.standardwebhooks.com), symmetric signatures: how a receiver knows that a message is ours. */
import { createHmac } from 'node:crypto';

/**
 * The headers of one attempt: the message's id, the moment in seconds, and a signature over both and the body by each
 * secret. @param secrets `whsec_` and base64 of the key, the newest first
 */
export function signatureHeaders(
  secrets: readonly string[],
  id: string,
  at: Date,
  body: string,
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`, 'utf8').digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
