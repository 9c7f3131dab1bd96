import type { Value } from '../frames.ts';
import type { StepEnd, StepHandler } from './step.ts';
import { committed, parked } from './step.ts';

/** Runs the steps within until its condition holds, at most so many times. Its output is that of the last pass. */
export const repeat: StepHandler = async (step): Promise<StepEnd> => {
  const { id, repeat: setting } = step.node;
  if (setting === undefined) return parked('bug');
  const progress = step.progress<{ pass: number; previous?: Value }>(() => ({ pass: 1 }));
  for (;;) {
    const { pass, previous } = progress;
    const end = await step.runWithin({
      ...(pass === 1 ? {} : { segment: `${id}~${pass}` }),
      ordinal: pass - 1,
      ...(previous === undefined ? {} : { values: [['previous', previous]] }),
    });
    if (end.as === 'refused') return { as: 'refused', told: false };
    if (end.as === 'failed') return parked('given-up');
    const collected = committed(await end.collect());
    if (collected.as !== 'committed' || (await end.holds(setting.until))) return collected;
    const { output = '', view } = collected;
    // Also of the last one: a person who has it done again grants one pass more.
    progress.previous = view === undefined ? { digest: output } : { digest: output, view };
    progress.pass += 1;
    if (pass >= setting.atMost) return usedUp(collected, setting.ifNotReached);
  }
};

function usedUp(last: StepEnd & { as: 'committed' }, ifNotReached: 'continue' | 'link' | undefined): StepEnd {
  if (ifNotReached === 'continue') return last;
  return ifNotReached === 'link' ? { ...last, on: 'not reached' } : parked('not-reached');
}
