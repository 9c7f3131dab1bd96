/** What the checks against the surroundings look at, and what they say that they could not check. */
import type { Report } from '../diagnostics.ts';
import type { Scope } from '../expressions/check.ts';
import { checkExpression } from '../expressions/check.ts';
import type { Unchecked } from '../receipt.ts';
import type { Span } from '../source-text.ts';
import type { Surroundings } from '../surroundings.ts';
import type { Type } from '../types.ts';
import type { DocumentDraft, StepDraft } from './draft.ts';
import type { Flow } from './flow.ts';
import type { Order } from './order-steps.ts';
import type { Bodies } from './read-document.ts';
import { typesOf } from './read-document.ts';
import type { Block } from './read-sections.ts';
import type { Setting } from './read-settings.ts';

export interface Around {
  draft: DocumentDraft;
  bodies: Bodies;
  order: Order;
  flow: Flow;
  /** Of each step's output, by its id. */
  outputs: ReadonlyMap<string, Type>;
  surroundings: Surroundings;
  scope: Scope;
  report: Report;
  /** Filled by the checks. */
  unchecked: Unchecked[];
}

export function settingOf(around: Around, block: Block, name: string): Setting | undefined {
  return around.bodies.get(block.heading)?.settings.find((one) => one.name === name);
}

/** One argument of a tool, or of a document that is run. */
export interface Argument {
  name: string;
  /** Of the name, where one is written. */
  nameSpan: Span;
  expr: string;
  /** Of the value. */
  span: Span;
}

/** `with` names each, `uses` passes whole values. In the order of the graph. */
export function argumentsOf({ values }: StepDraft): Argument[] {
  return [
    ...(values.with ?? []).map(({ name, nameSpan, value }) => ({
      name,
      nameSpan,
      expr: value.source,
      span: value.span,
    })),
    ...(values.uses ?? []).map(({ name, expr, span }) => ({ name, nameSpan: span, expr, span })),
  ];
}

/** What expressions of the document may read, as far as it is the same everywhere. */
export function scopeOf({ draft, outputs }: Pick<Around, 'draft' | 'outputs'>): Scope {
  const input: Type = { kind: 'record', fields: draft.inputs.map((one) => one.field) };
  const names = new Map<string, Type>([...outputs, ['input', draft.inputsComplete ? input : { kind: 'anything' }]]);
  return { names, types: typesOf(draft) };
}

/** The type of an expression where it is certain; a mistake in it was told by the pass that reads expressions. */
export function certainTypeOf(expr: string, { scope }: Around): Type | undefined {
  const checked = checkExpression(expr, scope);
  return checked.problems.length > 0 ? undefined : checked.type;
}

/** The container of the step, the one around that, and so on. */
export function containersOf(step: StepDraft, steps: ReadonlyMap<string, StepDraft>): StepDraft[] {
  const containers: StepDraft[] = [];
  let at = step.parent === undefined ? undefined : steps.get(step.parent);
  while (at && !containers.includes(at)) {
    containers.push(at);
    at = at.parent === undefined ? undefined : steps.get(at.parent);
  }
  return containers;
}

/** The steps that the dialect's own words for kinds read as kinds, whatever has been built of them. */
export function isKind(step: StepDraft, ...kinds: readonly string[]): boolean {
  return step.kind !== undefined && kinds.includes(step.kind);
}
