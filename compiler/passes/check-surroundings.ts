/** The last pass: the document against what stands around it. Gives the checks that could not be made. */
import type { Graph } from '../graph.ts';
import type { Unchecked } from '../receipt.ts';
import type { Type } from '../types.ts';
import type { Around } from './around.ts';
import { scopeOf } from './around.ts';
import { checkArguments } from './check-arguments.ts';
import { checkModels, checkRoles } from './check-people.ts';
import { checkTools } from './check-tools.ts';
import { checkTrust } from './check-trust.ts';

/** `graph` is what the draft gives, mistakes or not; `documents` are the graphs that steps run, by the step's id. */
export function checkSurroundings(
  graph: Graph,
  documents: ReadonlyMap<string, Graph>,
  facts: Omit<Around, 'scope' | 'unchecked'>,
): readonly Unchecked[] {
  const around: Around = { ...facts, scope: scopeOf(facts), unchecked: [] };
  for (const { thing, as, path, graph: known } of around.draft.others.externals) {
    if (known === undefined)
      around.unchecked.push({ check: 'document', where: as, why: `${thing} of ${path}, which is not known here` });
  }
  checkTools(around);
  checkRoles(around);
  checkModels(around);
  checkRuns(around, documents);
  checkTrust(graph, documents, around);
  return sorted(around.unchecked);
}

function checkRuns(around: Around, documents: ReadonlyMap<string, Graph>): void {
  for (const step of around.draft.steps) {
    const graph = documents.get(step.id);
    const { document } = step.values;
    if (!graph || !document) continue;
    const foreign = (name: string): string => `${name} of ${document.file}`;
    const types = new Map(graph.types.map(({ name, type }): [string, Type] => [foreign(name), renamed(type, foreign)]));
    const fields = graph.inputs.map((field) => ({ ...field, type: renamed(field.type, foreign) }));
    checkArguments(step, { what: document.file, fields, types }, document.span, around);
  }
}

function renamed(type: Type, name: (name: string) => string): Type {
  switch (type.kind) {
    case 'named':
      return { kind: 'named', name: name(type.name) };
    case 'list':
    case 'map':
      return { kind: type.kind, of: renamed(type.of, name) };
    case 'union':
      return { kind: 'union', of: type.of.map((one) => renamed(one, name)) };
    case 'record':
      return { kind: 'record', fields: type.fields.map((field) => ({ ...field, type: renamed(field.type, name) })) };
    default:
      return type;
  }
}

/** Each once. */
function sorted(unchecked: readonly Unchecked[]): Unchecked[] {
  const byKey = new Map(unchecked.map((one) => [JSON.stringify([one.check, one.where ?? '', one.why]), one]));
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, one]) => one);
}
