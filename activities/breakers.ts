/**
 * Circuit breakers: one for each model and each tool, shared by all steps of a worker. After five failures in a row a
 * breaker opens for a minute, then lets one call through; while that probe is under way the others are still turned away.
 *
 * The order is retry(breaker(timeout(operation))): the operation handed in bounds its own time, and retrying is Temporal's.
 */
import { BrokenCircuitError, CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';

export interface Breakers {
  /**
   * Runs the operation unless the breaker of `key` (`model:NAME`, `tool:NAME`) is open. Passes on what it throws.
   * @throws BreakerOpen without calling the operation
   */
  run<T>(key: string, operation: () => Promise<T>): Promise<T>;
}

export interface BreakerOptions {
  /** Says of an error thrown by an operation whether it tells against the other side: connection trouble and timeouts. */
  counts: (error: unknown) => boolean;
  failures?: number;
  openForMs?: number;
  /** Called when a breaker opens or closes: for the log. */
  onChange?: (key: string, state: 'open' | 'closed') => void;
}

/** The call was not made: this model or tool failed too often just now. */
export class BreakerOpen extends Error {
  readonly key: string;
  readonly retryAfterMs: number;
  constructor(key: string, retryAfterMs: number) {
    super(
      `Calls to ${key} are paused because the last ones failed; the next is tried in ${Math.ceil(retryAfterMs / 1000)} s`,
    );
    this.name = 'BreakerOpen';
    this.key = key;
    this.retryAfterMs = retryAfterMs;
  }
}

/** While a probe is under way, how long another caller should wait before it asks again. */
const afterProbeMs = 1_000;

export function createBreakers(options: BreakerOptions): Breakers {
  const openForMs = options.openForMs ?? 60_000;
  const breakers = new Map<string, ReturnType<typeof open>>();

  const open = (key: string) => {
    const policy = circuitBreaker(handleWhen(options.counts), {
      breaker: new ConsecutiveBreaker(options.failures ?? 5),
      halfOpenAfter: openForMs,
    });
    const breaker = { policy, openedAt: 0 };
    policy.onBreak(() => {
      breaker.openedAt = Date.now();
      options.onChange?.(key, 'open');
    });
    policy.onReset(() => options.onChange?.(key, 'closed'));
    return breaker;
  };

  return {
    async run(key, operation) {
      let breaker = breakers.get(key);
      if (!breaker) {
        breaker = open(key);
        breakers.set(key, breaker);
      }
      // cockatiel queues callers behind the probe; a step that waits in its own retry delay shows ops why it waits.
      if (breaker.policy.state === CircuitState.HalfOpen) throw new BreakerOpen(key, afterProbeMs);
      try {
        return await breaker.policy.execute(operation);
      } catch (error) {
        if (!(error instanceof BrokenCircuitError)) throw error;
        throw new BreakerOpen(key, Math.max(breaker.openedAt + openForMs - Date.now(), 1));
      }
    },
  };
}
