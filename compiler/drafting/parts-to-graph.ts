/** The parts that were drafted for each section, together as one graph. What they name and nobody has is a problem. */
import type { Graph } from '../graph.ts';
import { graphSchemaVersion } from '../graph-facts.ts';
import { idOf } from '../passes/resolve-names.ts';
import type { RenderProblem } from '../render-document.ts';
import type { DraftParts } from './draft-parts.ts';
import { edgesOf } from './parts-to-edges.ts';
import type { PlacedStep } from './parts-to-nodes.ts';
import { nodeOf } from './parts-to-nodes.ts';
import { fieldOf, line, prose, typeOfWords } from './parts-to-types.ts';

export interface Assembled {
  graph: Graph;
  problems: RenderProblem[];
  /** Which section a part is from: by JSON pointer, such as `/nodes/3`. */
  origins: ReadonlyMap<string, number>;
}

export interface AssemblyOptions {
  title: string;
  /** Of agents: an alias of the configuration. */
  model: string;
}

const unsaidPlace = { inside: null, after: null, when: null };

export function graphOfParts(sections: readonly DraftParts[], { title, model }: AssemblyOptions): Assembled {
  const problems: RenderProblem[] = [];
  const origins = new Map<string, number>();
  const all = <Name extends keyof DraftParts>(name: Name, place: string): DraftParts[Name] => {
    const parts = withoutRepeats(sections.flatMap((section, index) => section[name].map((part) => ({ part, index }))));
    for (const [at, { index }] of parts.entries()) origins.set(`/${place}/${at}`, index);
    return parts.map(({ part }) => part) as DraftParts[Name];
  };
  const agents = all('agents', 'agents');
  const placed = all('steps', 'nodes').map((step): PlacedStep => ({ ...step, ...(step.place ?? unsaidPlace) }));
  const steps = inDocumentOrder(placed, origins);
  const ids = new Set(steps.map((step) => idOf(step.id)));
  const edges = edgesOf(steps, problems);
  const tools = new Map(agents.map((agent) => [idOf(agent.id), agent.tools]));
  for (const [index, step] of steps.entries()) {
    if (step.kind !== 'agent' || tools.has(idOf(step.agent))) continue;
    const message = `Unexpected agent ${step.agent}, expected one of ${[...tools.keys()].join(', ') || 'the agents, of which there are none'}`;
    problems.push({ at: `/nodes/${index}`, message });
  }
  reportRepeated(
    steps.map((step) => idOf(step.id)),
    'nodes',
    problems,
  );
  const graph: Graph = {
    schemaVersion: graphSchemaVersion,
    id:
      idOf(title)
        .replaceAll('_', '-')
        .replace(/^-+|-+$/g, '') || 'draft',
    title,
    inputs: all('inputs', 'inputs').map(fieldOf),
    types: all('types', 'types').map((one) => ({
      name: line(one.name),
      type: { kind: 'record', fields: one.fields.map(fieldOf) },
    })),
    agents: agents.map((one) => ({
      id: idOf(one.id),
      name: line(one.name) || one.id,
      model,
      tools: [...new Set(one.tools)],
      mayDelegateTo: [],
      instruction: prose(one.instruction),
    })),
    nodes: steps.map((step) => nodeOf(step, tools, ids)),
    edges,
    result: all('result', 'result').map(({ name, type, value }) => ({
      name,
      type: typeOfWords(type),
      value: line(value),
    })),
    externals: [],
  };
  return { graph, problems, origins };
}

/**
 * An agent that is there already is meant, and so is what is there already word for word: models like to say again what
 * they build on.
 */
function withoutRepeats<Part extends DraftParts[keyof DraftParts][number]>(parts: readonly From<Part>[]): From<Part>[] {
  const said = new Set<string>();
  return parts.filter(({ part }) => {
    const key = 'tools' in part ? `agent ${idOf(part.id)}` : JSON.stringify({ ...part, meaning: '' });
    return !said.has(key) && said.add(key);
  });
}

/** A part, and the index of the section that gave it. */
interface From<Part> {
  part: Part;
  index: number;
}

function reportRepeated(ids: readonly string[], place: string, problems: RenderProblem[]): void {
  for (const [index, id] of ids.entries()) {
    if (ids.indexOf(id) === index) continue;
    problems.push({ at: `/${place}/${index}`, message: `Unexpected second ${id}, expected each id once` });
  }
}

/** Containers before their steps, which stand together. */
function inDocumentOrder(steps: readonly PlacedStep[], origins: Map<string, number>): PlacedStep[] {
  const from = new Map(steps.map((step, index) => [step, origins.get(`/nodes/${index}`) ?? 0]));
  const ids = new Set(steps.map((step) => idOf(step.id)));
  const inside = (step: PlacedStep): string | undefined => {
    const parent = step.inside === null ? undefined : idOf(step.inside);
    return parent !== undefined && ids.has(parent) && parent !== idOf(step.id) ? parent : undefined;
  };
  const placed = new Set<PlacedStep>();
  const place = (parent: string | undefined): PlacedStep[] =>
    steps.flatMap((step) => {
      if (inside(step) !== parent || placed.has(step)) return [];
      placed.add(step);
      return [step, ...place(idOf(step.id))];
    });
  // Steps that stand in each other in a circle stand in nothing.
  const ordered = [
    ...place(undefined),
    ...steps.filter((step) => !placed.has(step)).map((step) => ({ ...step, inside: null })),
  ];
  for (const [index, step] of ordered.entries()) origins.set(`/nodes/${index}`, from.get(step) ?? 0);
  return ordered;
}
