/** Pass 9: a draft without mistakes to the graph. */
import type { Approvers, Edge, Graph, Node, Use } from '../graph.ts';
import { graphSchemaVersion } from '../graph.ts';
import type { Type } from '../types.ts';
import type {
  ApproversDraft,
  DocumentDraft,
  EdgeDraft,
  ExpressionDraft,
  NamedExpression,
  StepDraft,
  StepKind,
  UseDraft,
} from './draft.ts';
import { unsaidActions } from './gate-values.ts';
import { unsaidRetry } from './retry-values.ts';

const unsaidTimeoutMs = 30_000;

export function emitGraph(
  draft: DocumentDraft,
  edges: readonly EdgeDraft[],
  outputs: ReadonlyMap<string, Type>,
): Graph {
  const agentTools = new Map(draft.agents.map((agent) => [agent.id, agent.tools]));
  return {
    schemaVersion: graphSchemaVersion,
    id: draft.id,
    title: draft.title,
    inputs: draft.inputs.map((one) => one.field),
    types: draft.types.map(({ name, type }) => ({ name, type })),
    agents: draft.agents.map(({ block: _block, ...agent }) => agent),
    nodes: draft.steps.flatMap((step) => {
      if (!step.kind) return [];
      const emit: (step: StepDraft, output: Type, tools: ReadonlyMap<string, string[]>) => Node = emitters[step.kind];
      return [emit(step, outputs.get(step.id) ?? { kind: 'anything' }, agentTools)];
    }),
    edges: edges.map(emitEdge),
    result: draft.result.map(({ name, type, value }) => ({ name, type, value: value.source })),
    externals: [],
  };
}

function emitEdge({ from, to, arm }: EdgeDraft): Edge {
  return arm === undefined ? { from, to } : { from, to, arm };
}

type Emitter<Kind extends StepKind> = (
  step: StepDraft,
  output: Type,
  agentTools: ReadonlyMap<string, string[]>,
) => Extract<Node, { kind: Kind }>;

const emitters: { [Kind in StepKind]: Emitter<Kind> } = {
  agent: (step, gives, agentTools) => ({
    ...base(step),
    kind: 'agent',
    agent: step.values.agent ?? '',
    instruction: step.instruction,
    uses: (step.values.uses ?? []).map(emitUse),
    tools: step.values.tools?.map((tool) => tool.name) ?? agentTools.get(step.values.agent ?? '') ?? [],
    ...producing(step, gives),
  }),
  tool: (step, gives) => ({
    ...base(step),
    kind: 'tool',
    tool: step.values.tool ?? '',
    with: [
      ...(step.values.with ?? []).map(emitNamed),
      ...(step.values.uses ?? []).map((use) => ({ name: use.name, expr: use.expr })),
    ],
    ...producing(step, gives),
  }),
  approve: (step) => ({
    ...base(step),
    kind: 'approve',
    approvers: emitApprovers(step.values.approvers),
    notBy: step.values.notBy ?? [],
    show: (step.values.show ?? []).map(emitUse),
    actions: (step.values.actions ?? unsaidActions).map(({ name, effect }) => ({ name, effect })),
    instruction: step.instruction,
  }),
  choose: (step) => ({
    ...base(step),
    kind: 'choose',
    arms: (step.values.arms ?? []).map(({ when, to }) => ({
      ...(when && { when: when.source }),
      to: to?.step ?? '',
    })),
  }),
  set: (step, gives) => ({
    ...base(step),
    kind: 'set',
    values: (step.values.values ?? []).map(emitNamed),
    gives,
    checks: checks(step.values.checks),
  }),
};

function base(step: StepDraft): { id: string; title: string; when?: string } {
  const { when } = step.values;
  return { id: step.id, title: step.title, ...(when && { when: when.source }) };
}

function producing(step: StepDraft, gives: Type) {
  const { checks: said, retry, timeoutMs, requiresApproval } = step.values;
  return {
    gives,
    checks: checks(said),
    retry: retry ?? unsaidRetry,
    timeoutMs: timeoutMs ?? unsaidTimeoutMs,
    ...(requiresApproval && { requiresApproval: emitApprovers(requiresApproval) }),
  };
}

function emitApprovers({ need, of }: ApproversDraft = { need: 'any', of: [] }): Approvers {
  return { need, of: of.map((one) => ('role' in one ? { role: one.role } : { person: one.person.source })) };
}

function checks(said: readonly ExpressionDraft[] = []): { expr: string }[] {
  return said.map((check) => ({ expr: check.source }));
}

function emitNamed({ name, value }: NamedExpression): { name: string; expr: string } {
  return { name, expr: value.source };
}

function emitUse({ name, expr, ifItRan }: UseDraft): Use {
  return ifItRan ? { name, expr, ifItRan } : { name, expr };
}
