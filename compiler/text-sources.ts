/**
 * Where the text in a value comes from that nobody vouches for: inputs marked untrusted, answers of tools, what people
 * wrote at gates, in forms and in conversations, and what agents made of any of these. Followed field by field.
 */
import type { Carried, Path } from './expressions/carried.ts';
import { anItem, carriedBy, isAny } from './expressions/carried.ts';
import { parseExpression } from './expressions/parse.ts';
import { hasFreeText, untrustedAt } from './free-text.ts';
import type { Graph, Node, NodeOf } from './graph.ts';
import { resolveType } from './json-schema.ts';
import type { Type } from './types.ts';

export type TextSource = { input: string } | { step: string };

export interface TextSourceOptions {
  /** Inputs that carry such text besides those the document marks. */
  inputs?: ReadonlySet<string>;
  /** Graphs of the documents that steps run, by the step's id; of others everything is taken to come from outside. */
  documents?: ReadonlyMap<string, Graph>;
  /** Steps of which nothing is said. */
  unknown?: ReadonlySet<string>;
}

interface State extends Carried {
  /** The step that reads it. */
  reader: string | undefined;
}

export class TextSources {
  private readonly graph: Graph;
  private readonly options: TextSourceOptions;
  private readonly nodes: ReadonlyMap<string, Node>;
  private readonly inside = new Map<string | undefined, Node[]>();
  private readonly returns: ReadonlySet<string>;

  constructor(graph: Graph, options: TextSourceOptions = {}) {
    this.graph = graph;
    this.options = options;
    this.nodes = new Map(graph.nodes.map((node) => [node.id, node]));
    for (const node of graph.nodes) {
      const beside = this.inside.get(node.parent);
      if (beside) beside.push(node);
      else this.inside.set(node.parent, [node]);
    }
    this.returns = new Set(graph.edges.filter((edge) => edge.back).map((edge) => edge.to));
  }

  /**
   * Of the text in the value of an expression that the step reads, or in a part of it; empty where there is none. In the
   * order they are met.
   */
  of(expr: string, reader?: string, part: Path = []): TextSource[] {
    const found = new Map<string, TextSource>();
    const waiting = this.read(expr, reader, part);
    const seen = new Set<string>();
    for (let state = waiting.shift(); state; state = waiting.shift()) {
      const key = keyOf(state);
      if (seen.has(key)) continue;
      seen.add(key);
      const next = this.follow(state);
      if (Array.isArray(next)) waiting.push(...next);
      else found.set(JSON.stringify(next), next);
    }
    return [...found.values()];
  }

  private read(expr: string, reader: string | undefined, part: Path = []): State[] {
    const parsed = parseExpression(expr);
    return parsed.ok ? carriedBy(parsed.expression, part).map((one) => ({ ...one, reader })) : [];
  }

  private readAll(exprs: readonly string[], reader: string | undefined): State[] {
    return exprs.flatMap((expr) => this.read(expr, reader));
  }

  /** A source, or what it is made of. */
  private follow(state: State): TextSource | State[] {
    const { root, path, reader } = state;
    if (root === 'input') return this.followInput(path);
    if (root === 'feedback') return { step: reader ?? '' };
    if (root === 'proposal') return { step: reader ?? '' };
    if (root === 'previous') return this.followInside(this.nodes.get(reader ?? '')?.parent, path, reader);
    const node = this.nodes.get(root);
    if (node) return this.options.unknown?.has(node.id) ? [] : this.followNode(node, path, reader);
    const loop = this.loopOf(root, reader);
    if (!loop) return [];
    return this.read(loop.list, loop.node.id, [anItem, ...path]);
  }

  private followInput(path: Path): TextSource | State[] {
    const [name] = path;
    const type: Type = { kind: 'record', fields: this.graph.inputs };
    if (!this.carriesText(type, path)) return [];
    const computed = this.followComputed(type, path);
    if (computed) return computed.map((one) => ({ root: 'input', path: one, reader: undefined }));
    const given = this.options.inputs;
    const marked = untrustedAt(
      this.graph.inputs,
      path.filter((key) => key !== anItem),
      this.graph.types,
    );
    if (!marked && !(name === undefined ? given?.size : given?.has(String(name)))) return [];
    return { input: name === undefined ? '' : String(name) };
  }

