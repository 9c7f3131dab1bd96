/** Each kind of step to its node. */
import type { Approver, Approvers, Each, Node, NodeOf, Use } from '../graph.ts';
import type { Type } from '../types.ts';
import { unsaidActions } from './action-values.ts';
import type {
  ApproverDraft,
  ApproversDraft,
  ExpressionDraft,
  NamedExpression,
  StepDraft,
  StepKind,
  StepValues,
  UseDraft,
} from './draft.ts';
import { unsaidRetry } from './retry-values.ts';

export const unsaidTimeoutMs = 30_000;

/** By agent, its tools. */
export type AgentTools = ReadonlyMap<string, readonly string[]>;

/** `output` is what readers of the step see. Undefined for a step without a kind. */
export function emitNode(step: StepDraft, output: Type, agentTools: AgentTools): Node | undefined {
  if (!step.kind) return undefined;
  // Of a step that runs for each item, readers see the list of what it gave.
  const gives = step.values.each && output.kind === 'list' ? output.of : output;
  const emit: (step: StepDraft, gives: Type, agentTools: AgentTools) => Node = emitters[step.kind];
  return emit(step, gives, agentTools);
}

type Emitter<Kind extends StepKind> = (step: StepDraft, gives: Type, agentTools: AgentTools) => NodeOf<Kind>;

const emitters: { [Kind in StepKind]: Emitter<Kind> } = {
  agent: (step, gives, agentTools) => ({
    ...base(step),
    kind: 'agent',
    agent: step.values.agent ?? '',
    instruction: step.instruction,
    uses: (step.values.uses ?? []).map(emitUse),
    tools: toolsOf(step, agentTools),
    ...calling(step, gives),
    ...target(step),
    ...said(step.values, 'budget', 'windowTokens', 'think'),
  }),
  tool: (step, gives) => ({
    ...base(step),
    kind: 'tool',
    tool: step.values.tool ?? '',
    with: argumentsOf(step),
    ...calling(step, gives),
    ...target(step),
    ...acceptsUntrusted(step),
    ...undo(step),
  }),
  approve: (step) => ({
    ...base(step),
    kind: 'approve',
    ...waitingForPeople(step),
    actions: (step.values.actions ?? unsaidActions).map(({ name, effect }) => ({ name, effect })),
    ...said(step.values, 'quorum', 'ask', 'share'),
  }),
  person: (step, gives) => ({
    ...base(step),
    kind: 'person',
    ...waitingForPeople(step),
    gives,
    checks: checksOf(step),
    ...target(step),
  }),
  choose: (step) => ({
    ...base(step),
    kind: 'choose',
    arms: (step.values.arms ?? []).map(({ when, to }) => ({
      ...(when && { when: when.source }),
      to: to?.step ?? '',
    })),
  }),
  merge: (step, gives) => ({
    ...base(step),
    kind: 'merge',
    join: step.values.merge?.join ?? 'fields',
    from: (step.values.merge?.from ?? []).map(emitUse),
    gives,
    checks: checksOf(step),
    ...target(step),
  }),
  set: (step, gives) => ({
    ...base(step),
    kind: 'set',
    values: (step.values.values ?? []).map(emitNamed),
    gives,
    checks: checksOf(step),
    ...target(step),
  }),
  wait: (step) => ({
    ...base(step),
    kind: 'wait',
    until: waitOf(step.values),
  }),
  run: (step, gives) => ({
    ...base(step),
    kind: 'run',
    document: documentOf(step.values),
    with: argumentsOf(step),
    gives,
    ...(checksOf(step).length > 0 && { checks: checksOf(step) }),
    ...target(step),
    ...ifItFails(step),
    ...acceptsUntrusted(step),
  }),
  repeat: (step) => ({
    ...base(step),
    kind: 'repeat',
    atMost: step.values.repeat?.atMost ?? 1,
    until: step.values.repeat?.until.source ?? '',
    ...(step.values.ifNotReached && { ifNotReached: step.values.ifNotReached.do }),
  }),
  'for each': (step) => ({
    ...base(step),
    kind: 'for each',
    each: eachOf(step.values) ?? { item: '', list: '' },
    ...ifItFails(step),
  }),
  steps: (step) => ({
    ...base(step),
    kind: 'steps',
    order: step.values.order ?? 'in order',
  }),
  session: (step, gives, agentTools) => ({
    ...base(step),
    kind: 'session',
    who: step.values.who === undefined || step.values.who === 'assignee' ? 'assignee' : emitApprovers(step.values.who),
    agent: step.values.agent ?? '',
    instruction: step.instruction,
    uses: (step.values.uses ?? []).map(emitUse),
    tools: toolsOf(step, agentTools),
    gives,
    checks: checksOf(step),
    ...target(step),
    ...said(step.values, 'remindEveryMs', 'dueMs', 'budget'),
    ...undo(step),
  }),
};

