import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { Exit, GuardedChild } from './children.ts';
import { ChildFailed, startGuarded } from './children.ts';
import { findFreePorts, isPortFree } from './ports.ts';

export { defaultCacheDir, findTemporal, findTestServer } from './temporal-binaries.ts';

const types = {
  Text: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_TEXT,
  Keyword: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  Int: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_INT,
  Double: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
  Bool: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
  Datetime: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
  KeywordList: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
} as const;

export type SearchAttributeType = keyof typeof types;

export interface DevServerOptions {
  /** The `temporal` CLI, as findTemporal gives it. */
  binary: string;
  /** Keeps everything in this file between starts; without it all is lost when the server ends. */
  dataFile?: string;
  /** Used when free; another is found when not, or when left out. */
  port?: number;
  uiPort?: number;
  namespace: string;
  /** Registered in the namespace before this resolves, also in one that an earlier start made. */
  searchAttributes: Readonly<Record<string, SearchAttributeType>>;
  logFile?: string;
  /** Added to, and stronger than, the settings below. */
  dynamicConfig?: Readonly<Record<string, string | number | boolean>>;
}

export interface DevServer {
  /** `host:port` for clients and workers. */
  address: string;
  uiUrl: string;
  namespace: string;
  pid: number;
  exited: Promise<Exit>;
  stop(timeoutMs?: number): Promise<void>;
}

/** The dev server polls its own task queues 20 times a second, which would put 50 ms before every step whatever the code does. */
const limiterLifted = { 'history.transferProcessorMaxPollRPS': 10_000 };

const startTimeoutMs = 60_000;

/**
 * Starts a real Temporal server with its Web UI as a guarded child at 127.0.0.1. Resolves when it answers in the
 * namespace and the search attributes are registered. Rejects with its last lines when it ends or does not answer within a minute.
 */
export async function startTemporalDevServer(options: DevServerOptions): Promise<DevServer> {
  if (options.dataFile !== undefined) await mkdir(dirname(options.dataFile), { recursive: true });
  for (let attempt = 1; ; attempt += 1) {
    const [foundPort, foundUiPort] = (await findFreePorts(2)) as [number, number];
    const port = attempt === 1 && (await isWanted(options.port)) ? options.port : foundPort;
    const uiPort = attempt === 1 && (await isWanted(options.uiPort)) ? options.uiPort : foundUiPort;
    const address = `127.0.0.1:${port}`;
    const server = startGuarded({
      name: 'temporal',
      command: options.binary,
      args: flags(options, port, uiPort),
      stopSignal: 'SIGTERM',
      ...(options.logFile === undefined ? {} : { logFile: options.logFile }),
    });
    try {
      await awaitNamespace(server, address, options);
    } catch (error) {
      await server.stop();
      // Somebody else took the port between our looking and the server's start.
      const lostPort = error instanceof ChildFailed && error.lastLines.includes('address already in use');
      if (lostPort && attempt < 5) continue;
      throw error;
    }
    return {
      address,
      uiUrl: `http://127.0.0.1:${uiPort}`,
      namespace: options.namespace,
      pid: server.pid,
      exited: server.exited,
      stop: server.stop,
    };
  }
}

async function isWanted(port: number | undefined): Promise<boolean> {
  return port !== undefined && (await isPortFree(port));
}

/**
 * A write-ahead log, forced to disk at each commit: as safe as the rollback journal that the server has by itself, for a half of its
 * work a step.
 */
const pragmas = ['journal_mode=wal', 'synchronous=full'].flatMap((pragma) => ['--sqlite-pragma', pragma]);

function flags(options: DevServerOptions, port: number | undefined, uiPort: number | undefined): string[] {
  const settings = { ...limiterLifted, ...options.dynamicConfig };
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort)],
    ...['--namespace', options.namespace, '--log-level', 'warn'],
    ...(options.dataFile === undefined ? [] : ['--db-filename', options.dataFile, ...pragmas]),
    ...Object.entries(options.searchAttributes).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
    ...Object.entries(settings).flatMap(([key, value]) => [
      '--dynamic-config-value',
      `${key}=${JSON.stringify(value)}`,
    ]),
  ];
}

async function awaitNamespace(server: GuardedChild, address: string, options: DevServerOptions): Promise<void> {
  // A first connection that is refused makes gRPC wait a second before its next, which is longer than the whole start.
  await server.ready(() => accepts(address), startTimeoutMs);
  const connection = await server.ready(() => Connection.connect({ address, connectTimeout: '2s' }), startTimeoutMs);
  try {
    const { namespace } = options;
    await server.ready(() => connection.workflowService.describeNamespace({ namespace }), startTimeoutMs);
    await server.ready(() => registerMissing(connection, options), startTimeoutMs);
  } finally {
    await connection.close();
  }
}

/** The flags register attributes only in a namespace the server makes anew, not in one it finds in the data file. */
async function registerMissing(connection: Connection, options: DevServerOptions): Promise<true | undefined> {
  const { namespace } = options;
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = Object.entries(options.searchAttributes).filter(([name]) => !(name in customAttributes));
  if (missing.length === 0) return true;
  await addSearchAttributes(connection, namespace, Object.fromEntries(missing));
  return undefined;
}

/** Registers the attributes; a workflow that uses one which is not registered hangs. Rejects when one is there already. */
export async function addSearchAttributes(
  connection: Connection,
  namespace: string,
  attributes: Readonly<Record<string, SearchAttributeType>>,
): Promise<void> {
  const searchAttributes = Object.fromEntries(Object.entries(attributes).map(([name, type]) => [name, types[type]]));
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
}

function accepts(address: string): Promise<true> {
  const { hostname, port } = new URL(`tcp://${address}`);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
