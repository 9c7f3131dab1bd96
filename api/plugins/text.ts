/**
 * Refuses text that the store cannot hold, wherever a request has it: PostgreSQL has no NUL in text, and a lone surrogate
 * is no Unicode and has no canonical JSON. So it does numbers that no double holds, such as 1e999, and values nested so deep
 * that reading them would exhaust the stack. Told as an invalid request instead of failing deep inside.
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

/** More than any document, form or graph has; far less than what a recursive reader can take. */
const deepest = 200;

export const text = fp(
  async (app) => {
    app.addHook('preValidation', async (request) => {
      const errors = places.flatMap(([place, partOf]) => {
        const fault = firstFault(partOf(request));
        return fault === undefined ? [] : [{ ...fault, in: place }];
      });
      if (errors.length > 0) throw new Problem('invalid-request', { errors });
    });
  },
  { name: 'text', fastify: '5.x' },
);

/** The first value that cannot be held, by its JSON pointer. A key that cannot be is told by what it is in. */
function firstFault(whole: unknown): Omit<Fault, 'in'> | undefined {
  const left = [{ value: whole, at: '', depth: 0 }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value, at, depth } = next;
    if (typeof value === 'string' && !isHeld(value)) return { at, message: 'Expected Unicode text without NUL' };
    if (value === null || typeof value !== 'object') continue;
    if (depth === deepest) return { at: '', message: `Expected a value at most ${deepest} levels deep` };
    for (const [key, item] of Object.entries(value)) {
      if (!isHeld(key)) return { at, message: 'Expected Unicode names without NUL' };
      const place = `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      if (item === Number.POSITIVE_INFINITY || item === Number.NEGATIVE_INFINITY) {
        return { at: place, message: 'Expected a number that a double can hold' };
      }
      if (typeof item === 'string' || typeof item === 'object') left.push({ value: item, at: place, depth: depth + 1 });
    }
  }
  return undefined;
}

/** Whether the store can hold the text. */
export const isHeld = (value: string): boolean => !value.includes('\0') && value.isWellFormed();