function base({ id, title, parent, values: { when } }: StepDraft) {
  return { id, title, ...(parent !== undefined && { parent }), ...(when && { when: when.source }) };
}

function calling(step: StepDraft, gives: Type) {
  const { retry, timeoutMs, requiresApproval } = step.values;
  const each = eachOf(step.values);
  return {
    gives,
    checks: checksOf(step),
    retry: retry ?? unsaidRetry,
    timeoutMs: timeoutMs ?? unsaidTimeoutMs,
    ...said(step.values, 'breaker'),
    ...ifItFails(step),
    ...(each && { each }),
    ...(requiresApproval && { requiresApproval: emitApprovers(requiresApproval) }),
  };
}

function waitingForPeople(step: StepDraft) {
  const { approvers, notBy, show, ifOverdue } = step.values;
  return {
    approvers: emitApprovers(approvers),
    notBy: notBy ?? [],
    show: (show ?? []).map(emitUse),
    instruction: step.instruction,
    ...said(step.values, 'remindEveryMs', 'dueMs'),
    ...(ifOverdue && {
      ifOverdue:
        ifOverdue.do === 'ask'
          ? { do: 'ask' as const, approvers: emitApprovers(ifOverdue.approvers) }
          : { do: ifOverdue.do },
    }),
  };
}

/** Where in the proposal the output goes. */
function target({ values: { section, state } }: StepDraft) {
  return { ...(section && { section: section.name }), ...(state && { state: state.path }) };
}

function toolsOf({ values }: StepDraft, agentTools: AgentTools): string[] {
  return values.tools?.map((tool) => tool.name) ?? [...(agentTools.get(values.agent ?? '') ?? [])];
}

function argumentsOf({ values }: StepDraft): Use[] {
  return [...(values.with ?? []).map(emitNamed), ...(values.uses ?? []).map(emitUse)];
}

function ifItFails({ values: { ifItFails: said } }: StepDraft): { ifItFails?: 'skip' | 'link' } {
  return said ? { ifItFails: said.do } : {};
}

function undo({ values }: StepDraft): { undo?: string } {
  return values.undo ? { undo: values.undo.name } : {};
}

function acceptsUntrusted({ values: { acceptsUntrusted: fields } }: StepDraft): { acceptsUntrusted?: string[] } {
  return fields ? { acceptsUntrusted: fields.map((one) => one.name) } : {};
}

function waitOf({ wait }: StepValues): NodeOf<'wait'>['until'] {
  return wait && 'until' in wait ? { expr: wait.until.source } : { ms: wait?.ms ?? 1 };
}

function documentOf({ document }: StepValues): NodeOf<'run'>['document'] {
  const { file = '', id, graph } = document ?? {};
  return { file, ...(id !== undefined && { id }), ...(graph !== undefined && { graph }) };
}

function eachOf({ each, key }: StepValues): Each | undefined {
  if (!each) return undefined;
  const { item, list, atOnce } = each;
  return { item, list: list.source, ...(atOnce !== undefined && { atOnce }), ...(key && { key: key.source }) };
}

function emitApprovers({ need, of }: ApproversDraft = { need: 'any', of: [] }): Approvers {
  return { need, of: of.map(emitApprover) };
}

export function emitApprover(one: ApproverDraft): Approver {
  return 'role' in one ? { role: one.role } : { person: one.person.source };
}

function checksOf({ values }: StepDraft): { expr: string }[] {
  return (values.checks ?? []).map((check: ExpressionDraft) => ({ expr: check.source }));
}

function emitNamed({ name, value }: NamedExpression): Use {
  return { name, expr: value.source };
}

function emitUse({ name, expr, ifItRan }: UseDraft): Use {
  return ifItRan ? { name, expr, ifItRan } : { name, expr };
}

/** Those of the values that are there, under the same names. */
function said<Key extends keyof StepValues>(
  values: StepValues,
  ...keys: Key[]
): { [K in Key]?: Exclude<StepValues[K], undefined> } {
  const found: { [K in Key]?: Exclude<StepValues[K], undefined> } = {};
  for (const key of keys) {
    const value = values[key];
    if (value !== undefined) found[key] = value as Exclude<StepValues[Key], undefined>;
  }
  return found;
}
