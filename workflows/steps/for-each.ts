import type { Digest, ListedItem } from '../../activities/contract.ts';
import type { Step, StepEnd, StepHandler } from './step.ts';
import { committed, parked } from './step.ts';

/** Where the document sets no bound. */
const mostAtOnce = 500;

/**
 * Runs what is within, or the step itself, once for each item. Results are in the order of the items. One that is
 * rejected refuses the step once all have ended; one that fails is left out or leads elsewhere where the document says
 * so, and else is parked and holds up only this step.
 */
export const forEach: StepHandler = async (step): Promise<StepEnd> => {
  const { each, ifItFails } = step.node;
  if (each === undefined) return parked('bug');
  const outputs: (Digest | undefined)[] = [];
  const slots = createSlots(Math.min(each.atOnce ?? mostAtOnce, mostAtOnce));
  let refused = false;
  let failed = false;

  const run = async (item: ListedItem, index: number): Promise<void> => {
    const end = await runItem(step, item, index);
    if (end === 'refused') refused = true;
    else if (end === 'failed') failed = true;
    else outputs[index] = end;
  };

  for (let start = 0, total = 1; start < total; ) {
    const page = await step.listItems(start);
    total = page.total;
    for (const item of page.items) {
      const index = start;
      start += 1;
      await slots.free();
      if (failed && ifItFails === 'link') continue;
      slots.take(run(item, index));
    }
  }
  await slots.allFree();
  if (refused) return { as: 'refused', told: false };
  if (failed && ifItFails === 'link') return { as: 'committed', on: 'failure' };
  return committed(await step.collectList(outputs.filter((output) => output !== undefined)));
};

async function runItem(step: Step, item: ListedItem, index: number): Promise<Digest | 'refused' | 'failed'> {
  const { id, kind, each } = step.node;
  const { output: digest, view, key } = item;
  const end = await step.runWithin({
    segment: `${id}[${key}]`,
    ordinal: index,
    values: [[each?.item ?? '', view === undefined ? { digest } : { digest, view }]],
  });
  if (end.as !== 'done') return end.as;
  const output =
    kind === 'for each' ? committed(await end.collect()) : { as: 'committed', output: end.outputs.get(id)?.digest };
  return output.as === 'committed' && output.output !== undefined ? output.output : 'failed';
}

interface Slots {
  /** Resolves when one is free. @throws what one of those taken has thrown */
  free(): Promise<void>;
  take(work: Promise<void>): void;
  allFree(): Promise<void>;
}

/** One promise for all that wait, however many are at work: every promise costs the sandbox a stack trace. */
function createSlots(size: number): Slots {
  let taken = 0;
  let fault: { error: unknown } | undefined;
  let wake: () => void = () => undefined;

  function given(): void {
    taken -= 1;
    wake();
  }

  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => (wake = resolve));
    if (fault !== undefined) throw fault.error;
  }

  return {
    free: () => until(() => taken < size || fault !== undefined),
    take(work) {
      taken += 1;
      work
        .catch((error: unknown) => {
          fault ??= { error };
        })
        .then(given);
    },
    allFree: () => until(() => taken === 0),
  };
}
