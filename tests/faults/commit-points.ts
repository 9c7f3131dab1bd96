/**
 * Ways to PostgreSQL that stop at a commit. A trigger has the server tell each event of a run log on the connection that
 * wrote it; from there on that connection is held, on one side of the commit that would make the event so.
 */
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { Client } from 'pg';
import type { EventType } from '../../prisma/run-log.ts';

/** `before`: the database never hears of the commit. `after`: it has committed, and who asked for it never hears. */
export type Side = 'before' | 'after';

export interface CommitPoints {
  /** For `startSystem`. */
  wayTo(databaseUrl: string, name: string): Promise<string>;
  /** Waits for this event of `run`, or of a run that begins from now on, and holds the connection that wrote it. */
  holdAt(place: Place, side: Side, run?: string): Promise<Held>;
  close(): void;
}

/** The first event of a run's log that is of this type, or the second, and so on. */
export interface Place {
  type: EventType;
  nth: number;
}

export interface Held {
  run: string;
  /** Of the process. */
  name: string;
}

interface Hold {
  place: Place;
  side: Side;
  isOf(run: string): boolean;
  reached(held: Held): void;
}

const trigger = `
CREATE FUNCTION tell_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE NOTICE 'waymark-event % % %;', NEW.run_id, NEW.type, (SELECT count(*) FROM run_event
    WHERE tenant_id = NEW.tenant_id AND run_id = NEW.run_id AND type = NEW.type AND seq <= NEW.seq);
  RETURN NULL;
END $$;
CREATE TRIGGER tell_event AFTER INSERT ON run_event FOR EACH ROW EXECUTE FUNCTION tell_event();`;

/** Has the events of this database told. Once, before anything is written. */
export async function tellEvents(ownerUrl: string): Promise<void> {
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query(trigger);
  } finally {
    await client.end();
  }
}

/** The server's word that a transaction is over: CommandComplete, its length, and the command. */
const committed = Buffer.from('C\0\0\0\x0bCOMMIT\0', 'latin1');
const rolledBack = Buffer.from('C\0\0\0\x0dROLLBACK\0', 'latin1');
/** More than what is looked for is long. */
const tailBytes = 256;

export function createCommitPoints(): CommitPoints {
  const runs = new Set<string>();
  const sockets = new Set<Socket>();
  const servers = new Set<ReturnType<typeof createServer>>();
  let hold: Hold | undefined;

  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  };

  /** The hold that an event told in this text is for, and the run of that event. */
  function heldBy(told: string): { hold: Hold; run: string } | undefined {
    for (const [, run = '', type, nth] of told.matchAll(/waymark-event (\S+) (\S+) (\d+);/g)) {
      runs.add(run);
      if (hold === undefined || !hold.isOf(run)) continue;
      if (type !== hold.place.type || Number(nth) !== hold.place.nth) continue;
      const found = { hold, run };
      hold = undefined;
      return found;
    }
    return undefined;
  }

  function carry(client: Socket, server: Socket, name: string): void {
    let own: ReturnType<typeof heldBy>;
    let tail = Buffer.alloc(0);
    let isHeld = false;
    client.on('data', (chunk) => {
      if (!isHeld) server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (isHeld) return;
      const bytes = Buffer.concat([tail, chunk]);
      tail = bytes.subarray(-tailBytes);
      if (own === undefined) {
        own = heldBy(bytes.toString('latin1'));
        if (own?.hold.side === 'before') {
          isHeld = true;
          own.hold.reached({ run: own.run, name });
        }
      } else if (bytes.includes(committed)) {
        isHeld = true;
        own.hold.reached({ run: own.run, name });
        return;
      } else if (bytes.includes(rolledBack)) {
        // The event was not to be; the next in its place is.
        hold = own.hold;
        own = undefined;
      }
      client.write(chunk);
    });
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
  }

  return {
    async wayTo(databaseUrl, name) {
      const straight = new URL(databaseUrl);
      const server = createServer((client) => {
        const inside = connect(Number(straight.port), straight.hostname);
        for (const socket of [client, inside]) keep(socket);
        carry(client, inside, name);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      servers.add(server);
      const way = new URL(databaseUrl);
      way.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      return way.href;
    },
    holdAt(place, side, run) {
      const before = new Set(runs);
      const isOf = (one: string) => (run === undefined ? !before.has(one) : one === run);
      return new Promise((reached) => {
        hold = { place, side, isOf, reached };
      });
    },
    close() {
      for (const socket of sockets) socket.destroy();
      for (const server of servers) server.close();
    },
  };
}
