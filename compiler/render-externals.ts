/** What a graph has of other documents, and documents that hold just that, for compiling what links to them. */
import type { External, Graph } from './graph.ts';
import { graphSchemaVersion, receiptSchemaVersion } from './graph-facts.ts';
import type { Receipt } from './receipt.ts';
import type { OtherDocument } from './surroundings.ts';
import { fileLinkOf } from './surroundings.ts';
import type { Type } from './types.ts';
import { innerTypes } from './types.ts';

export interface Copies {
  /** Ids. */
  agents: ReadonlySet<string>;
  /** Names. */
  types: ReadonlySet<string>;
}

/** Agents and types of the graph that stand in other documents: those linked to, and those that they need. */
export function copiesIn(graph: Graph): Copies {
  const agents = new Set<string>();
  const types = new Set<string>();
  const addAgent = (id: string): void => {
    if (agents.has(id)) return;
    agents.add(id);
    for (const one of graph.agents.find((agent) => agent.id === id)?.mayDelegateTo ?? []) addAgent(one);
  };
  const addType = (type: Type): void => {
    for (const inner of innerTypes(type)) addType(inner);
    if (type.kind !== 'named' || types.has(type.name)) return;
    types.add(type.name);
    const declared = graph.types.find((one) => one.name === type.name);
    if (declared) addType(declared.type);
  };
  for (const { thing, as } of graph.externals) {
    if (thing === 'agent') addAgent(as);
    if (thing === 'type') addType({ kind: 'named', name: as });
  }
  for (const node of graph.nodes) if (node.kind === 'run') addType(node.gives);
  return { agents, types };
}

/** Where a link to it leads. */
export function addressOf({ file, anchor }: External): string {
  return anchor === undefined ? file : `${file}#${anchor}`;
}

/** By path, as `Surroundings` has them; undefined where the graph was compiled without other documents. */
export function standInDocuments(graph: Graph): ReadonlyMap<string, OtherDocument> | undefined {
  const known = graph.externals.filter((one) => one.graph !== undefined);
  if (known.length === 0) return undefined;
  const documents = new Map<string, OtherDocument>();
  for (const [path, externals] of Map.groupBy(known, ({ file }) => fileLinkOf(file)?.file ?? file)) {
    const hash = externals[0]?.graph ?? '';
    documents.set(path, { graph: standInGraph(graph, externals), hash, receipt: standInReceipt(externals, hash) });
  }
  return documents;
}

function standInGraph(graph: Graph, externals: readonly External[]): Graph {
  const copies = copiesIn(graph);
  const run = graph.nodes.find((node) => externals.some((one) => one.thing === 'document' && one.as === node.id));
  const [inputs, gives] = run?.kind === 'run' ? [run.with, run.gives] : [[], undefined];
  return {
    schemaVersion: graphSchemaVersion,
    id: (run?.kind === 'run' && run.document.id) || 'document',
    title: 'Document',
    inputs: inputs.map(({ name }) => ({ name, type: { kind: 'anything' }, optional: true })),
    types: graph.types.filter(({ name }) => copies.types.has(name)),
    agents: graph.agents.filter(({ id }) => copies.agents.has(id)),
    nodes: [{ id: 'step', title: 'Step', kind: 'wait', until: { ms: 1 } }],
    edges: [],
    result: gives?.kind === 'record' ? gives.fields.map(({ name, type }) => ({ name, type, value: '0' })) : [],
    externals: [],
  };
}

/** A line for each thing. */
function standInReceipt(externals: readonly External[], hash: string): Receipt {
  const lines = externals.map((one, index) => ({ ...one, lines: { from: index + 1, to: index + 1 } }));
  return {
    schemaVersion: receiptSchemaVersion,
    graph: hash,
    ...{ inputs: [], nodes: [], edges: [], result: [], externals: [], unchecked: [] },
    agents: lines.flatMap((one) => (one.thing === 'agent' ? [{ id: one.as, lines: one.lines }] : [])),
    types: lines.flatMap((one) => (one.thing === 'type' ? [{ name: one.as, lines: one.lines }] : [])),
    sections: lines.map((one) => ({ anchor: one.anchor ?? '', title: one.as, depth: 3, lines: one.lines, hash })),
  };
}
