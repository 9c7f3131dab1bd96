/** A drafted graph through the schema, the renderer and the passes: the document it gives, or what is wrong and who said it. */
import { compile } from '../compile.ts';
import type { Diagnostic } from '../diagnostics.ts';
import type { Graph } from '../graph.ts';
import { graphSchema } from '../graph.ts';
import { render, writeOut } from '../render.ts';
import type { RenderProblem } from '../render-document.ts';
import type { Surroundings } from '../surroundings.ts';
import type { Assembled } from './parts-to-graph.ts';

export interface Fault {
  /** The section that said it, by its index; absent for what no section said alone. */
  section?: number;
  message: string;
}

export interface CheckedDraft {
  /** Canonical where there are no faults, else as far as it could be written. */
  markdown: string;
  /** What it compiles to, and the hash of that; absent where there are faults. */
  compiled?: { graph: Graph; hash: string };
  diagnostics: Diagnostic[];
  faults: Fault[];
}

export function checkDraft(assembled: Assembled, surroundings: Surroundings): CheckedDraft {
  const { markdown, problems, compiled } = documentOf(assembled, surroundings);
  const { diagnostics } = compile(markdown, { surroundings });
  const faults = problems.map((one) => faultOf(one, assembled));
  return { markdown, diagnostics, faults, ...(compiled && { compiled }) };
}

interface Written {
  markdown: string;
  problems: RenderProblem[];
  compiled?: { graph: Graph; hash: string };
}

function documentOf({ graph, problems }: Assembled, surroundings: Surroundings): Written {
  const written = writeOut(graph, surroundings);
  const issues = graphSchema.safeParse(graph).error?.issues ?? [];
  const shape = issues.map(({ path, message }) => ({ at: `/${path.map(String).join('/')}`, message }));
  const before = [...problems, ...shape];
  if (before.length > 0) return { markdown: written.text, problems: before };
  if ('problems' in written) return { markdown: written.text, problems: written.problems };
  // What was left unsaid is worked out now: the document of that graph is the canonical one.
  const { graph: whole, hash } = written.compiled;
  const rendered = render(whole, surroundings);
  if ('problems' in rendered) return { markdown: written.text, problems: rendered.problems };
  return { markdown: rendered.text, problems: [], compiled: { graph: whole, hash } };
}

function faultOf({ at, message }: RenderProblem, { graph, origins }: Assembled): Fault {
  const [, place = '', index = ''] = at.split('/');
  const section = origins.get(`/${place}/${index}`);
  return { message: thingAt(place, Number(index), graph) + message, ...(section !== undefined && { section }) };
}

/** As the model knows it. */
function thingAt(place: string, index: number, { nodes, agents, types }: Graph): string {
  const names: Record<string, string | undefined> = {
    nodes: nodes[index] && `step ${nodes[index].id}`,
    agents: agents[index] && `agent ${agents[index].id}`,
    types: types[index] && `type ${types[index].name}`,
  };
  const name = names[place] ?? place;
  return name === '' ? '' : `${name}: `;
}