  private followNode(node: Node, all: Path, reader: string | undefined): TextSource | State[] {
    const path = 'each' in node && node.each && all[0] === anItem ? all.slice(1) : all;
    const source: TextSource = { step: node.id };
    // What is read is what stands in the proposal by then: people edit it.
    const placed = typeInProposal(node);
    if (placed) return this.carriesText(placed, path) ? source : [];
    const computed = 'gives' in node && node.gives && this.followComputed(node.gives, path);
    if (computed && node.gives && this.carriesText(node.gives, path)) {
      const item = all.slice(0, all.length - path.length);
      return computed.map((one) => ({ root: node.id, path: [...item, ...one], reader }));
    }
    switch (node.kind) {
      case 'agent':
        if (!this.carriesText(node.gives, path)) return [];
        if (this.hearsTools(node) || this.returns.has(node.id)) return source;
        return this.readAll(
          node.uses.map((use) => use.expr),
          node.id,
        );
      case 'tool':
      case 'person':
      case 'session':
        return this.carriesText(node.gives, path) ? source : [];
      case 'approve':
        return path[0] === 'action' || path[0] === 'by' ? [] : source;
      case 'set': {
        if (node.gives && !this.carriesText(node.gives, path)) return [];
        const [key, ...rest] = path;
        const values = isAny(key) ? node.values : node.values.filter(({ name }) => name === key);
        return values.flatMap(({ expr }) => this.read(expr, node.id, rest));
      }
      case 'merge': {
        if (!this.carriesText(node.gives, path)) return [];
        if (node.join === 'fields') return node.from.flatMap(({ expr }) => this.read(expr, node.id, path));
        const [key, ...rest] = path;
        const from = isAny(key) ? node.from : node.from.filter(({ name }) => name === key);
        return from.flatMap(({ expr }) => this.read(expr, node.id, rest));
      }
      case 'run':
        return this.carriesText(node.gives, path) && this.runGivesText(node, path) ? source : [];
      case 'repeat':
      case 'steps':
        return this.followInside(node.id, path, reader);
      case 'for each':
        return this.followInside(node.id, all[0] === anItem ? all.slice(1) : all, reader);
      case 'choose':
      case 'wait':
        return [];
    }
  }

  /** A record of the outputs of the steps in a container. */
  private followInside(container: string | undefined, path: Path, reader: string | undefined): State[] {
    const [key, ...rest] = path;
    const steps = (this.inside.get(container) ?? []).filter(({ id }) => isAny(key) || id === key);
    return steps.map(({ id }) => ({ root: id, path: rest, reader }));
  }

  private runGivesText(node: NodeOf<'run'>, path: Path): boolean {
    const other = this.options.documents?.get(node.id);
    if (!other) return true;
    const given = node.with.filter(({ expr }) => this.of(expr, node.id).length > 0).map(({ name }) => name);
    const sources = new TextSources(other, { inputs: new Set(given) });
    const [key, ...rest] = path;
    const rows = isAny(key) ? other.result : other.result.filter(({ name }) => name === key);
    return rows.some(({ value }) => sources.of(value, undefined, rest).length > 0);
  }

  /** Does it, or an agent it may hand work to, read the answers of tools? */
  private hearsTools(node: NodeOf<'agent'>): boolean {
    if (node.tools.length > 0) return true;
    const seen = new Set<string>();
    const waiting = [node.agent];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (seen.has(id)) continue;
      seen.add(id);
      const agent = this.graph.agents.find((one) => one.id === id);
      if (id !== node.agent && agent && agent.tools.length > 0) return true;
      waiting.push(...(agent?.mayDelegateTo ?? []));
    }
    return false;
  }

  private loopOf(item: string, reader: string | undefined): { node: Node; list: string } | undefined {
    for (let node = this.nodes.get(reader ?? ''); node; node = this.nodes.get(node.parent ?? '')) {
      if ('each' in node && node.each?.item === item) return { node, list: node.each.list };
    }
    return undefined;
  }

  /** Where the path leads into a field that code computes: what that reads, as paths from the same value. */
  private followComputed(type: Type, path: Path): Path[] | undefined {
    let at: Type[] = [type];
    for (const [index, key] of path.entries()) {
      const records = at.flatMap((one) => resolveType(one, this.graph.types) ?? []);
      const fields = records.flatMap((one) => (one.kind === 'record' ? one.fields : []));
      const found = fields.find((field) => field.name === key);
      if (found?.computed !== undefined) {
        const reads = this.read(found.computed, undefined, path.slice(index + 1)).filter(({ root }) => root === 'this');
        return reads.map((one) => [...path.slice(0, index), ...one.path]);
      }
      at = at.flatMap((one) => this.part(one, key, new Set()));
    }
    return undefined;
  }

  private carriesText(type: Type, path: Path): boolean {
    const types = this.graph.types;
    let at: Type[] = [type];
    for (const key of path) at = at.flatMap((one) => this.part(one, key, new Set()));
    return at.some((one) => hasFreeText(one, types));
  }

  /** What the type may have there; `anything` where it is not known. */
  private part(type: Type, key: string | typeof anItem, seen: ReadonlySet<Type>): Type[] {
    const resolved = resolveType(type, this.graph.types);
    if (!resolved || resolved.kind === 'anything') return [{ kind: 'anything' }];
    if (seen.has(resolved)) return [];
    const inner = new Set(seen).add(resolved);
    switch (resolved.kind) {
      case 'list':
        return key === anItem ? [resolved.of] : this.part(resolved.of, key, inner);
      case 'map':
        return [resolved.of];
      case 'union':
        return resolved.of.flatMap((one) => this.part(one, key, inner));
      case 'record':
        return resolved.fields.filter(({ name }) => key === anItem || name === key).map((field) => field.type);
      default:
        return [];
    }
  }
}

/** The type of an output that goes into the proposal. */
function typeInProposal(node: Node): Type | undefined {
  if (!('section' in node || 'state' in node)) return undefined;
  return node.section === undefined && node.state === undefined ? undefined : (node.gives ?? { kind: 'anything' });
}

/** Readers matter only to names that are not steps. */
function keyOf({ root, path, reader }: State): string {
  return JSON.stringify([root, ...path.map((key) => (key === anItem ? 0 : key)), reader ?? '']);
}
