import type { Digest, ListedItem } from '../../activities/contract.ts';
import type { Step, StepEnd, StepHandler } from './step.ts';
import { committed, parked } from './step.ts';

/** Where the document sets no bound. */
const mostAtOnce = 500;
/** Outputs of so many items in a row are kept as one value: what a run carries does not grow with the list. */
const joinedTogether = 1000;

interface Progress {
  /** Items from here on are not started. */
  next: number;
  /** Started and not ended, by index. */
  running: Record<number, ListedItem>;
  /** Lists of the outputs before `first`. */
  joined: Digest[];
  first: number;
  /** By index, from `first`: null of an item that is left out. */
  outputs: Record<number, Digest | null>;
  refused?: true;
  failed?: true;
}

/**
 * Runs what is within, or the step itself, once for each item. Results are in the order of the items. One that is
 * rejected refuses the step once all have ended; one that fails is left out or leads elsewhere where the document says
 * so, and else is parked and holds up only this step.
 */
export const forEach: StepHandler = async (step): Promise<StepEnd> => {
  const { each, ifItFails } = step.node;
  if (each === undefined) return parked('bug');
  const progress = step.progress<Progress>(() => ({ next: 0, running: {}, joined: [], first: 0, outputs: {} }));
  const slots = createSlots(step, Math.min(each.atOnce ?? mostAtOnce, mostAtOnce));

  const run = async (item: ListedItem, index: number): Promise<void> => {
    const end = await runItem(step, item, index);
    delete progress.running[index];
    if (end === 'refused') progress.refused = true;
    if (end === 'failed') progress.failed = true;
    progress.outputs[index] = end === 'refused' || end === 'failed' ? null : end.output;
  };

  for (const [index, item] of Object.entries(progress.running)) slots.take(() => run(item, Number(index)));
  for (let total = progress.next + 1; progress.next < total; ) {
    const page = await step.listItems(progress.next);
    total = page.total;
    for (const item of page.items) {
      await slots.free();
      const index = progress.next;
      progress.next += 1;
      if (progress.failed && ifItFails === 'link') {
        progress.outputs[index] = null;
        continue;
      }
      progress.running[index] = item;
      slots.take(() => run(item, index));
    }
    await joinFinished(step, progress);
  }
  await slots.allFree();
  if (progress.refused) return { as: 'refused', told: false };
  if (progress.failed && ifItFails === 'link') return { as: 'committed', on: 'failure' };
  await joinFinished(step, progress);
  return committed(await step.collectList(progress.joined, outputsFrom(progress, progress.next)));
};

/** Where the first many outputs in a row are there, and more are to come. */
async function joinFinished(step: Step, progress: Progress): Promise<void> {
  const hasAll = (end: number): boolean => {
    for (let index = progress.first; index < end; index += 1) if (!(index in progress.outputs)) return false;
    return true;
  };
  for (let end = progress.first + joinedTogether; end <= progress.next && hasAll(end); end += joinedTogether) {
    progress.joined.push(await step.joinItems(outputsFrom(progress, end)));
    for (let index = progress.first; index < end; index += 1) delete progress.outputs[index];
    progress.first = end;
  }
}

/** From the first that is not joined. */
function outputsFrom({ first, outputs }: Progress, end: number): Digest[] {
  const found: Digest[] = [];
  for (let index = first; index < end; index += 1) {
    const output = outputs[index];
    if (output !== undefined && output !== null) found.push(output);
  }
  return found;
}

async function runItem(
  step: Step,
  item: ListedItem,
  index: number,
): Promise<{ output: Digest } | 'refused' | 'failed'> {
  const { id, kind, each } = step.node;
  const { output: digest, view, key } = item;
  const end = await step.runWithin({
    segment: `${id}[${key}]`,
    ordinal: index,
    values: [[each?.item ?? '', view === undefined ? { digest } : { digest, view }]],
  });
  if (end.as !== 'done') return end.as;
  if (kind !== 'for each') {
    const output = end.outputs.get(id)?.digest;
    return output === undefined ? 'failed' : { output };
  }
  const collected = await end.collect();
  return collected.status === 'committed' ? { output: collected.output } : 'failed';
}

interface Slots {
  /** Resolves when one is free. @throws what one of those taken has thrown */
  free(): Promise<void>;
  take(work: () => Promise<void>): void;
  allFree(): Promise<void>;
}

/** One promise for all that wait, however many are at work: every promise costs the sandbox a stack trace. */
function createSlots(step: Step, size: number): Slots {
  let taken = 0;
  let fault: { error: unknown } | undefined;
  let wake: () => void = () => undefined;

  function given(): void {
    taken -= 1;
    wake();
  }

  async function until(holds: () => boolean): Promise<void> {
    if (!holds()) {
      await step.rest(async () => {
        while (!holds()) await new Promise<void>((resolve) => (wake = resolve));
      });
    }
    if (fault !== undefined) throw fault.error;
  }

  return {
    free: () => until(() => taken < size || fault !== undefined),
    take(work) {
      taken += 1;
      void step
        .beside(work)
        .catch((error: unknown) => {
          fault ??= { error };
        })
        .then(given);
    },
    allFree: () => until(() => taken === 0),
  };
}
