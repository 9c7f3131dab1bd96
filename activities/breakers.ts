/**
 * Circuit breakers: one for each model and each tool, shared by all steps of a worker. After five failures in a row a
 * breaker opens for a minute, then lets one call through; while that probe is under way the others are still turned away.
 * Steps that say `breaker` share one with those that say the same of the same model or tool.
 *
 * The order is retry(breaker(timeout(operation))): the operation handed in bounds its own time, and retrying is Temporal's.
 */
import { BrokenCircuitError, CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';

/** Opens after so many failures in a row, and lets a probe through after `forMs`. */
export interface BreakerSetting {
  failures: number;
  forMs: number;
}

export interface Breakers {
  /**
   * Runs the operation unless the breaker of `key` (`model:NAME`, `tool:NAME`) is open. Passes on what it throws.
   * @throws BreakerOpen without calling the operation
   */
  run<T>(key: string, operation: () => Promise<T>, setting?: BreakerSetting): Promise<T>;
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
  const usual: BreakerSetting = { failures: options.failures ?? 5, forMs: options.openForMs ?? 60_000 };
  const breakers = new Map<string, ReturnType<typeof open>>();

  const open = (key: string, { failures, forMs }: BreakerSetting) => {
    const policy = circuitBreaker(handleWhen(options.counts), {
      breaker: new ConsecutiveBreaker(failures),
      halfOpenAfter: forMs,
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
    async run(key, operation, setting) {
      const held = setting === undefined ? key : `${key} ${setting.failures} ${setting.forMs}`;
      const { forMs } = setting ?? usual;
      let breaker = breakers.get(held);
      if (!breaker) {
        breaker = open(key, setting ?? usual);
        breakers.set(held, breaker);
      }
      // cockatiel queues callers behind the probe; a step that waits in its own retry delay shows ops why it waits.
      if (breaker.policy.state === CircuitState.HalfOpen) throw new BreakerOpen(key, afterProbeMs);
      try {
        return await breaker.policy.execute(operation);
      } catch (error) {
        if (!(error instanceof BrokenCircuitError)) throw error;
        throw new BreakerOpen(key, Math.max(breaker.openedAt + forMs - Date.now(), 1));
      }
    },
  };
}
