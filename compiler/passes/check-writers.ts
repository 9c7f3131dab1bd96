/** Pass 7, writes: steps that may run at the same time write different parts of the proposal. */
import type { Report } from '../diagnostics.ts';
import type { Span } from '../source-text.ts';
import { foldName } from '../source-text.ts';
import type { StepDraft } from './draft.ts';
import type { Flow } from './flow.ts';

interface Write {
  step: StepDraft;
  /** As an author would write it. */
  what: string;
  /** Fields of the state; none of a section. */
  path: readonly string[];
  span: Span;
}

/**
 * Each write is compared with so many before it of the same section or state field, the nearest first, so that thousands
 * of writes in a row cost no more than their number. Documents that people write stay below.
 */
const maxCompared = 64;

export function checkWriters(steps: readonly StepDraft[], flow: Flow, report: Report): void {
  const groups = new Map<string, Write[]>();
  const drafts = new Map(steps.map((step) => [step.id, step]));
  for (const id of flow.order) {
    const step = drafts.get(id);
    for (const [key, write] of step ? writesOf(step) : []) {
      const group = groups.get(key) ?? [];
      groups.set(key, group);
      if (!reportLoop(write, drafts, flow, report)) reportClash(write, group.slice(-maxCompared), flow, report);
      group.push(write);
    }
  }
}

function writesOf(step: StepDraft): [key: string, write: Write][] {
  const { section, state } = step.values;
  const writes: [string, Write][] = [];
  if (section) {
    const what = `section ${section.name}`;
    writes.push([foldName(what), { step, what, path: [], span: section.span }]);
  }
  if (state) {
    const what = `state ${state.path.join('.')}`;
    writes.push([`state ${state.path[0]}`, { step, what, path: state.path, span: state.span }]);
  }
  return writes;
}

/** Of two states one is a part of the other, or they are the same. */
function overlap(one: Write, other: Write): boolean {
  const length = Math.min(one.path.length, other.path.length);
  return one.path.slice(0, length).every((field, index) => field === other.path[index]);
}

function reportClash(write: Write, before: readonly Write[], flow: Flow, report: Report): void {
  const clashing = before.findLast((one) => overlap(one, write) && flow.mayRunTogether(one.step.id, write.step.id));
  if (!clashing) return;
  const [first, second] = clashing.span.start < write.span.start ? [clashing, write] : [write, clashing];
  const related = [{ span: first.span, message: `${first.step.title} writes it here` }];
  const message = `Unexpected write of ${second.what} by ${second.step.title} while ${first.step.title} may write it, expected one after the other`;
  report.error('parallel-writers', second.span, message, { related });
}

/** Items of which several are at work at once write over each other. */
function reportLoop(write: Write, steps: ReadonlyMap<string, StepDraft>, flow: Flow, report: Report): boolean {
  const { id } = write.step;
  const loop = [id, ...flow.around(id)]
    .map((one) => steps.get(one))
    .find((one) => one?.values.each && one.values.each.atOnce !== 1);
  if (!loop) return false;
  const related = [{ span: loop.headingSpan, message: 'several items are at work at once' }];
  const message = `Unexpected write of ${write.what} by each item of ${loop.title}, expected a step after it that writes once, or at most 1 at once`;
  report.error('parallel-writers', write.span, message, loop === write.step ? {} : { related });
  return true;
}
