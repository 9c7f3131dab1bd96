/** Inputs and types: tables to fields. */
import type { Report } from '../diagnostics.ts';
import type { Span } from '../source-text.ts';
import { foldName } from '../source-text.ts';
import type { Type } from '../types.ts';
import { valueValidator } from '../validate-value.ts';
import { phrasesSpan, phrasesText } from './phrases.ts';
import type { FieldDraft } from './read-rules.ts';
import { readRules } from './read-rules.ts';
import type { Block } from './read-sections.ts';
import type { Body, Reading } from './read-settings.ts';
import type { Row } from './read-table.ts';
import { readTable } from './read-table.ts';
import { readType } from './read-type.ts';
import { isReservedField } from './reserved-words.ts';
import type { Names } from './resolve-names.ts';

/** Fields whose type and name are known; their rules are read by `readFieldRules` once all types are. */
export interface FieldsDraft {
  fields: FieldDraft[];
  rows: { row: Row; draft: FieldDraft }[];
  /** Was every row read? If not, the record's fields are not all known. */
  complete: boolean;
}

export function readFields(
  block: Block,
  body: Body,
  nameColumn: 'Name' | 'Field',
  names: Names,
  reading: Reading,
): FieldsDraft {
  const columns = [
    { name: nameColumn, needed: true },
    { name: 'Type', needed: true },
    { name: 'Rule', needed: false },
    { name: 'Meaning', needed: false },
  ];
  const { report } = reading;
  const before = report.count();
  const rows = readTable(block, body, columns, reading);
  const drafts: FieldsDraft['rows'] = [];
  const taken = new Map<string, Span>();
  for (const row of rows) {
    const nameCell = row.cells.get(nameColumn.toLowerCase());
    const typeCell = row.cells.get('type');
    const name = nameCell && nameCell.phrases.length > 0 ? readFieldName(nameCell, taken, report) : undefined;
    const type =
      typeCell && typeCell.phrases.length > 0 ? readType(typeCell.phrases, typeCell.span, names, report) : undefined;
    if (name === undefined || !nameCell) continue;
    const meaning = phrasesText(row.cells.get('meaning')?.phrases ?? []);
    const field = { name, type: type ?? { kind: 'anything' as const }, ...(meaning !== '' && { meaning }) };
    drafts.push({ row, draft: { field, nameSpan: nameCell.span, span: row.span } });
  }
  return { fields: drafts.map((one) => one.draft), rows: drafts, complete: report.count() === before };
}

/** Names that expressions read after a dot. Reports and returns undefined for others. */
export function readFieldName(
  cell: { phrases: Parameters<typeof phrasesText>[0]; span: Span },
  taken: Map<string, Span>,
  report: Report,
): string | undefined {
  const [only] = cell.phrases;
  const name = cell.phrases.length === 1 && only?.kind === 'code' ? only.code : phrasesText(cell.phrases);
  const span = phrasesSpan(cell.phrases, cell.span);
  if (isReservedField(name)) {
    report.error('reserved-name', span, `Unexpected name ${name}, which has a meaning of its own, expected another`);
    return undefined;
  }
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    report.error(
      'bad-name',
      span,
      `Unexpected name ${name}, expected letters a to z, digits and _, as expressions read it`,
    );
    return undefined;
  }
  const before = taken.get(foldName(name));
  if (before) {
    const related = [{ span: before, message: `${name} is taken here` }];
    report.error('taken-name', span, `Unexpected second ${name}, expected another name`, { related });
    return undefined;
  }
  taken.set(foldName(name), span);
  return name;
}

/** Second step of reading fields, when all named types are known. */
export function readFieldRules(draft: FieldsDraft, types: ReadonlyMap<string, Type>, report: Report): void {
  for (const { row, draft: field } of draft.rows) {
    const rule = row.cells.get('rule');
    if (rule && rule.phrases.length > 0) readRules(rule.phrases, field, types, report);
  }
}

/** Third step, when the rules of all fields are known: does each default meet its type and rules? */
export function checkDefaults(draft: FieldsDraft, types: ReadonlyMap<string, Type>, report: Report): void {
  const named = [...types].map(([name, type]) => ({ name, type }));
  for (const { field, default: value } of draft.fields) {
    if (value === undefined) continue;
    const { default: _default, computed: _computed, ...bare } = field;
    const validator = valueValidator({ kind: 'record', fields: [bare] }, named);
    const checked = validator.complete({ [field.name]: value.value });
    const [violation] = checked.ok ? [] : checked.violations;
    if (violation) {
      report.error('bad-default', value.span, `${violation.message} as the default of ${field.name}`);
    }
  }
}
