/** The rings that were noted and not yet looked into: one for each row, however often and by whomever it was rung. */
import type { Ring } from '../activities/contract.ts';

/** More than this at once are dropped. Nothing is lost: the relay rings again until a ring is heard. */
const mostNoted = 1000;
const longestId = 200;

export interface Doorbell {
  readonly size: number;
  /** Takes anything: whoever reaches Temporal can ring. What names no row is passed over. */
  note(ring: unknown): void;
  /** The ring noted first; it may be noted again from then on. */
  next(): Ring | undefined;
  /** All that were noted, and none of them any more. */
  takeAll(): Ring[];
}

export function createDoorbell(): Doorbell {
  const noted = new Map<string, Ring>();

  function noteRow(kind: keyof Ring, id: unknown): void {
    if (typeof id !== 'string' || id === '' || id.length > longestId || noted.size >= mostNoted) return;
    noted.set(`${kind}:${id}`, { [kind]: id });
  }

  return {
    get size() {
      return noted.size;
    },
    note(ring) {
      if (typeof ring !== 'object' || ring === null) return;
      if ('gate' in ring) noteRow('gate', ring.gate);
      if ('command' in ring) noteRow('command', ring.command);
      if ('run' in ring) noteRow('run', ring.run);
    },
    next() {
      for (const [key, ring] of noted) {
        noted.delete(key);
        return ring;
      }
      return undefined;
    },
    takeAll() {
      const rings = [...noted.values()];
      noted.clear();
      return rings;
    },
  };
}
