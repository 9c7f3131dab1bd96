import { expect, test } from 'vitest';
import type { StoreTrouble } from './store-trouble.ts';
import { storeTrouble } from './store-trouble.ts';

const problem = (message: string, more: object = {}) => Object.assign(new Error(message), more);

/** As Prisma wraps what its adapter could not do. */
const prisma = (code: string, cause: object) =>
  problem('Invalid invocation', { code, meta: { driverAdapterError: { name: 'DriverAdapterError', cause } } });

const postgres = (code: string) => ({ kind: 'postgres', code, originalCode: code, message: 'of the server' });

/** All of the first were seen while servers were killed under load. */
const seen: [title: string, error: unknown, trouble: StoreTrouble | undefined][] = [
  ['a refused connection of pg', problem('connect ECONNREFUSED', { code: 'ECONNREFUSED' }), 'away'],
  ['a reset connection of pg', problem('read ECONNRESET', { code: 'ECONNRESET' }), 'away'],
  ['a connection lost in a question', problem('Connection terminated unexpectedly'), 'away'],
  [
    'a connection lost before a question',
    problem('Client has encountered a connection error and is not queryable'),
    'away',
  ],
  ['a server that is ending, of pg', problem('terminating connection', { code: '57P01' }), 'away'],
  ['a server that is not reached, of Prisma', prisma('P1001', { kind: 'DatabaseNotReachable' }), 'away'],
  ['a connection closed in a query of Prisma', prisma('P1017', { kind: 'ConnectionClosed' }), 'away'],
  ['a connection closed in a raw query', prisma('P2010', { kind: 'ConnectionClosed' }), 'away'],
  ['a server that is ending, in a raw query', prisma('P2010', postgres('57P01')), 'away'],
  ['a server that ended because another process crashed', prisma('P2039', postgres('57P02')), 'away'],
  ['a server that is starting, of Prisma', prisma('P2039', postgres('57P03')), 'away'],
  ['too many connections', prisma('P2037', { kind: 'TooManyConnections', originalCode: '53300' }), 'away'],
  ['no connection of the pool free in time', prisma('P2024', {}), 'busy'],
  ['a transaction that took too long', problem('Transaction already closed', { code: 'P2028' }), 'busy'],
  [
    'a row that another made',
    prisma('P2002', { kind: 'UniqueConstraintViolation', originalCode: '23505' }),
    'conflict',
  ],
  ['a deadlock', prisma('P2034', { kind: 'TransactionWriteConflict', originalCode: '40P01' }), 'undone'],
  ['a deadlock in a raw query', prisma('P2010', { kind: 'TransactionWriteConflict', originalCode: '40P01' }), 'undone'],
  ['a broken rule of the schema', prisma('P2003', { kind: 'ForeignKeyConstraintViolation' }), undefined],
  ['a raw query that is wrong', prisma('P2010', postgres('42601')), undefined],
  ['a bug', problem('Cannot read properties of undefined'), undefined],
  ['what is no error', { code: 'ECONNREFUSED' }, undefined],
];

test.each(seen)('%s is known for what it is', (_, error, trouble) => {
  expect(storeTrouble(error)).toBe(trouble);
});
