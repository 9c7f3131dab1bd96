/** What agents may read and write in tokens, and what that costs: estimates by the length of texts and by types. */
import { ExpressionError, evaluate } from './expressions/evaluate.ts';
import type { Agent, Graph, Node, NodeOf, Use } from './graph.ts';
import { containersAround, isInLoop } from './graph-order.ts';
import { resolveType } from './json-schema.ts';
import { readsInputAlone } from './plan-decisions.ts';
import { strictSchemaOf } from './strict-schema.ts';
import type { ModelFacts, Surroundings } from './surroundings.ts';
import { defaultWindowTokens, tokensOf } from './token-estimate.ts';
import type { Field, Json, Type } from './types.ts';

export interface Range {
  /** Everything works at the first try. */
  once: number;
  /** With all tries and returns; null where nothing bounds it: a list whose length only a run knows. */
  most: number | null;
}

/** How blocks are explained to a model, and their tags. */
const framingTokens = 200;
/** Of text, a URL or anything whose length nobody bounds. */
const textTokens = 300;
/** Of lists and maps. */
const usualItems = 5;
const deepest = 6;

/** How often a step may run at most: passes, items, and returns of the loops it stands in. */
export function timesAtMost(graph: Graph, node: Node, input: Json | undefined): number | null {
  let times: number | null = 1;
  for (const one of [node, ...containersAround(graph, node.id)]) {
    if (one.kind === 'repeat') times = multiply(times, one.atMost);
    if ('each' in one && one.each) times = multiply(times, lengthOf(one.each.list, graph, input));
  }
  for (const edge of graph.edges) {
    if (edge.back && isInLoop(graph, edge.from, edge.to, node.id)) times = multiply(times, 1 + edge.back.atMost);
  }
  return times;
}

function multiply(one: number | null, other: number | null): number | null {
  return one === null || other === null ? null : one * other;
}

/** Of a list: by the input, or by the rule of the input that it is. */
function lengthOf(list: string, graph: Graph, input: Json | undefined): number | null {
  const value = knownValue(list, input);
  if (Array.isArray(value)) return value.length;
  const name = /^input\.(\w+)$/.exec(list)?.[1];
  return graph.inputs.find((field) => field.name === name)?.rules?.lengthAtMost ?? null;
}

function knownValue(expr: string, input: Json | undefined): Json | undefined {
  if (input === undefined || !readsInputAlone(expr)) return undefined;
  try {
    return evaluate(expr, { input });
  } catch (error) {
    if (error instanceof ExpressionError) return undefined;
    throw error;
  }
}

/** `times`: how often the step runs. Every run may try again as often as `retry` says. */
export function costOfAgent(
  graph: Graph,
  node: NodeOf<'agent'> | NodeOf<'session'>,
  agent: Agent | undefined,
  times: Range,
  input: Json | undefined,
  models: Surroundings['models'],
): { calls: Range; tokensIn: Range; tokensOut: Range; usd?: Range } {
  const window = ('windowTokens' in node && node.windowTokens) || defaultWindowTokens;
  const shown = node.uses.reduce((sum, use) => sum + blockTokens(use, graph, input), 0);
  const schema = node.gives.kind === 'text' ? 0 : tokensOf(JSON.stringify(strictSchemaOf(node.gives, graph.types)));
  const told = framingTokens + schema + tokensOf(`${agent?.instruction ?? ''}\n\n${node.instruction}`);
  const tries = 'retry' in node ? 1 + node.retry.times : 1;
  const calls = { once: times.once, most: multiply(times.most, tries) };
  const of = (each: number): Range => ({ once: each * calls.once, most: multiply(calls.most, each) });
  const tokensIn = of(told + Math.min(shown, window));
  const tokensOut = of(typeTokens(node.gives, graph, deepest));
  const price = agent && models?.get(agent.model)?.pricePerMillionTokens;
  return { calls, tokensIn, tokensOut, ...(price && { usd: usdOf(tokensIn, tokensOut, price) }) };
}

type Price = NonNullable<ModelFacts['pricePerMillionTokens']>;

function usdOf(tokensIn: Range, tokensOut: Range, price: Price): Range {
  const cost = (read: number, written: number): number => (read * price.in + written * price.out) / 1_000_000;
  const { most: mostIn } = tokensIn;
  const { most: mostOut } = tokensOut;
  return {
    once: cost(tokensIn.once, tokensOut.once),
    most: mostIn === null || mostOut === null ? null : cost(mostIn, mostOut),
  };
}

function blockTokens({ expr }: Use, graph: Graph, input: Json | undefined): number {
  const value = knownValue(expr, input);
  if (value !== undefined) return tokensOf(typeof value === 'string' ? value : JSON.stringify(value, null, 1));
  const [root = '', ...path] = expr.split('.');
  const step = graph.nodes.find((node) => node.id === root);
  const fields: Type = { kind: 'record', fields: graph.inputs };
  const start = root === 'input' ? fields : step && 'gives' in step ? step.gives : undefined;
  const type = path.reduce((at, key) => at && fieldOf(at, key, graph), start);
  return type ? typeTokens(type, graph, deepest) : textTokens;
}

function fieldOf(type: Type, key: string, graph: Graph): Type | undefined {
  const resolved = resolveType(type, graph.types);
  return resolved?.kind === 'record' ? resolved.fields.find((field) => field.name === key)?.type : undefined;
}

/** A guess at a value of the type, as JSON. */
function typeTokens(type: Type, graph: Graph, depth: number): number {
  const resolved = resolveType(type, graph.types);
  if (!resolved || depth === 0) return textTokens;
  switch (resolved.kind) {
    case 'text':
    case 'url':
    case 'anything':
      return textTokens;
    case 'list':
    case 'map':
      return usualItems * typeTokens(resolved.of, graph, depth - 1);
    case 'one of':
      return Math.max(...resolved.values.map(tokensOf));
    case 'union':
      return Math.max(...resolved.of.map((one) => typeTokens(one, graph, depth - 1)));
    case 'record':
      return resolved.fields.reduce((sum, field) => sum + fieldTokens(field, graph, depth), 1);
    default:
      return 8;
  }
}

function fieldTokens(field: Field, graph: Graph, depth: number): number {
  const most = field.rules?.lengthAtMost;
  const isText = resolveType(field.type, graph.types)?.kind === 'text';
  const value = typeTokens(field.type, graph, depth - 1);
  return tokensOf(`"${field.name}": `) + (isText && most !== undefined ? Math.min(value, most) : value);
}
