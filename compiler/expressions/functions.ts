/** The functions of the expression language, one row each: what they take, what they give, and how. */
import type { Json } from '../types.ts';

/** What an argument or a result may be, as far as the checker decides it. */
export type Shape = 'any' | 'text' | 'number' | 'yes/no' | 'numbers' | 'sized' | 'scalar';

interface Row {
  takes: Shape[];
  gives: Shape;
  /** May also be written as a method of its first argument. */
  method?: true;
  run: (...args: Json[]) => Json;
}

/** Thrown by a function whose argument has the right type and a value it can't take; the message says what it expected. */
export class FunctionProblem extends Error {}

const rows = {
  size: {
    takes: ['sized'],
    gives: 'number',
    method: true,
    run: (value) => {
      if (typeof value === 'string') return [...value].length;
      if (Array.isArray(value)) return value.length;
      if (value !== null && typeof value === 'object') return Object.keys(value).length;
      throw new FunctionProblem('expected text, a list or a map');
    },
  },
  sum: {
    takes: ['numbers'],
    gives: 'number',
    method: true,
    run: (value) => {
      if (!Array.isArray(value)) throw new FunctionProblem('expected a list of numbers');
      return value.reduce<number>((total, item) => {
        if (typeof item !== 'number') throw new FunctionProblem('expected a list of numbers');
        return total + item;
      }, 0);
    },
  },
  contains: {
    takes: ['text', 'text'],
    gives: 'yes/no',
    method: true,
    run: (text, part) => asText(text).includes(asText(part)),
  },
  startsWith: {
    takes: ['text', 'text'],
    gives: 'yes/no',
    method: true,
    run: (text, part) => asText(text).startsWith(asText(part)),
  },
  endsWith: {
    takes: ['text', 'text'],
    gives: 'yes/no',
    method: true,
    run: (text, part) => asText(text).endsWith(asText(part)),
  },
  string: {
    takes: ['scalar'],
    gives: 'text',
    run: (value) => {
      if (value === null || typeof value === 'object') throw new FunctionProblem('expected text, a number or yes/no');
      return String(value);
    },
  },
  double: { takes: ['scalar'], gives: 'number', run: toNumber },
  int: { takes: ['scalar'], gives: 'number', run: (value) => Math.trunc(toNumber(value)) },
} satisfies Record<string, Row>;

export type FunctionName = keyof typeof rows;

export const functions: Record<FunctionName, Row> = rows;

function asText(value: Json): string {
  if (typeof value !== 'string') throw new FunctionProblem('expected text');
  return value;
}

function toNumber(value: Json): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number))
    throw new FunctionProblem('expected a number, or text that is one');
  return number;
}
