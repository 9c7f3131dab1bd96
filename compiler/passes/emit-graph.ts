/** Pass 9: a draft without mistakes to the graph. */
import type { Agent, Edge, Graph, ProposalDefinition } from '../graph.ts';
import { graphSchemaVersion } from '../graph-facts.ts';
import type { Type } from '../types.ts';
import type { AgentDraft, DocumentDraft, EdgeDraft, ProposalDraft } from './draft.ts';
import { emitApprover, emitNode } from './emit-nodes.ts';

export function emitGraph(
  draft: DocumentDraft,
  edges: readonly EdgeDraft[],
  outputs: ReadonlyMap<string, Type>,
): Graph {
  const agentTools = new Map([...draft.agents, ...draft.others.agents].map((agent) => [agent.id, agent.tools]));
  return {
    schemaVersion: graphSchemaVersion,
    id: draft.id,
    title: draft.title,
    ...(draft.owner && { owner: emitApprover(draft.owner) }),
    ...(draft.budget && { budget: draft.budget }),
    inputs: draft.inputs.map((one) => one.field),
    types: [...draft.types, ...draft.others.types].map(({ name, type }) => ({ name, type })),
    agents: [...draft.agents.map(emitAgent), ...draft.others.agents],
    ...(draft.proposal && { proposal: emitProposal(draft.proposal) }),
    nodes: draft.steps.flatMap(
      (step) => emitNode(step, outputs.get(step.id) ?? { kind: 'anything' }, agentTools) ?? [],
    ),
    edges: edges.map(emitEdge),
    result: draft.result.map(({ name, type, value }) => ({ name, type, value: value.source })),
    externals: draft.others.externals.map(({ path: _path, span: _span, ...external }) => external),
  };
}

function emitAgent({ block: _block, settings: _settings, delegates: _delegates, ...agent }: AgentDraft): Agent {
  return agent;
}

function emitProposal({ state, owner, sections }: ProposalDraft): ProposalDefinition {
  return {
    ...(state && { state }),
    ...(owner && { owner: emitApprover(owner) }),
    sections: sections.map((one) => ({ field: one.field, ...(one.owner && { owner: emitApprover(one.owner) }) })),
  };
}

function emitEdge({ span: _span, ...edge }: EdgeDraft): Edge {
  return edge;
}
