/** Pass 5: sections, settings and names to a draft of the document. */
import type { Span } from '../source-text.ts';
import { foldName } from '../source-text.ts';
import type { Type } from '../types.ts';
import type { AgentDraft, DocumentDraft, ResultDraft, TypeDraft } from './draft.ts';
import { readFieldName } from './field-names.ts';
import { phrasesSpan, phrasesText } from './phrases.ts';
import type { FieldsDraft } from './read-fields.ts';
import { checkDefaults, readFieldRules, readFields, refuseFieldsWithoutType } from './read-fields.ts';
import type { Block, Heading, Outline } from './read-sections.ts';
import type { Body } from './read-settings.ts';
import { proseOf, valueSpan } from './read-settings.ts';
import { readSteps } from './read-steps.ts';
import { readTable } from './read-table.ts';
import { readType } from './read-type.ts';
import type { Context } from './setting-values.ts';
import { expressionOf, readToolNames, readWords } from './setting-values.ts';
import { sortSettings } from './sort-settings.ts';

export type Bodies = ReadonlyMap<Heading, Body>;

const noFields: FieldsDraft = { fields: [], rows: [], type: { kind: 'record', fields: [] }, complete: true };
const noBody: Body = { settings: [], rest: [] };

export function readDocument(outline: Outline, bodies: Bodies, context: Context): DocumentDraft {
  const { sections } = outline;
  const bodyOf = (block: Block): Body => bodies.get(block.heading) ?? noBody;
  const readRecord = (block: Block, nameColumn: 'Name' | 'Field'): FieldsDraft =>
    readFields(block, bodyOf(block), nameColumn, context);
  if (outline.title) readDocumentSettings(bodyOf(outline.title), context);
  const typesSection = sections.get('types');
  if (typesSection) refuseFieldsWithoutType(typesSection, context);
  const inputs = sections.get('inputs');
  const inputFields = inputs ? readRecord(inputs, 'Name') : noFields;
  const records = (typesSection?.blocks ?? []).map((block) => ({ block, record: readRecord(block, 'Field') }));
  const types: TypeDraft[] = records.map(({ block, record }) => ({
    name: context.names.ids.get(block.heading) ?? block.heading.text,
    nameSpan: block.heading.span,
    block,
    fields: record.fields,
    type: record.type,
    complete: record.complete,
  }));
  const named = namedTypes(types);
  const all = [inputFields, ...records.map((one) => one.record)];
  for (const fields of all) readFieldRules(fields, named, context.report);
  for (const fields of all) checkDefaults(fields, named, context.report);
  const proposal = sections.get('proposal');
  if (proposal) {
    const message = 'Unexpected section Proposal, expected a document without one; not yet supported';
    context.report.error('not-yet-supported', proposal.heading.span, message);
  }
  const agents = (sections.get('agents')?.blocks ?? []).map((block) => readAgentBlock(block, bodyOf(block), context));
  const steps = readSteps(sections.get('steps')?.blocks ?? [], bodyOf, context);
  const result = sections.get('result');
  if (steps.length === 0 && outline.title) reportNoSteps(outline, outline.title, context);
  return {
    id: context.names.documentId,
    title: outline.title?.heading.text ?? '',
    titleSpan: outline.title?.heading.span ?? { start: 0, end: 0 },
    inputs: inputFields.fields,
    inputsComplete: inputFields.complete,
    types,
    agents,
    steps,
    result: result ? readResult(result, bodyOf(result), context) : [],
  };
}

/** The types by name. One that could not be read in full is `anything`, so that nothing false is said of it. */
export function namedTypes(types: readonly TypeDraft[]): Map<string, Type> {
  return new Map(types.map((one) => [one.name, one.complete ? one.type : { kind: 'anything' }]));
}

function reportNoSteps(outline: Outline, title: Block, { report }: Context): void {
  const steps = outline.sections.get('steps');
  const what = steps ? 'Steps without a step' : 'document without a section Steps';
  report.error(
    'missing-section',
    (steps ?? title).heading.span,
    `Unexpected ${what}, expected ## Steps and a step with ###`,
  );
}

function readDocumentSettings(body: Body, context: Context): void {
  const settings = sortSettings(body.settings, ['id', 'dialect'], 'the document', context.report);
  const dialect = settings.get('dialect');
  const version = dialect && readWords(dialect, '1', context);
  if (!dialect || version === undefined || version === '1') return;
  const message = `Unexpected dialect ${version}, expected 1`;
  context.report.error('unknown-dialect', valueSpan(dialect), message);
}

function readAgentBlock(block: Block, body: Body, context: Context): AgentDraft {
  const { report, names, source } = context;
  const settings = sortSettings(body.settings, ['model', 'tools', 'may delegate to', 'id'], 'an agent', context.report);
  const model = settings.get('model');
  const tools = settings.get('tools');
  const delegates = settings.get('may delegate to');
  const written = body.settings.some((one) => one.name === 'model');
  if (!written) {
    const message = `Unexpected agent ${block.heading.text} without a model, expected a setting such as model: small`;
    report.error('missing-setting', block.heading.span, message);
  }
  if (delegates && foldName(phrasesText(delegates.value)) !== 'none') {
    const message = 'Unexpected delegation, expected may delegate to: none; not yet supported';
    report.error('not-yet-supported', valueSpan(delegates), message);
  }
  return {
    id: names.ids.get(block.heading) ?? '',
    name: block.heading.text,
    model: (model && readWords(model, 'the name of a model', context)) ?? '',
    tools: tools ? readToolNames(tools, context).map((tool) => tool.name) : [],
    mayDelegateTo: [],
    instruction: proseOf(body.rest, source),
    block,
  };
}

function readResult(block: Block, body: Body, context: Context): ResultDraft[] {
  const { names, report } = context;
  const columns = ['Name', 'Type', 'Value'].map((name) => ({ name, needed: true }));
  const taken = new Map<string, Span>();
  const result: ResultDraft[] = [];
  for (const row of readTable(block, body, columns, context)) {
    const [nameCell, typeCell, valueCell] = ['name', 'type', 'value'].map((column) => row.cells.get(column));
    if (!nameCell?.phrases.length || !typeCell?.phrases.length || !valueCell?.phrases.length) continue;
    const name = readFieldName(nameCell, taken, report);
    const type = readType(typeCell.phrases, typeCell.span, names, report);
    const value = expressionOf(valueCell.phrases);
    if (!value) {
      const span = phrasesSpan(valueCell.phrases, valueCell.span);
      const message = `Unexpected ${phrasesText(valueCell.phrases)}, expected an expression in inline code`;
      report.error('invalid-value', span, message);
      continue;
    }
    result.push({ name: name ?? '', type: type ?? { kind: 'anything' }, value, span: row.span });
  }
  return result;
}
