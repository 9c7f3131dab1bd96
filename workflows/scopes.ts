/** The steps of a document by the container they stand in: what runs together, with the edges between. Static. */
import type { Skeleton, SkeletonEdge, SkeletonNode } from '../compiler/skeleton.ts';
import { markdownText } from './words.ts';

/** Indexes within a scope are places in its `nodes`; its edges are in these. */
export interface Scope {
  /** In document order. */
  readonly nodes: readonly SkeletonNode[];
  /** By place, as Markdown. */
  readonly titles: readonly string[];
  /** By place: the index in the skeleton. */
  readonly indexes: readonly number[];
  readonly edges: readonly SkeletonEdge[];
}

export interface Scopes {
  /** Steps that stand in no container. */
  readonly outermost: Scope;
  /** What the step at this place of a scope runs: the steps of a container, or itself alone for each item of a list. */
  of(scope: Scope, place: number): Scope;
}

export function scopesOf({ nodes, edges }: Pick<Skeleton, 'nodes' | 'edges'>): Scopes {
  const indexes = new Map<number, number[]>([[outside, []]]);
  const place: number[] = [];
  nodes.forEach(({ parent = outside }, index) => {
    const siblings = indexes.get(parent) ?? [];
    place.push(siblings.push(index) - 1);
    indexes.set(parent, siblings);
  });
  const inner = new Map<number, SkeletonEdge[]>();
  for (const edge of edges) {
    const parent = nodes[edge.from]?.parent ?? outside;
    const local = inner.get(parent) ?? [];
    local.push({ ...edge, from: place[edge.from] ?? -1, to: place[edge.to] ?? -1 });
    inner.set(parent, local);
  }
  const scopes = new Map<number, Scope>();
  for (const [parent, own] of indexes) {
    const nodesOf = own.map((index) => nodes[index] as SkeletonNode);
    scopes.set(parent, { nodes: nodesOf, titles: titlesOf(nodesOf), indexes: own, edges: inner.get(parent) ?? [] });
  }
  const scopeOf = (parent: number): Scope => scopes.get(parent) ?? { nodes: [], titles: [], indexes: [], edges: [] };
  return {
    outermost: scopeOf(outside),
    of({ nodes: outer, indexes: own }, place) {
      const index = own[place] ?? -1;
      const node = outer[place];
      if (node === undefined || isContainer(node)) return scopeOf(index);
      // The item decides that it runs: neither its list nor its condition is looked at again.
      const { each: _each, when: _when, ifItFails: _ifItFails, ...alone } = node;
      return { nodes: [alone], titles: titlesOf([alone]), indexes: [index], edges: [] };
    },
  };
}

function isContainer({ kind }: SkeletonNode): boolean {
  return kind === 'for each' || kind === 'repeat' || kind === 'steps';
}

const titlesOf = (nodes: readonly SkeletonNode[]): string[] => nodes.map(({ title }) => markdownText(title));

const outside = -1;
