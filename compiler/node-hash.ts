/**
 * What a step is, by hash: its instruction, agent, tools, types and resolved model, and nothing of the rest of the graph.
 * An edit elsewhere leaves the hash, and so the memo of the step, as it was.
 */
import { canonicalJson, sha256Hex } from './canonical.ts';
import type { Agent, Graph, Node } from './graph.ts';
import type { Type } from './types.ts';
import { innerTypes } from './types.ts';

/** What configuration adds: the model an alias resolves to, and the declarations of the tools the step may call. */
export interface Resolved {
  model?: string;
  /** By agent, of those that the step's may hand work to. */
  models?: Record<string, string>;
  tools?: unknown;
}

/** Lower-case hex SHA-256. The node must be one of the graph's. */
export function nodeHash(graph: Graph, node: Node, resolved: Resolved = {}): string {
  const { title: _title, when: _when, ...content } = node;
  const agent = node.kind === 'agent' ? graph.agents.find((one) => one.id === node.agent) : undefined;
  const types = declaredTypesIn(graph, typesOf(node));
  const delegates = agent ? delegatesBelow(graph, agent) : [];
  return sha256Hex(
    canonicalJson({
      content,
      agent: agent ?? null,
      ...(delegates.length > 0 ? { delegates, models: resolved.models ?? null } : {}),
      types,
      model: resolved.model ?? null,
      tools: resolved.tools ?? null,
    }),
  );
}

/** Every agent that may come to work for this one, near or far. Sorted by id. */
export function delegatesBelow(graph: Graph, agent: Agent): Agent[] {
  const found = new Map<string, Agent>();
  const waiting = [...agent.mayDelegateTo];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const next = graph.agents.find((one) => one.id === id);
    if (!next || next.id === agent.id || found.has(next.id)) continue;
    found.set(next.id, next);
    waiting.push(...next.mayDelegateTo);
  }
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The declared types that these name, those within them included, in the graph's order. */
export function declaredTypesIn(graph: Graph, types: readonly Type[]): Graph['types'] {
  const names = new Set<string>();
  for (const type of types) collectNames(type, graph, names);
  return graph.types.filter((one) => names.has(one.name));
}

/** The types that a step says of its output. */
export function typesOf(node: Node): Type[] {
  return 'gives' in node && node.gives ? [node.gives] : [];
}

function collectNames(type: Type, graph: Graph, names: Set<string>): void {
  if (type.kind !== 'named') {
    for (const inner of innerTypes(type)) collectNames(inner, graph, names);
    return;
  }
  if (names.has(type.name)) return;
  names.add(type.name);
  const declared = graph.types.find((one) => one.name === type.name);
  if (declared) collectNames(declared.type, graph, names);
}
