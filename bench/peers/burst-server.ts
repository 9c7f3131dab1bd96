/** How the benchmark asks a peer in a process of its own: so many runs at once, of so many steps each. */
import { createServer } from 'node:http';

/** What a peer's process is told in its first argument. */
export interface PeerSettings {
  port: number;
  /** An empty database, of the superuser. */
  databaseUrl: string;
  /** Connections, as Waymark's worker has. */
  connections: number;
}

export interface Burst {
  runs: number;
  steps: number;
}

export interface BurstTimes {
  /** From the first run's start to the last one's end, in milliseconds. */
  wallMs: number;
  /** From the beginning of a step to that of the next one of its run: it was done and is kept, in milliseconds. */
  stepMs: number[];
}

export const peerSettings = (): PeerSettings => JSON.parse(process.argv[2] ?? '{}') as PeerSettings;

/** Answers GET /health, and POST / with the times of the burst that its body asks for. SIGTERM ends it. */
export function serveBursts(
  port: number,
  run: (burst: Burst) => Promise<BurstTimes>,
  close: () => Promise<void>,
): void {
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') {
      response.end('ok');
      return;
    }
    let body = '';
    for await (const chunk of request) body += String(chunk);
    try {
      response.end(JSON.stringify(await run(JSON.parse(body) as Burst)));
    } catch (error) {
      response.writeHead(500).end(error instanceof Error ? error.stack : String(error));
    }
  });
  server.listen(port, '127.0.0.1');
  process.once('SIGTERM', async () => {
    server.close();
    server.closeAllConnections();
    await close();
    process.exit(0);
  });
}

/** Notes when the steps of a run begin. */
export function stepClock(): { begin(run: string): void; gaps(): number[] } {
  const begun = new Map<string, number>();
  const gaps: number[] = [];
  return {
    begin(run) {
      const now = performance.now();
      const before = begun.get(run);
      if (before !== undefined) gaps.push(now - before);
      begun.set(run, now);
    },
    gaps: () => gaps,
  };
}
