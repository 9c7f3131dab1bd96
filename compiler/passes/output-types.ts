/** The types of what steps give, as far as it is said; the types of values are looked at later, in `check-expressions.ts`. */
import { anything, resolveType } from '../expressions/type-relations.ts';
import type { Field, Type } from '../types.ts';
import { unsaidActions } from './action-values.ts';
import type { StepDraft } from './draft.ts';
import type { Flow } from './flow.ts';

/** Kinds of steps that give nothing. */
export function givesNothing({ kind }: StepDraft): boolean {
  return kind === 'choose' || kind === 'wait';
}

/** Of one run of the step: of one item, where it runs for each. A container is not asked. */
export function statedOutput(step: StepDraft): Type {
  if (step.outputUnknown) return anything;
  const { gives, values } = step.values;
  if (step.kind === 'approve') return verdictType(step, step.values.actions ?? unsaidActions, true);
  if (gives) return gives;
  if (step.kind === 'set' && values) {
    return { kind: 'record', fields: values.map(({ name }) => ({ name, type: anything })) };
  }
  return step.kind === 'agent' || step.kind === 'session' ? { kind: 'text' } : anything;
}

/** What readers of the step see, of its output in one run. */
export function seenOutput(step: StepDraft, output: Type): Type {
  return step.values.each ? { kind: 'list', of: output } : output;
}

/** The record that readers see after one of these verdicts, or (`mayBeOverdue`) after none in time. */
export function verdictType(step: StepDraft, actions: readonly { name: string }[], mayBeOverdue: boolean): Type {
  const { ask, ifOverdue } = step.values;
  const goesOn = mayBeOverdue && (ifOverdue?.do === 'continue' || ifOverdue?.do === 'link');
  const values = [...actions.map((action) => action.name), ...(goesOn ? ['overdue'] : [])];
  const fields: Field[] = [
    { name: 'action', type: values.length > 0 ? { kind: 'one of', values } : { kind: 'text' } },
    { name: 'comment', type: { kind: 'text' } },
    { name: 'form', type: ask ?? anything, optional: true },
    { name: 'by', type: { kind: 'text' } },
  ];
  return { kind: 'record', fields };
}

/** A record of what the steps in the container give, by their ids; of one item, where it runs for each. */
export function recordOfSteps(
  container: string,
  steps: ReadonlyMap<string, StepDraft>,
  flow: Flow,
  typeOf: (step: StepDraft) => Type,
): Type & { kind: 'record' } {
  const fields: Field[] = [];
  for (const id of flow.stepsIn(container)) {
    const step = steps.get(id);
    if (!step || givesNothing(step)) continue;
    const field: Field = { name: id, type: typeOf(step) };
    fields.push(flow.hasRunBefore(id, container, true) ? field : { ...field, optional: true });
  }
  return { kind: 'record', fields };
}

/** As readers see it, before the types of values are known. */
export function statedType(step: StepDraft, steps: ReadonlyMap<string, StepDraft>, flow: Flow): Type {
  const inner = (one: StepDraft): Type => statedType(one, steps, flow);
  return seenOutput(step, isContainer(step) ? recordOfSteps(step.id, steps, flow, inner) : statedOutput(step));
}

export function isContainer(step: StepDraft): boolean {
  const { kind } = step;
  return kind === 'steps' || kind === 'repeat' || kind === 'for each';
}

/** Is there a value at the path in every value of the type? */
export function isAlwaysThere(path: readonly string[], type: Type, types: ReadonlyMap<string, Type>): boolean {
  const [key, ...rest] = path;
  if (key === undefined) return true;
  const resolved = resolveType(type, types);
  if (resolved.kind !== 'record') return false;
  const field = resolved.fields.find((one) => one.name === key);
  const filled = field && (!field.optional || field.default !== undefined || field.computed !== undefined);
  return filled === true && isAlwaysThere(rest, field.type, types);
}
