/** The names that an expression may read besides the inputs and the steps, with their types. */
import { parseExpression } from '../expressions/parse.ts';
import { readsOf } from '../expressions/reads.ts';
import { anything, sameType } from '../expressions/type-relations.ts';
import type { Field, Type } from '../types.ts';
import { unsaidActions } from './action-values.ts';
import type { EdgeDraft, ProposalDraft, StepDraft } from './draft.ts';
import type { Flow } from './flow.ts';
import { givesNothing, recordOfSteps, statedType, verdictType } from './output-types.ts';
import type { Moment } from './step-expressions.ts';

type Names = ReadonlyMap<string, Type>;

const dialectNames: readonly (readonly [name: string, why: string])[] = [
  ['previous', 'Unexpected previous, expected it only within a repeat'],
  ['feedback', 'Unexpected feedback, expected it only in a step that a link leads back to, or within such a step'],
  ['proposal', 'Unexpected proposal, expected it only in a document that has a section Proposal'],
  ['output', 'Unexpected output, expected it only in a check'],
  ['this', 'Unexpected this, expected it only in a rule of a field'],
];

export class NamesInScope {
  /** Why a name is not known where it is none of those: the message of each. */
  readonly elsewhere: ReadonlyMap<string, string>;
  private readonly steps: ReadonlyMap<string, StepDraft>;
  private readonly flow: Flow;
  private readonly document = new Map<string, Type>();
  /** Of the steps in a container. */
  private readonly inner = new Map<string, Names>();
  private readonly returns = new Map<string, EdgeDraft[]>();
  private readonly itemType: (loop: StepDraft) => Type;

  /** `itemType` gives the type of the items that a step or container runs for. */
  constructor(
    steps: ReadonlyMap<string, StepDraft>,
    proposal: ProposalDraft | undefined,
    flow: Flow,
    itemType: (loop: StepDraft) => Type,
  ) {
    this.steps = steps;
    this.flow = flow;
    this.itemType = itemType;
    const items = [...steps.values()].flatMap(({ title, values: { each } }): [string, string][] =>
      each ? [[each.item, `Unexpected ${each.item}, expected it only within ${title}, whose items it names`]] : [],
    );
    this.elsewhere = new Map([...items, ...dialectNames]);
    if (proposal) this.document.set('proposal', proposalType(proposal));
    for (const edge of flow.back) this.returns.set(edge.to, [...(this.returns.get(edge.to) ?? []), edge]);
  }

  /** Names of the document alone. */
  ofDocument(): Names {
    return this.document;
  }

  /** `output` is the type of what the step gives, for its checks. */
  at(step: StepDraft, moment: Moment, output: Type): Names {
    const own = new Map(this.around(step));
    const { each, repeat } = step.values;
    if (repeat && moment === 'end') own.set('previous', this.previous(step.id));
    if (each && (moment === 'within' || moment === 'output')) own.set(each.item, this.itemType(step));
    if (moment === 'output') own.set('output', output);
    return own;
  }

  /** Those of the containers around the step, and feedback where a link leads back to it or to one of them. */
  private around(step: StepDraft): Names {
    const outer = step.parent === undefined ? this.document : this.within(step.parent);
    const edges = this.returns.get(step.id);
    if (!edges) return outer;
    const before = outer.get('feedback');
    return new Map(outer).set(
      'feedback',
      union([...(before ? [before] : []), ...edges.map((edge) => this.feedback(edge))]),
    );
  }

  private within(container: string): Names {
    const known = this.inner.get(container);
    if (known) return known;
    const step = this.steps.get(container);
    const names = new Map(step ? this.around(step) : this.document);
    if (step?.values.repeat) names.set('previous', this.previous(container));
    if (step?.values.each) names.set(step.values.each.item, this.itemType(step));
    this.inner.set(container, names);
    return names;
  }

  /** Types of values are not known yet: they may read the very pass before. */
  private previous(container: string): Type {
    return recordOfSteps(container, this.steps, this.flow, (step) => statedType(step, this.steps, this.flow));
  }

  private feedback({ from, action }: EdgeDraft): Type {
    const source = this.steps.get(from);
    if (!source) return anything;
    if (source.kind === 'approve') {
      const actions = source.values.actions ?? unsaidActions;
      return verdictType(
        source,
        actions.filter((one) => action === undefined || one.name === action),
        false,
      );
    }
    const read = new Set((source.values.arms ?? []).flatMap(({ when }) => (when ? rootsOf(when.source) : [])));
    const fields = [...read].flatMap((id): Field[] => {
      const step = this.steps.get(id);
      return step && !givesNothing(step) ? [{ name: id, type: statedType(step, this.steps, this.flow) }] : [];
    });
    return { kind: 'record', fields };
  }
}

function rootsOf(source: string): string[] {
  const parsed = parseExpression(source);
  return parsed.ok ? readsOf(parsed.expression).map((read) => read.root) : [];
}

function union(types: readonly Type[]): Type {
  const different = types.filter((type, at) => types.findIndex((one) => sameType(one, type)) === at);
  const [first = anything] = different;
  return different.length > 1 ? { kind: 'union', of: different } : first;
}

function proposalType({ state, sections, complete }: ProposalDraft): Type {
  if (!complete) return anything;
  const fields = sections.map(({ field }): Field => ({ name: field.name, type: field.type, optional: true }));
  return {
    kind: 'record',
    fields: [
      { name: 'sections', type: { kind: 'record', fields } },
      { name: 'state', type: state ?? anything, optional: true },
    ],
  };
}
