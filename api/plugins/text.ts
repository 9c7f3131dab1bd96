/**
 * Refuses text that the store cannot hold, wherever a request has it: PostgreSQL has no NUL in text, and a lone surrogate
 * is no Unicode and has no canonical JSON. Told as an invalid request instead of failing deep inside.
 */
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Fault } from '../errors.ts';
import { Problem } from '../errors.ts';

const places = [
  ['path', (request: FastifyRequest) => request.params],
  ['query', (request: FastifyRequest) => request.query],
  ['body', (request: FastifyRequest) => request.body],
] as const satisfies [Fault['in'], (request: FastifyRequest) => unknown][];

export const text = fp(
  async (app) => {
    app.addHook('preValidation', async (request) => {
      const errors = places.flatMap(([place, partOf]) => {
        const at = faultyText(partOf(request), '');
        return at === undefined ? [] : [{ at, in: place, message: 'Expected Unicode text without NUL' }];
      });
      if (errors.length > 0) throw new Problem('invalid-request', { errors });
    });
  },
  { name: 'text', fastify: '5.x' },
);

/** The JSON pointer of the first text that cannot be held. A key that cannot be is told by what it is in. */
function faultyText(value: unknown, at: string): string | undefined {
  if (typeof value === 'string') return isHeld(value) ? undefined : at;
  if (value === null || typeof value !== 'object') return undefined;
  for (const [key, item] of Object.entries(value)) {
    if (!isHeld(key)) return at;
    const found = faultyText(item, `${at}/${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

const isHeld = (value: string): boolean => !value.includes('\0') && value.isWellFormed();
