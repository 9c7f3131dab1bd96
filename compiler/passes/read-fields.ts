/** Inputs and types: a table, a list or a JSON Schema to fields. */
import type { Report } from '../diagnostics.ts';
import type { Span } from '../source-text.ts';
import type { Type } from '../types.ts';
import { valueValidator } from '../validate-value.ts';
import { readFieldName } from './field-names.ts';
import type { List, RootContent } from './markdown.ts';
import { phrasesText, spanOf } from './phrases.ts';
import type { FieldReading, FieldRow } from './read-field-list.ts';
import { fieldLikeItem, fieldListsIn, readFieldLists } from './read-field-list.ts';
import type { FieldDraft } from './read-rules.ts';
import { readRules } from './read-rules.ts';
import { isSchemaBlock, readSchemaBlock } from './read-schema-block.ts';
import type { Block } from './read-sections.ts';
import type { Body, Reading } from './read-settings.ts';
import { firstLine, isHidden } from './read-settings.ts';
import { readTable } from './read-table.ts';
import { readType } from './read-type.ts';

/** Fields whose type and name are known; their rules are read by `readFieldRules` once all types are. */
export interface FieldsDraft {
  fields: FieldDraft[];
  /** Every field, those of records within records as well. */
  rows: FieldRow[];
  /** What values have these fields: a record, unless a JSON Schema says otherwise. */
  type: Type;
  /** Was every row read? If not, the record's fields are not all known. */
  complete: boolean;
}

/** What stands under the heading of the inputs or of a type has no settings: its list is its fields. */
export function readFieldsBody(block: Block, reading: Reading): Body {
  const nodes = visibleNodes(block, reading);
  const lists = new Set<RootContent>(chooseForm(nodes, reading)?.lists ?? []);
  return { settings: [], rest: nodes.filter((node) => !lists.has(node)) };
}

/** The inputs take no JSON Schema, which has no word for what is untrusted. */
export function readFields(block: Block, body: Body, nameColumn: 'Name' | 'Field', reading: FieldReading): FieldsDraft {
  const { report } = reading;
  const before = report.count();
  const nodes = visibleNodes(block, reading);
  const form = chooseForm(nodes, reading);
  const read = readForm(form, block, body, nameColumn, reading);
  if (form) refuseSecondForm(form.nodes, nodes, reading);
  return { ...read, complete: report.count() === before };
}

/** Under the section Types itself fields belong to no type: they would be lost. */
export function refuseFieldsWithoutType(section: Block, reading: FieldReading): void {
  const found = visibleNodes(section, reading).find((node) => holdsFields(node, undefined, reading));
  if (!found) return;
  const message = `Unexpected ${formName(found)} under ${section.heading.text}, expected a heading with ### before it: the name of the type`;
  reading.report.error('fields-without-type', firstLine(found, reading.source), message);
}

function visibleNodes(block: Block, { source }: Reading): RootContent[] {
  return block.nodes.filter((node) => !isHidden(node, source));
}

interface Form {
  nodes: RootContent[];
  lists?: List[];
}

/** A table or a schema before a list, which may also be prose. */
function chooseForm(nodes: readonly RootContent[], reading: Reading): Form | undefined {
  const found = nodes.find((node) => node.type === 'table' || isSchemaBlock(node));
  if (found) return { nodes: [found] };
  const lists = fieldListsIn(nodes, reading);
  return lists.length > 0 ? { nodes: lists, lists } : undefined;
}

function readForm(
  form: Form | undefined,
  block: Block,
  body: Body,
  nameColumn: 'Name' | 'Field',
  reading: FieldReading,
): Omit<FieldsDraft, 'complete'> {
  const { report, source } = reading;
  const nothing = { fields: [], rows: [], type: { kind: 'record' as const, fields: [] } };
  const [node] = form?.nodes ?? [];
  const isInputs = nameColumn === 'Name';
  if (!form || !node) {
    const others = isInputs ? ' or a list of fields' : ', a list of fields or a json schema block';
    const message = `Unexpected ${block.heading.text} without fields, expected a table (${nameColumn}, Type, Rule, Meaning)${others}`;
    report.error('missing-table', block.heading.span, message);
    return nothing;
  }
  if (isSchemaBlock(node)) {
    if (isInputs) {
      const message =
        'Unexpected JSON Schema under the inputs, expected a table or a list, which can say what is untrusted';
      report.error('missing-table', firstLine(node, source), message);
      return nothing;
    }
    const name = reading.names.ids.get(block.heading) ?? block.heading.text;
    const { type, fields, all } = readSchemaBlock(node, name, reading);
    return { fields, rows: all.map((draft) => ({ draft, rule: [] })), type: type ?? nothing.type };
  }
  const read = form.lists ? readFieldLists(form.lists, reading) : readFieldTable(block, body, nameColumn, reading);
  return { ...read, type: { kind: 'record', fields: read.fields.map((one) => one.field) } };
}

