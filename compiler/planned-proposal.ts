/** A proposal before it is opened: what a graph says of it, with the run's input and what there is of a Result. */
import { canonicalJson } from './canonical.ts';
import { ExpressionError, evaluate } from './expressions/evaluate.ts';
import type { Approver, Graph } from './graph.ts';
import type { Contents, DefinitionCache } from './proposal-definition.ts';
import { definitionOf, STATE } from './proposal-definition.ts';
import type { Json } from './types.ts';
import type { Violation } from './validate-value.ts';

/** A person by what the expression gives: an id or an address, or whatever else the input holds there. */
export type NamedOwner = { role: string } | { person: Json; expression: string };

export interface PlannedProposal {
  /** Text that a DefinitionCache loads. */
  definition: string;
  /** Of the whole; absent where who starts it has it. */
  owner?: NamedOwner;
  /** In order, the state (where there is one) last. */
  sections: { name: string; owner?: NamedOwner }[];
  contents: { section: string; value: Json; source: 'default' | 'result' | 'computed' }[];
}

export type Planning = { ok: true; plan: PlannedProposal } | { ok: false; violations: Violation[] };

/** `result`: of a run, by name; what its sections are filled with. */
export function planProposal(graph: Graph, definitions: DefinitionCache, input: Json, result: Contents = {}): Planning {
  const { definition, owner, owners } = definitionOf(graph);
  const text = canonicalJson(definition);
  const filled = firstContents(definitions, text, result);
  if (!filled.ok) return filled;
  const names = [...definition.sections.map(({ name }) => name), ...(definition.state === undefined ? [] : [STATE])];
  const sections = names.map((name) => {
    const one = owners.get(name);
    return one === undefined ? { name } : { name, owner: namedBy(one, input) };
  });
  return {
    ok: true,
    plan: {
      definition: text,
      ...(owner === undefined ? {} : { owner: namedBy(owner, input) }),
      sections,
      contents: filled.contents,
    },
  };
}

/** Defaults, then what the Result has of the sections, then what code computes from both. */
function firstContents(
  definitions: DefinitionCache,
  text: string,
  result: Contents,
): { ok: true; contents: PlannedProposal['contents'] } | { ok: false; violations: Violation[] } {
  const definition = definitions.load(text);
  let contents = definition.initial();
  const sources = new Map<string, 'default' | 'result'>(Object.keys(contents).map((name) => [name, 'default']));
  for (const { name, computed } of definition.sections) {
    const value = result[name];
    if (value === undefined || computed !== undefined) continue;
    const completed = definition.complete(name, value, contents);
    if (!completed.ok) return completed;
    contents = { ...contents, ...completed.contents };
    sources.set(name, 'result');
  }
  return {
    ok: true,
    contents: Object.entries(contents).map(([section, value]) => {
      const isComputed = definition.field(section)?.computed !== undefined;
      return { section, value, source: isComputed ? 'computed' : (sources.get(section) ?? 'computed') };
    }),
  };
}

function namedBy(owner: Approver, input: Json): NamedOwner {
  if ('role' in owner) return owner;
  const expression = owner.person;
  try {
    return { person: evaluate(expression, { input }), expression };
  } catch (error) {
    if (error instanceof ExpressionError) return { person: null, expression };
    throw error;
  }
}
