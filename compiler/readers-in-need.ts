/** Who would miss the output of a step that is left out: reads of it that say nothing of what is to be when it has not run. */
import { parseExpression } from './expressions/parse.ts';
import type { Known } from './expressions/reads.ts';
import { bothKnown, knownWhenTrue, nothingKnown, readsOf, viewKey } from './expressions/reads.ts';
import type { Graph, Node } from './graph.ts';
import { containersAround } from './graph-order.ts';
import { expressionsOf } from './node-expressions.ts';

/**
 * Titles of the steps, and `Result`, that read the step's output unguarded. What reads it through the container that it
 * stands in counts; what reads the list of a loop does not, since a step that was left out is left out there, too.
 */
export function readersInNeed(graph: Graph, id: string): string[] {
  const paths = pathsTo(graph, id);
  const needs = (source: string, known: Known = nothingKnown): boolean => {
    const parsed = parseExpression(source);
    if (!parsed.ok) return false;
    return readsOf(parsed.expression).some((read) => {
      if (read.inHas) return false;
      const whole = [read.root, ...read.path];
      const path = paths.find((one) => one.every((part, index) => whole[index] === part));
      return path !== undefined && !bothKnown(read.known, known).present.has(viewKey(path));
    });
  };
  const readers = graph.nodes.filter((node) => {
    if (node.id === id) return false;
    const guarded = guardedUses(node);
    const known = knownByWhen(node);
    return expressionsOf(node).some(
      (source) => !guarded.has(source) && needs(source, source === node.when ? nothingKnown : known),
    );
  });
  const result = graph.result.some(({ value }) => needs(value)) ? ['Result'] : [];
  return [...readers.map(({ title }) => title), ...result];
}

/** How the output is reached: by the step's id, and through each container around it up to a loop. */
function pathsTo(graph: Graph, id: string): string[][] {
  const paths = [[id]];
  for (const container of containersAround(graph, id)) {
    if ('each' in container && container.each) break;
    paths.push([container.id, ...(paths.at(-1) ?? [])]);
  }
  return paths;
}

function knownByWhen(node: Node): Known {
  const parsed = node.when === undefined ? undefined : parseExpression(node.when);
  return parsed?.ok ? knownWhenTrue(parsed.expression) : nothingKnown;
}

/** Those marked `if it ran`. */
function guardedUses(node: Node): ReadonlySet<string> {
  const uses =
    'uses' in node
      ? node.uses
      : 'with' in node
        ? node.with
        : 'show' in node
          ? node.show
          : node.kind === 'merge'
            ? node.from
            : [];
  return new Set(uses.filter(({ ifItRan }) => ifItRan === true).map(({ expr }) => expr));
}
