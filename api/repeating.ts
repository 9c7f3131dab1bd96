/** Work that a process does again and again beside its requests. */

export interface Repeating {
  start(): void;
  /** There may be work now: done at once, or right after what is under way. Returns at once. */
  wake(): void;
  /** Resolves once what is under way has ended. Nothing begins after it is called. */
  stop(): Promise<void>;
}

export interface RepeatingSettings {
  /** How long it rests unless woken, in milliseconds. */
  everyMs: number;
  /** Resolves with whether there is more to do, which is begun without a rest. */
  work(): Promise<boolean>;
  /** What `work` rejected with; it is done again after the next rest. */
  failed(error: unknown): void;
}

export function repeating({ everyMs, work, failed }: RepeatingSettings): Repeating {
  let stopped = false;
  let woken = false;
  let endRest: () => void = () => undefined;
  let loop: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (!stopped) {
      woken = false;
      const more = await work().catch(failed);
      if (more !== true && !woken && !stopped) await rest();
    }
  }

  function rest(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, everyMs);
      endRest = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  return {
    start() {
      loop ??= run();
    },
    wake() {
      woken = true;
      endRest();
    },
    async stop() {
      stopped = true;
      endRest();
      await loop;
    },
  };
}
