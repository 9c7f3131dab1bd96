import type { Server } from 'node:net';
import { createServer } from 'node:net';

/**
 * Finds `count` different TCP ports nobody listens on at 127.0.0.1 at this moment. Another process may take one before it is used:
 * callers start their server and ask again when the port was lost.
 */
export async function findFreePorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  try {
    // Held together until all are found, so that no number comes twice.
    for (let i = 0; i < count; i += 1) held.push(await listen(0));
    return held.map(portOf);
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** Tells whether `port` could be listened on at 127.0.0.1 right now. */
export async function isPortFree(port: number): Promise<boolean> {
  try {
    const server = await listen(port);
    await new Promise((resolve) => server.close(resolve));
    return true;
  } catch {
    return false;
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}
