/** What the surroundings know of a step's output, for the passes after this one. */
import type { Report } from '../diagnostics.ts';
import type { Graph } from '../graph.ts';
import type { Surroundings } from '../surroundings.ts';
import { fileLinkOf } from '../surroundings.ts';
import { typeOfJsonSchema } from '../type-of-json-schema.ts';
import type { Type } from '../types.ts';
import type { DocumentDraft, StepDraft } from './draft.ts';

/** Fills what steps leave unsaid: of tools the output's type, of runs the document. Gives the graphs of the latter. */
export function applySurroundings(
  draft: DocumentDraft,
  surroundings: Surroundings,
  report: Report,
): Map<string, Graph> {
  const documents = new Map<string, Graph>();
  for (const step of draft.steps) {
    const { values } = step;
    if (values.tool !== undefined && !values.gives && !step.outputUnknown) {
      const gives = answerOf(surroundings.tools?.get(values.tool)?.output);
      if (gives) values.gives = gives;
    }
    const graph = values.document && applyDocument(step, draft, report);
    if (graph) documents.set(step.id, graph);
  }
  return documents;
}

export function answerOf(schema: NonNullable<Parameters<typeof typeOfJsonSchema>[0]> | undefined): Type | undefined {
  const read = schema === undefined ? undefined : typeOfJsonSchema(schema, { lenient: true });
  return read && 'type' in read && read.type.kind !== 'anything' ? read.type : undefined;
}

/** Notes the link, and gives the step the Result of the document as its output. */
function applyDocument(step: StepDraft, draft: DocumentDraft, report: Report): Graph | undefined {
  const { document } = step.values;
  const path = document && fileLinkOf(document.file)?.file;
  if (!document || path === undefined) return undefined;
  const { anchor, span } = document;
  const link = { file: path, span, ...(anchor !== undefined && { anchor }) };
  const found = draft.others.openWhole(link, report);
  if (found === undefined || found === 'not known') {
    step.values.gives = { kind: 'anything' };
    draft.others.noteRun(step.id, document.file, path, document.span, undefined);
    return undefined;
  }
  const { graph, hash } = found;
  draft.others.noteRun(step.id, document.file, path, document.span, hash);
  if (graph.nodes.length === 0) {
    const message = `Unexpected run of ${path}, which has no steps, expected a document with steps`;
    report.error('wrong-link', document.span, message);
    return undefined;
  }
  step.values.document = { ...document, id: graph.id, graph: hash };
  const fields = graph.result.map(({ name, type }) => ({ name, type: draft.others.copyOf(type, graph, path) }));
  step.values.gives = { kind: 'record', fields };
  return graph;
}
