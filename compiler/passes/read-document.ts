/** Pass 5: sections, settings and names to a draft of the document. */

import type { Report } from '../diagnostics.ts';
import type { Budget } from '../graph.ts';
import type { Span } from '../source-text.ts';
import type { Type } from '../types.ts';
import type { ApproverDraft, DocumentDraft, ProposalDraft, ResultDraft, StepDraft, TypeDraft } from './draft.ts';
import { readFieldName } from './field-names.ts';
import { readBudgetOf } from './limit-values.ts';
import { phrasesSpan, phrasesText } from './phrases.ts';
import { sectionOf, stateOf } from './proposal-places.ts';
import { readAgentBlock } from './read-agent.ts';
import type { FieldsDraft } from './read-fields.ts';
import { checkDefaults, readFieldRules, readFields, refuseFieldsWithoutType } from './read-fields.ts';
import { readOwner, readProposal } from './read-proposal.ts';
import type { Block, Heading, Outline, Section, SectionName } from './read-sections.ts';
import type { Body, Setting } from './read-settings.ts';
import { valueSpan } from './read-settings.ts';
import { readSteps } from './read-steps.ts';
import { readTable } from './read-table.ts';
import { readType } from './read-type.ts';
import type { Context } from './setting-values.ts';
import { expressionOf, readWords } from './setting-values.ts';
import { refuseSettings, sortSettings } from './sort-settings.ts';

export const documentSettings = ['id', 'dialect', 'owner', 'budget'] as const;

export type Bodies = ReadonlyMap<Heading, Body>;

const noFields: FieldsDraft = { fields: [], rows: [], type: { kind: 'record', fields: [] }, complete: true };
const noBody: Body = { settings: [], rest: [] };

export function readDocument(outline: Outline, bodies: Bodies, context: Context): DocumentDraft {
  const { sections } = outline;
  const bodyOf = (block: Block): Body => bodies.get(block.heading) ?? noBody;
  const readRecord = (block: Block, nameColumn: 'Name' | 'Field'): FieldsDraft =>
    readFields(block, bodyOf(block), nameColumn, context);
  const said = readDocumentSettings(outline.title ? bodyOf(outline.title) : noBody, context);
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
  const named = new Map([...namedTypes(types), ...context.names.others.namedTypes()]);
  const all = [inputFields, ...records.map((one) => one.record)];
  for (const fields of all) readFieldRules(fields, named, context.report);
  checkDefaults(all, named, context.report);
  const proposed = sections.get('proposal');
  const proposal = proposed && readProposal(proposed, bodyOf(proposed), named, context);
  const agents = (sections.get('agents')?.blocks ?? []).map((block) => readAgentBlock(block, bodyOf(block), context));
  const steps = readSteps(sections.get('steps')?.blocks ?? [], bodyOf, context);
  if (proposal) placeOutputs(steps, proposal, named);
  const result = sections.get('result');
  for (const section of sections.values()) refuseOwnSettings(section, bodyOf(section), context.report);
  if (steps.length === 0 && outline.title && !isLibrary(outline)) reportNoSteps(outline, outline.title, context);
  return {
    id: context.names.documentId,
    title: outline.title?.heading.text ?? '',
    titleSpan: outline.title?.heading.span ?? { start: 0, end: 0 },
    ...said,
    inputs: inputFields.fields,
    inputsComplete: inputFields.complete,
    types,
    agents,
    ...(proposal && { proposal }),
    steps,
    result: result ? readResult(result, bodyOf(result), context) : [],
    others: context.names.others,
  };
}

/** The types by name. One that could not be read in full is `anything`, so that nothing false is said of it. */
export function namedTypes(types: readonly TypeDraft[]): Map<string, Type> {
  return new Map(types.map((one) => [one.name, one.complete ? one.type : { kind: 'anything' }]));
}

/** All types that a document can name: its own, and those it takes from other documents. */
export function typesOf(draft: Pick<DocumentDraft, 'types' | 'others'>): Map<string, Type> {
  return new Map([...namedTypes(draft.types), ...draft.others.namedTypes()]);
}

const takesNoSettings: Partial<Record<SectionName, string>> = {
  agents: 'settings under the heading of an agent (###)',
  steps: 'settings under the heading of a step (###)',
  result: 'a table and prose only',
};

/** Directly under the heading of a section whose things have the settings they would be lost. */
function refuseOwnSettings({ name, heading }: Section, body: Body, report: Report): void {
  const expected = takesNoSettings[name];
  // A list in place of the table was told as that.
  if (expected === undefined || (name === 'result' && !body.rest.some((node) => node.type === 'table'))) return;
  refuseSettings(body.settings, heading.text, expected, report);
}

/** It only lends its agents and types to other documents. */
function isLibrary({ sections }: Outline): boolean {
  const lends = (name: 'agents' | 'types'): boolean => (sections.get(name)?.blocks ?? []).length > 0;
  return (
    (lends('agents') || lends('types')) &&
    !(['inputs', 'proposal', 'steps', 'result'] as const).some((name) => sections.has(name))
  );
}

/** Sections are called as the proposal calls them, and what a session gives is what its place takes. */
function placeOutputs(steps: readonly StepDraft[], proposal: ProposalDraft, types: ReadonlyMap<string, Type>): void {
  for (const step of steps) {
    const { section, state } = step.values;
    const known = section && sectionOf(section.name, proposal);
    if (section && known?.name !== undefined) section.name = known.name;
    if (step.kind !== 'session') continue;
    const place = known ?? (state && proposal.state && stateOf(state.path, proposal.state, types));
    if (place && 'type' in place) step.values.gives = place.type;
    else step.outputUnknown = true;
  }
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

interface DocumentSettings {
  settings: ReadonlyMap<string, Setting>;
  owner?: ApproverDraft;
  budget?: Budget;
}

function readDocumentSettings(body: Body, context: Context): DocumentSettings {
  const settings = sortSettings(body.settings, documentSettings, 'the document', context.report);
  const dialect = settings.get('dialect');
  const version = dialect && readWords(dialect, '1', context);
  if (dialect && version !== undefined && version !== '1') {
    const message = `Unexpected dialect ${version}, expected 1`;
    context.report.error('unknown-dialect', valueSpan(dialect), message);
  }
  const owner = readOwner(settings.get('owner'), context);
  const spent = settings.get('budget');
  const budget = spent && readBudgetOf(spent, context);
  return { settings, ...(owner && { owner }), ...(budget && { budget }) };
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
