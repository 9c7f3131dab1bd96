/** Pools of connections whose loss, at whatever moment, is told to whoever asks them and ends no process. */
import type { PoolConfig } from 'pg';
import { Pool } from 'pg';

/**
 * An error that nobody listens for ends the process, and between a connection's coming up and its being handed out the pool
 * does not listen: a server that dies in that moment says so in the same packet.
 */
export function openPool(config: PoolConfig): Pool {
  const pool = new Pool(config);
  pool.on('connect', (connection) => connection.on('error', ignore));
  // Of idle ones, which the pool replaces by itself.
  pool.on('error', ignore);
  return pool;
}

const ignore = () => undefined;
