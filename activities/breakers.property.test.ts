import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BreakerOpen, createBreakers } from './breakers.ts';
import { delayAfter, failureClasses } from './failures.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: 0, toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

class Unavailable extends Error {
  readonly class: 'timeout' | 'transient';
  constructor(failureClass: 'timeout' | 'transient') {
    super(failureClass);
    this.class = failureClass;
  }
}

/** The other side: down in these spans, and else answering after `takesMs`. Down, it fails at once or never answers. */
interface Side {
  down: { fromMs: number; forMs: number; hangs: boolean }[];
  takesMs: number;
}

interface Step {
  startMs: number;
  timeoutMs: number;
  times: number;
}

const side: fc.Arbitrary<Side> = fc.record({
  down: fc.array(
    fc.record({ fromMs: fc.nat(20_000), forMs: fc.integer({ min: 1, max: 15_000 }), hangs: fc.boolean() }),
    { maxLength: 4 },
  ),
  takesMs: fc.integer({ min: 1, max: 1_500 }),
});
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ startMs: fc.nat(15_000), timeoutMs: fc.integer({ min: 50, max: 1_000 }), times: fc.nat(6) }),
  { minLength: 1, maxLength: 8 },
);
const setting = fc.record({ failures: fc.integer({ min: 1, max: 5 }), forMs: fc.integer({ min: 100, max: 8_000 }) });

/** Time that moves only when nothing is left to do at a moment; what is due at the same moment happens in the order of asking. */
function virtualTime() {
  const due: { at: number; wake: () => void }[] = [];
  return {
    sleep: (ms: number) =>
      new Promise<void>((resolve) => {
        due.push({ at: Date.now() + ms, wake: resolve });
      }),
    async run(): Promise<void> {
      for (;;) {
        await new Promise(setImmediate);
        if (due.length === 0) return;
        due.sort((a, b) => a.at - b.at);
        const next = due.shift();
        if (!next) return;
        vi.setSystemTime(Math.max(next.at, Date.now()));
        next.wake();
      }
    },
  };
}

interface Seen {
  what: 'open' | 'closed' | 'called' | 'turned away' | 'ended';
  at: number;
  well?: boolean;
}

/** A step tries as its activity does: the wait of an open breaker is not charged, each failed call is. */
async function trySide(
  step: Step,
  other: Side,
  time: ReturnType<typeof virtualTime>,
  call: (operation: () => Promise<string>) => Promise<string>,
  seen: Seen[],
): Promise<{ charged: number; calls: number; end: string }> {
  const retry = { times: step.times, initialMs: 100, factor: 2, maxMs: 2_000 };
  let charged = 0;
  let calls = 0;
  const operation = async (): Promise<string> => {
    calls += 1;
    seen.push({ what: 'called', at: Date.now() });
    const down = other.down.find(({ fromMs, forMs }) => Date.now() >= fromMs && Date.now() < fromMs + forMs);
    const takes = down ? (down.hangs ? Infinity : 1) : other.takesMs;
    await time.sleep(Math.min(takes, step.timeoutMs));
    const failure = takes > step.timeoutMs ? 'timeout' : down ? 'transient' : undefined;
    seen.push({ what: 'ended', at: Date.now(), well: failure === undefined });
    if (failure) throw new Unavailable(failure);
    return 'answer';
  };
  await time.sleep(step.startMs);
  for (;;) {
    try {
      const end = await call(operation);
      return { charged, calls, end };
    } catch (problem) {
      if (problem instanceof BreakerOpen) {
        seen.push({ what: 'turned away', at: Date.now() });
        expect(failureClasses['breaker-open'].charged).toBe(false);
        expect(problem.retryAfterMs).toBeGreaterThan(0);
        await time.sleep(problem.retryAfterMs);
        continue;
      }
      if (!(problem instanceof Unavailable)) throw problem;
      expect(failureClasses[problem.class].charged).toBe(true);
      charged += 1;
      if (charged > retry.times) return { charged, calls, end: 'parked' };
      await time.sleep(delayAfter(retry, charged));
    }
  }
}

test('open lets nothing through, half open one probe, closed everything; waiting for it costs no try, failing does', async () => {
  await fc.assert(
    fc.asyncProperty(side, steps, setting, async (other, all, said) => {
      vi.setSystemTime(0);
      const time = virtualTime();
      const seen: Seen[] = [];
      const breakers = createBreakers({
        counts: (error) => error instanceof Unavailable,
        onChange: (_, what) => seen.push({ what, at: Date.now() }),
      });
      const trying = all.map((step) =>
        trySide(step, other, time, (operation) => breakers.run('tool:t', operation, said), seen),
      );
      await time.run();
      const ends = await Promise.all(trying);
      for (const [index, { charged, calls, end }] of ends.entries()) {
        const { times } = all[index] as Step;
        expect(calls).toBe(charged + (end === 'answer' ? 1 : 0));
        expect(calls).toBeLessThanOrEqual(times + 1);
        if (end === 'parked') expect(charged).toBe(times + 1);
      }
      expectRules(seen, said);
    }),
    { numRuns: 300 },
  );
});

/** What the log of a breaker may look like, whatever was asked of it. */
function expectRules(seen: readonly Seen[], { failures, forMs }: { failures: number; forMs: number }): void {
  let openedAt: number | undefined;
  let probing = false;
  let failed = 0;
  for (const { what, at, well } of seen) {
    if (what === 'open') {
      // It opens by failures in a row, or by a probe that failed.
      expect(probing || failed >= failures).toBe(true);
      openedAt = at;
      probing = false;
      failed = 0;
    } else if (what === 'closed') {
      expect(probing).toBe(true);
      openedAt = undefined;
      probing = false;
      failed = 0;
    } else if (what === 'called' && openedAt === undefined) {
      expect(failed).toBeLessThan(failures);
    } else if (what === 'called' && openedAt !== undefined) {
      expect(at).toBeGreaterThanOrEqual(openedAt + forMs);
      expect(probing).toBe(false);
      probing = true;
    } else if (what === 'turned away') {
      expect(openedAt).toBeDefined();
    } else if (what === 'ended') failed = well ? 0 : failed + 1;
  }
}
