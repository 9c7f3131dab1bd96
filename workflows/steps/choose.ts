import type { StepEnd, StepHandler } from './step.ts';
import { parked } from './step.ts';

/** Takes the first arm whose condition holds. From the first that views can't decide, an activity does. */
export const choose: StepHandler = async (step): Promise<StepEnd> => {
  const arms = step.node.arms ?? [];
  for (const [arm, { when }] of arms.entries()) {
    const holds = when === undefined || step.decide(when);
    if (holds === 'opaque') return chooseByActivity(arm);
    if (holds) return take(arm);
  }
  return parked('bug');

  async function chooseByActivity(first: number): Promise<StepEnd> {
    const open = arms.flatMap(({ when }, index) =>
      index >= first && when !== undefined ? [{ index, of: 'arm' as const }] : [],
    );
    const holds = await step.evaluate(open);
    const arm = holds?.index ?? arms.findIndex(({ when }) => when === undefined);
    return arms[arm] === undefined ? parked('bug') : take(arm);
  }

  async function take(arm: number): Promise<StepEnd> {
    if (!step.armLeadsBack(arm)) return { as: 'committed', arm };
    return { as: 'committed', arm, feedback: await step.collectReads() };
  }
};
