/** Pass 9: a draft without mistakes to the graph. */
import type { Edge, Graph } from '../graph.ts';
import { graphSchemaVersion } from '../graph.ts';
import type { Type } from '../types.ts';
import type { DocumentDraft, EdgeDraft } from './draft.ts';
import { emitNode } from './emit-nodes.ts';

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
    inputs: draft.inputs.map((one) => one.field),
    types: [...draft.types, ...draft.others.types].map(({ name, type }) => ({ name, type })),
    agents: [...draft.agents.map(({ block: _block, ...agent }) => agent), ...draft.others.agents],
    nodes: draft.steps.flatMap(
      (step) => emitNode(step, outputs.get(step.id) ?? { kind: 'anything' }, agentTools) ?? [],
    ),
    edges: edges.map(emitEdge),
    result: draft.result.map(({ name, type, value }) => ({ name, type, value: value.source })),
    externals: draft.others.externals.map(({ path: _path, span: _span, ...external }) => external),
  };
}

function emitEdge({ span: _span, ...edge }: EdgeDraft): Edge {
  return edge;
}
