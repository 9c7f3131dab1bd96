/** What may be written inside an expression, and as a whole one. */
import { checkExpression, resolveType, typeText } from '../expressions/check.ts';
import { functions } from '../expressions/functions.ts';
import type { StepDraft } from '../passes/draft.ts';
import { NamesInScope } from '../passes/names-in-scope.ts';
import { givesNothing } from '../passes/output-types.ts';
import type { Moment } from '../passes/step-expressions.ts';
import type { Field, Type } from '../types.ts';
import { describeField, describeStep } from './describe.ts';
import type { Spot } from './spot.ts';
import { fieldBefore, fieldsAround } from './spot.ts';

export interface Completion {
  label: string;
  kind: 'setting' | 'step' | 'agent' | 'type' | 'value' | 'field' | 'function' | 'word';
  /** One line beside the label. */
  detail?: string;
  /** Markdown. */
  documentation?: string;
  /** Replaces the text from the column `from` (one-based, on the line of the cursor) to the cursor. */
  text: string;
  from: number;
}

/** The column (one-based) where the typed text before the cursor begins. */
export type PlaceOf = (typed: string) => number;

export function inExpression(spot: Spot, code: string, place: PlaceOf): Completion[] {
  // Inside quotes stands text.
  if (/^(?:[^"']|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')*$/.test(code) === false) return [];
  const [, path = '', typed = ''] = /((?:[A-Za-z_]\w*\.)*)([A-Za-z_]\w*)?$/.exec(code) ?? [];
  const start = code.length - path.length - typed.length;
  // The end of a number, or a member of something computed, whose type is known only when it is whole.
  if (/[\w.)\]]$/.test(code.slice(0, start))) return [];
  const from = place(typed);
  const roots = rootsOf(spot);
  if (path === '') {
    const calls = ['has', ...Object.keys(functions)].map(
      (name): Completion => ({ label: name, kind: 'function', text: `${name}(`, from }),
    );
    const inputs = roots.has('input')
      ? [{ label: 'input', kind: 'value' as const, detail: 'the inputs of the run', text: 'input', from }]
      : [];
    const others = new Set(['input', ...spot.findings.draft.steps.map((one) => one.id)]);
    const own = [...roots]
      .filter(([name]) => !others.has(name))
      .map(([name, type]): Completion => ({ label: name, kind: 'value', detail: typeText(type), text: name, from }));
    const steps = roots.has('input')
      ? valuesOf(spot)
          .filter((one) => one.kind === 'value')
          .map((one) => ({ ...one, from }))
      : [];
    return [...own, ...inputs, ...steps, ...calls];
  }
  const names = path.slice(0, -1).split('.');
  return fieldsAt(roots, names, spot.findings.types).map((field) => ({ ...fieldCompletion(field, field.name), from }));
}

/** Types of the names that an expression may read here. */
function rootsOf(spot: Spot): ReadonlyMap<string, Type> {
  const { findings, at } = spot;
  const { draft, outputs } = findings;
  const record = (fields: readonly { field: Field }[]): Type => ({
    kind: 'record',
    fields: fields.map((one) => one.field),
  });
  if ((at.in === 'cell' && at.column === 'rule') || fieldBefore(spot) !== undefined) {
    return new Map([['this', record(fieldsAround(spot))]]);
  }
  const steps = stepsNear(spot).flatMap((one): [string, Type][] => {
    const output = outputs.get(one.id);
    return output ? [[one.id, output]] : [];
  });
  return new Map<string, Type>([['input', record(draft.inputs)], ...steps, ...ownNames(spot)]);
}

/** Names besides inputs and steps: items of loops, `previous`, `feedback`, `proposal`, and `output` in a check. */
function ownNames({ findings, at, step }: Spot): ReadonlyMap<string, Type> {
  const { draft, outputs, flow, types } = findings;
  if (at.in !== 'value' && !step) return new Map();
  const steps = new Map(draft.steps.map((one) => [one.id, one]));
  const inputs: Type = { kind: 'record', fields: draft.inputs.map((one) => one.field) };
  const names = new Map<string, Type>([['input', inputs], ...outputs]);
  const itemType = ({ values: { each } }: StepDraft): Type => {
    const list = each && checkExpression(each.list.source, { names, types }).type;
    const resolved = list && resolveType(list, types);
    return resolved?.kind === 'list' ? resolved.of : { kind: 'anything' };
  };
  const scope = new NamesInScope(steps, draft.proposal, flow, itemType);
  if (!step) return scope.ofDocument();
  return scope.at(step, momentOf(at), outputs.get(step.id) ?? { kind: 'anything' });
}

function momentOf(at: Spot['at']): Moment {
  const setting = at.in === 'value' ? at.setting : '';
  if (setting === 'check') return 'output';
  if (setting === 'repeat') return 'end';
  return setting === 'for each' || setting === 'when' ? 'start' : 'within';
}

function fieldsAt(
  roots: ReadonlyMap<string, Type>,
  path: readonly string[],
  types: ReadonlyMap<string, Type>,
): readonly Field[] {
  let type: Type | undefined;
  for (const [index, name] of path.entries()) {
    if (index === 0) type = roots.get(name);
    else type = fieldsOf(type, types).find((field) => field.name === name)?.type;
  }
  return fieldsOf(type, types);
}

function fieldsOf(type: Type | undefined, types: ReadonlyMap<string, Type>): readonly Field[] {
  const resolved = type && resolveType(type, types);
  if (resolved?.kind === 'union') return resolved.of.flatMap((one) => fieldsOf(one, types));
  return resolved?.kind === 'record' ? resolved.fields : [];
}

/** The other steps that can be read here: those that come before this one first, the nearest first. */
export function stepsNear({ findings: { draft, flow }, step, at }: Spot): StepDraft[] {
  const around = containersOf(step, draft.steps);
  // When it ends, a repeat reads its own steps.
  const inner = step?.kind === 'repeat' && at.in === 'value' && at.setting === 'repeat' ? step.id : undefined;
  const others = draft.steps.filter(
    ({ id, parent }) =>
      id !== step?.id && !around.has(id) && (parent === undefined || around.has(parent) || parent === inner),
  );
  if (!step) return others;
  const isBefore = (one: StepDraft): boolean =>
    (inner !== undefined && one.parent === inner) || flow.isBefore(one.id, step.id);
  const before = others.filter(isBefore);
  return [...before.toReversed(), ...others.filter((one) => !before.includes(one))];
}

function containersOf(step: StepDraft | undefined, steps: readonly StepDraft[]): ReadonlySet<string> {
  const byId = new Map(steps.map((one) => [one.id, one]));
  const around = new Set<string>();
  for (let id = step?.parent; id !== undefined && !around.has(id); id = byId.get(id)?.parent) around.add(id);
  return around;
}

/** Whole values that an expression may begin with: inputs, and what steps gave. */
export function valuesOf(spot: Spot): Omit<Completion, 'from'>[] {
  const { draft, outputs } = spot.findings;
  const inputs = draft.inputs.map(({ field }) => fieldCompletion(field, `input.${field.name}`));
  const steps = stepsNear(spot).filter((one) => one.kind !== undefined && !givesNothing(one));
  return [
    ...inputs,
    ...steps.map((one): Omit<Completion, 'from'> => {
      const detail = typeText(outputs.get(one.id) ?? { kind: 'anything' });
      return { label: one.id, kind: 'value', detail, documentation: describeStep(one, spot.findings), text: one.id };
    }),
  ];
}

function fieldCompletion(field: Field, label: string): Omit<Completion, 'from'> {
  return { label, kind: 'field', detail: typeText(field.type), documentation: describeField(field), text: label };
}
