/** What keeps a graph that compiled from being run: a start is refused with what this names. */
import type { Graph } from './graph.ts';

export function notRunYet({ nodes, externals }: Graph): string[] {
  const unknown = externals.filter(({ graph }) => graph === undefined);
  return [
    ...(nodes.length === 0 ? ['document without steps'] : []),
    ...unknown.map(({ thing, as, file }) => `${thing} ${as} of ${file}, which was not known`),
  ];
}
