/** Which steps of one parent come before which. */
import type { EdgeDraft } from './draft.ts';

interface Place {
  /** After that of all steps that lead to it. */
  at: number;
  /** Steps of which each leads to the next; every step is in one. */
  chain: number;
  /** What leads to it. */
  before: Place[];
}

/** Beyond so many steps the answer for all steps at once is quicker, which is kept for so many chains. */
const maxWalked = 64;
const maxKept = 64;

export class Precedence {
  private readonly places = new Map<string, Place>();
  /** Of a chain, for each step by its place: the place of the last step of the chain that comes before it, or is it. */
  private readonly latest = new Map<number, Int32Array>();

  /** `order` has each step after all that lead to it; of a circle the edges that go on in it count. */
  constructor(order: readonly string[], into: (id: string) => readonly EdgeDraft[]) {
    const ends: Place[] = [];
    for (const [at, id] of order.entries()) {
      const before = into(id).flatMap((edge) => this.places.get(edge.from) ?? []);
      const chain = before.find((one) => ends[one.chain] === one)?.chain ?? ends.length;
      const place = { at, chain, before };
      ends[chain] = place;
      this.places.set(id, place);
    }
  }

  isBefore(one: string, other: string): boolean {
    const [wanted, start] = [this.places.get(one), this.places.get(other)];
    if (!wanted || !start || wanted.at >= start.at) return false;
    const seen = new Set<Place>();
    const waiting = [start];
    for (let place = waiting.pop(); place; place = waiting.pop()) {
      if (place.at < wanted.at || seen.has(place)) continue;
      if (place.chain === wanted.chain) return true;
      if (seen.size === maxWalked) return (this.latestOf(wanted.chain)[start.at] ?? -1) >= wanted.at;
      seen.add(place);
      for (const before of place.before) waiting.push(before);
    }
    return false;
  }

  private latestOf(chain: number): Int32Array {
    const known = this.latest.get(chain);
    if (known) return known;
    const latest = new Int32Array(this.places.size).fill(-1);
    for (const { at, chain: own, before } of this.places.values()) {
      latest[at] = own === chain ? at : before.reduce((last, one) => Math.max(last, latest[one.at] ?? -1), -1);
    }
    if (this.latest.size === maxKept) this.latest.clear();
    this.latest.set(chain, latest);
    return latest;
  }
}
