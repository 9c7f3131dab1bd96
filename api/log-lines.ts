/**
 * What the API writes to its log: one JSON line for each answer and for what goes wrong, holding ids, codes and numbers.
 * Never a body, a comment, a name, a token or the text of an error: those can hold what people wrote.
 */
import type { FastifyBaseLogger } from 'fastify';

/** The kind and place of an error without its message. */
export function errorFacts(error: unknown): { errorType: string; code?: string; at: string[] } {
  if (!(error instanceof Error)) return { errorType: typeof error, at: [] };
  const code = (error as { code?: unknown }).code;
  // A message may run over several lines of the stack; frames are the lines that name a place.
  const at = (error.stack ?? '').split('\n').filter((line) => /^\s+at .*:\d+:\d+\)?$/.test(line));
  return {
    errorType: error.constructor.name,
    ...(typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? { code } : {}),
    at: at.slice(0, 8).map((line) => line.trim()),
  };
}

export interface RelayLog {
  relayFailed(error: unknown, ids?: { outbox: string; run?: string; attempts: number }): void;
}

export interface SweeperLog {
  swept(run: string, done: 'started' | 'closed'): void;
  sweepFailed(error: unknown, run?: string): void;
}

export interface WebhookLog {
  notDelivered(facts: {
    webhook: string;
    delivery: string;
    attempts: number;
    status: number | undefined;
    failure: string | undefined;
    is: 'again' | 'dead';
  }): void;
  deliveryFailed(error: unknown, delivery?: string): void;
  /** Old deliveries could not be removed. */
  forgettingFailed(error: unknown): void;
}

export const sweeperLog = (log: FastifyBaseLogger): SweeperLog => ({
  swept: (run, done) => log.warn({ event: 'run.swept', run, done }),
  sweepFailed: (error, run) =>
    log.warn({ event: 'sweep.failed', ...(run === undefined ? {} : { run }), ...errorFacts(error) }),
});

export const relayLog = (log: FastifyBaseLogger): RelayLog => ({
  relayFailed: (error, ids) => log.warn({ event: 'outbox.failed', ...ids, ...errorFacts(error) }),
});

export const webhookLog = (log: FastifyBaseLogger): WebhookLog => ({
  notDelivered: (facts) => log.warn({ event: 'webhook.not-delivered', ...facts }),
  deliveryFailed: (error, delivery) =>
    log.warn({ event: 'webhook.failed', ...(delivery === undefined ? {} : { delivery }), ...errorFacts(error) }),
  forgettingFailed: (error) => log.warn({ event: 'webhook.forgetting-failed', ...errorFacts(error) }),
});
