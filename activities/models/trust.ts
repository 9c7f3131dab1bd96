/**
 * Which of the values a step reads nobody vouches for: inputs marked untrusted, what tools and agents gave, what people
 * wrote at gates, and whatever was made of those. Numbers, dates, yes/no and one of a list can not instruct a model.
 */
import { parseExpression } from '../../compiler/expressions/parse.ts';
import { pathOf, readsOf } from '../../compiler/expressions/reads.ts';
import { hasFreeText, untrustedAt } from '../../compiler/free-text.ts';
import type { Graph } from '../../compiler/graph.ts';
import { resolveType } from '../../compiler/json-schema.ts';
import type { Type } from '../../compiler/types.ts';

/** Whether free text that the expression gives may come from somebody who is not trusted. */
export function isUntrusted(graph: Graph, expr: string): boolean {
  const type = typeOf(graph, expr);
  if (type && !hasFreeText(type, graph.types)) return false;
  return readsUntrusted(graph, expr, new Set());
}

/** The declared type of what an expression gives, where it is a plain path into an input or an output. */
export function typeOf(graph: Graph, expr: string): Type | undefined {
  const parsed = parseExpression(expr);
  const path = parsed.ok ? pathOf(parsed.expression) : undefined;
  if (!path) return undefined;
  let type: Type | undefined = rootType(graph, path.root);
  for (const key of path.path) {
    const resolved: Type | undefined = type && resolveType(type, graph.types);
    if (resolved?.kind === 'record') type = resolved.fields.find((field) => field.name === key)?.type;
    else type = resolved?.kind === 'map' ? resolved.of : undefined;
  }
  return type;
}

function rootType(graph: Graph, root: string): Type | undefined {
  if (root === 'input') return { kind: 'record', fields: graph.inputs };
  const node = graph.nodes.find(({ id }) => id === root);
  return node && 'gives' in node ? node.gives : undefined;
}

function readsUntrusted(graph: Graph, expr: string, within: Set<string>): boolean {
  const parsed = parseExpression(expr);
  if (!parsed.ok) return true;
  return readsOf(parsed.expression).some(({ root, path }) => {
    if (root === 'input') return untrustedAt(graph.inputs, path, graph.types);
    const node = graph.nodes.find(({ id }) => id === root);
    switch (node?.kind) {
      case 'agent':
      case 'tool':
        return true;
      case 'approve':
        return path[0] !== 'action' && path[0] !== 'by';
      case 'set': {
        if (within.has(root)) return false;
        const inner = new Set(within).add(root);
        const values = path[0] === undefined ? node.values : node.values.filter(({ name }) => name === path[0]);
        return values.some((value) => readsUntrusted(graph, value.expr, inner));
      }
      default:
        return true;
    }
  });
}