function readFieldTable(
  block: Block,
  body: Body,
  nameColumn: 'Name' | 'Field',
  reading: FieldReading,
): { fields: FieldDraft[]; rows: FieldRow[] } {
  const columns = [
    { name: nameColumn, needed: true },
    { name: 'Type', needed: true },
    { name: 'Rule', needed: false },
    { name: 'Meaning', needed: false },
  ];
  const { names, report } = reading;
  const taken = new Map<string, Span>();
  const rows = readTable(block, body, columns, reading).flatMap((row): FieldRow[] => {
    const nameCell = row.cells.get(nameColumn.toLowerCase());
    const typeCell = row.cells.get('type');
    const name = nameCell && nameCell.phrases.length > 0 ? readFieldName(nameCell, taken, report) : undefined;
    const type =
      typeCell && typeCell.phrases.length > 0 ? readType(typeCell.phrases, typeCell.span, names, report) : undefined;
    if (name === undefined || !nameCell) return [];
    const meaning = phrasesText(row.cells.get('meaning')?.phrases ?? []);
    const field = { name, type: type ?? { kind: 'anything' as const }, ...(meaning !== '' && { meaning }) };
    return [{ draft: { field, nameSpan: nameCell.span, span: row.span }, rule: row.cells.get('rule')?.phrases ?? [] }];
  });
  return { fields: rows.map((row) => row.draft), rows };
}

/** Fields in a second form would be lost: told at the later of the two. */
function refuseSecondForm(form: readonly RootContent[], nodes: readonly RootContent[], reading: FieldReading): void {
  const { report, source } = reading;
  const [chosen] = form;
  const second = nodes.find((node) => !form.includes(node) && holdsFields(node, chosen, reading));
  if (!chosen || !second) return;
  const [first, later] = spanOf(chosen).start < spanOf(second).start ? [chosen, second] : [second, chosen];
  const related = [{ span: firstLine(first, source), message: 'the first is here' }];
  const [one, other] = [formName(first), formName(later)];
  const message =
    one === other
      ? `Unexpected second ${one}, expected one`
      : `Unexpected ${other} beside a ${one}, expected the fields in one of them`;
  report.error('two-forms', firstLine(later, source), message, { related });
}

function holdsFields(node: RootContent, chosen: RootContent | undefined, reading: FieldReading): boolean {
  // A second table is told where tables are read.
  if (node.type === 'table') return chosen?.type !== 'table';
  if (isSchemaBlock(node)) return true;
  return node.type === 'list' && !node.ordered && fieldLikeItem(node, reading) !== undefined;
}

function formName(node: RootContent): string {
  if (node.type === 'list') return 'list of fields';
  return node.type === 'table' ? 'table of fields' : 'JSON Schema';
}

/** Second step of reading fields, when all named types are known. */
export function readFieldRules(draft: FieldsDraft, types: ReadonlyMap<string, Type>, report: Report): void {
  for (const { rule, draft: field } of draft.rows) {
    if (rule.length > 0) readRules(rule, field, types, report);
  }
}

/** Third step, when the rules of all fields are known: does each default meet its type and rules? */
export function checkDefaults(drafts: readonly FieldsDraft[], types: ReadonlyMap<string, Type>, report: Report): void {
  const rows = drafts.flatMap((draft) => draft.rows);
  const said = rows.flatMap(({ draft: { field, default: value } }) => (value ? [{ field, value }] : []));
  if (said.length === 0) return;
  const named = [...types].map(([name, type]) => ({ name, type }));
  // All at once, as one record with a field for each: to make a validator takes longer than all it then does.
  const fields = said.map(({ field: { default: _default, computed: _computed, ...bare } }, index) => ({
    ...bare,
    name: `default_${index}`,
  }));
  const given = Object.fromEntries(said.map(({ value }, index) => [`default_${index}`, value.value]));
  const checked = valueValidator({ kind: 'record', fields }, named).complete(given);
  if (checked.ok) return;
  const violations = Map.groupBy(checked.violations, ({ path }) => /^\w*/.exec(path)?.[0]);
  for (const [index, { field, value }] of said.entries()) {
    const violation = violations.get(`default_${index}`)?.[0];
    if (!violation) continue;
    report.error('bad-default', value.span, `${violation.message} as the default of ${field.name}`);
  }
}
