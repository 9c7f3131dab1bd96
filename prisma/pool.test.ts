import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { openPool } from './pool.ts';

const message = (type: string, body: Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
};
const authenticated = message('R', Buffer.alloc(4));
const ready = message('Z', Buffer.from('I'));
const dies = message('E', Buffer.from('SFATAL\0C57P01\0Munexpected postmaster exit\0\0'));

test('a server that dies in the packet by which a connection comes up is told to who uses it, and ends no process', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(Buffer.concat([authenticated, ready, dies])));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const unheard: unknown[] = [];
  const hear = (error: unknown) => unheard.push(error);
  process.on('uncaughtException', hear);
  const { port } = server.address() as AddressInfo;
  const pool = openPool({ host: '127.0.0.1', port, user: 'somebody', pipeline: true });
  try {
    const connection = await pool.connect();
    await expect(connection.query('SELECT 1')).rejects.toThrow();
    connection.release();
    expect([pool.totalCount, unheard]).toEqual([0, []]);
  } finally {
    process.off('uncaughtException', hear);
    await pool.end();
    server.close();
  }
});
