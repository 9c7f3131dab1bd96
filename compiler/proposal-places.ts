/** Where in a proposal the outputs of steps stand, and what of a proposal expressions read. */
import { parseExpression } from './expressions/parse.ts';
import { readsOf } from './expressions/reads.ts';
import type { Graph, Node } from './graph.ts';
import { containersAround } from './graph-order.ts';
import type { Contents } from './proposal-definition.ts';
import { STATE } from './proposal-definition.ts';
import type { Json } from './types.ts';

/** A section; or the state, and the fields that lead to a part of it. */
export interface Place {
  section: string;
  path: readonly string[];
}

/** Where the node's output goes; undefined where it stays with the run. */
export function placeOf(node: Node): Place | undefined {
  if ('section' in node && node.section !== undefined) return { section: node.section, path: [] };
  if ('state' in node && node.state !== undefined) return { section: STATE, path: node.state };
  return undefined;
}

/** Undefined where there is nothing. Sections are named as in the definition. */
export function contentAt(contents: Contents, { section, path }: Place): Json | undefined {
  let found: Json | undefined = contents[section];
  for (const name of path) found = isRecord(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  return found;
}

/** The whole content of the place's section with `value` in the place; records on the way are made. */
export function withContentAt(contents: Contents, { section, path }: Place, value: Json): Json {
  return put(contents[section], path, value);
}

function put(whole: Json | undefined, path: readonly string[], value: Json): Json {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  const record = isRecord(whole) ? whole : {};
  const inner = Object.hasOwn(record, name) ? record[name] : undefined;
  return Object.fromEntries([
    ...Object.entries(record).filter(([key]) => key !== name),
    [name, put(inner, rest, value)],
  ]);
}

/** What expressions read of `proposal`: paths from it on, such as `sections`, `Legal terms`. */
export function proposalReads(expressions: readonly string[]): string[][] {
  return expressions.flatMap((source) => {
    const parsed = parseExpression(source);
    return parsed.ok ? readsOf(parsed.expression).flatMap(({ root, path }) => (root === 'proposal' ? [path] : [])) : [];
  });
}

/** As an expression that reads `proposal` would say it. */
export function pathOfPlace({ section, path }: Place): string[] {
  return section === STATE ? ['state', ...path] : ['sections', section];
}

/** Those of these reads that nothing written to these places changes. */
export function readsApartFrom(reads: readonly string[][], places: readonly Place[]): string[][] {
  return reads.filter((read) => !places.some((place) => isTouched(read, place)));
}

function isTouched([root, ...path]: string[], place: Place): boolean {
  if (root === undefined) return true;
  if ((root === 'state') !== (place.section === STATE)) return false;
  const written = root === 'state' ? place.path : [place.section];
  return path.every((name, index) => index >= written.length || written[index] === name);
}

/** The contents that such a value holds. */
export function contentsIn(proposal: Json): Contents {
  const { sections, state } = isRecord(proposal) ? proposal : {};
  return { ...(isRecord(sections) ? sections : {}), ...(state === undefined ? {} : { [STATE]: state }) };
}

/** The value of `proposal`, with no more in it than is read: another part that changes is nothing to the reader. */
export function proposalValue(contents: Contents, reads: readonly string[][]): Json {
  const { [STATE]: state, ...sections } = contents;
  const given = new Map<string, Json>();
  let part: Json = null;
  for (const [root, ...path] of reads) {
    if (root === 'state') {
      const read = state === undefined ? undefined : contentAt(contents, { section: STATE, path });
      if (read !== undefined) part = put(part, path, read);
    } else {
      const [name] = root === undefined ? [] : path;
      for (const [key, value] of Object.entries(sections))
        if (name === undefined || key === name) given.set(key, value);
      if (root === undefined && state !== undefined) part = state;
    }
  }
  return { sections: Object.fromEntries(given), ...(part === null ? {} : { state: part }) };
}

/** The output as it stands now: the place's content for what a step put there, also within the record of a container. */
export function asItStands(graph: Graph, node: Node, output: Json, contents: Contents): Json {
  const place = placeOf(node);
  // What runs for each item leaves a list of outputs; the place holds the last of them.
  if (place) return 'each' in node && node.each ? output : (contentAt(contents, place) ?? output);
  if ((node.kind !== 'steps' && node.kind !== 'repeat') || !isRecord(output)) return output;
  return Object.fromEntries(
    Object.entries(output).map(([id, inner]) => {
      const step = graph.nodes.find((one) => one.id === id);
      return [id, step ? asItStands(graph, step, inner, contents) : inner];
    }),
  );
}

/** The node whose output the reader knows by this name; the last pass of a repeat is the repeat's. */
export function ownerOf(
  graph: Graph,
  nodes: ReadonlyMap<string, Node>,
  name: string,
  reader: string | undefined,
): Node | undefined {
  if (name !== 'previous') return nodes.get(name);
  return reader === undefined ? undefined : containersAround(graph, reader).find(({ kind }) => kind === 'repeat');
}

/** Does the step, or one within the container that it is, put its output into the proposal? */
export function writesProposal(graph: Graph, node: Node): boolean {
  if (placeOf(node)) return true;
  return graph.nodes.some((one) => one.parent === node.id && writesProposal(graph, one));
}

function isRecord(value: Json | undefined): value is { [name: string]: Json } {
  return value !== undefined && value !== null && typeof value === 'object' && !Array.isArray(value);
}
