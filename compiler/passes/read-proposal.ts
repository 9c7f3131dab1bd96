/** The section Proposal: the state's type, who owns it, and a table of its sections. */
import type { Report } from '../diagnostics.ts';
import type { Span } from '../source-text.ts';
import { foldName } from '../source-text.ts';
import type { Type } from '../types.ts';
import type { ApproverDraft, ProposalDraft, SectionDraft } from './draft.ts';
import { readApprover } from './people-values.ts';
import type { Phrase } from './phrases.ts';
import { phrasesSpan, phrasesText } from './phrases.ts';
import type { FieldsDraft } from './read-fields.ts';
import { checkDefaults, readFieldRules } from './read-fields.ts';
import type { Block } from './read-sections.ts';
import type { Body, Setting } from './read-settings.ts';
import { valueSpan } from './read-settings.ts';
import { readTable } from './read-table.ts';
import { readType } from './read-type.ts';
import { isPrototypeName } from './reserved-words.ts';
import type { Context } from './setting-values.ts';
import { invalid, oneValue } from './setting-values.ts';
import { sortSettings } from './sort-settings.ts';

export const proposalSettings = ['state', 'owner'] as const;

const columns = [
  { name: 'Section', needed: true },
  { name: 'Type', needed: true },
  { name: 'Rule', needed: false },
  { name: 'Owner', needed: false },
];
const longestName = 100;

/** `named` are the document's types, for the rules of sections. */
export function readProposal(
  block: Block,
  body: Body,
  named: ReadonlyMap<string, Type>,
  context: Context,
): ProposalDraft {
  const { report } = context;
  const before = report.count();
  const settings = sortSettings(body.settings, proposalSettings, 'the proposal', report);
  const state = settings.get('state');
  const owner = readOwner(settings.get('owner'), context);
  const hasTable = body.rest.some((node) => node.type === 'table');
  const written = body.settings.some((one) => one.name === 'state');
  const sections = hasTable || !written ? readRows(block, body, named, context) : [];
  const type = state && readType(oneValue(state, context), valueSpan(state), context.names, report);
  return {
    block,
    settings,
    ...(type && { state: type }),
    ...(owner && { owner }),
    sections,
    sectionsByName: new Map(sections.map((section) => [foldName(section.field.name), section])),
    complete: report.count() === before,
  };
}

/** Of the document and of the proposal: one role or one person. */
export function readOwner(setting: Setting | undefined, context: Context): ApproverDraft | undefined {
  if (!setting) return undefined;
  const phrases = oneValue(setting, context);
  const owner = readApprover(phrases);
  if (!owner) invalid(setting, phrases, 'one role such as finance, or one person such as `input.manager`', context);
  return owner;
}

function readRows(block: Block, body: Body, named: ReadonlyMap<string, Type>, context: Context): SectionDraft[] {
  const { names, report } = context;
  const taken = new Map<string, Span>();
  const sections: SectionDraft[] = [];
  const rows: FieldsDraft['rows'] = [];
  for (const row of readTable(block, body, columns, context)) {
    const nameCell = row.cells.get('section');
    const typeCell = row.cells.get('type');
    if (!nameCell?.phrases.length || !typeCell?.phrases.length) continue;
    const name = readSectionName(nameCell.phrases, nameCell.span, taken, report);
    const type = readType(typeCell.phrases, typeCell.span, names, report);
    const owner = readOwnerCell(row.cells.get('owner'), report);
    if (name === undefined) continue;
    const field = { name, type: type ?? { kind: 'anything' as const } };
    const draft = { field, nameSpan: nameCell.span, span: row.span, ...(owner && { owner }) };
    sections.push(draft);
    rows.push({ draft, rule: row.cells.get('rule')?.phrases ?? [] });
  }
  const fields: FieldsDraft = { fields: sections, rows, type: { kind: 'record', fields: [] }, complete: true };
  readFieldRules(fields, named, report);
  checkDefaults([fields], named, report);
  return sections;
}

/** Any words, since sections are headings to a reader. */
function readSectionName(
  phrases: readonly Phrase[],
  place: Span,
  taken: Map<string, Span>,
  report: Report,
): string | undefined {
  const name = phrasesText(phrases);
  const span = phrasesSpan(phrases, place);
  if (phrases.some((one) => one.kind !== 'text') || name.length > longestName || !/[\p{L}\p{N}]/u.test(name)) {
    report.error(
      'bad-name',
      span,
      `Unexpected section name ${name}, expected words of at most ${longestName} characters`,
    );
    return undefined;
  }
  if (isPrototypeName(name)) {
    const message = `Unexpected section name ${name}, which has a meaning of its own, expected another`;
    report.error('reserved-name', span, message);
    return undefined;
  }
  const before = taken.get(foldName(name));
  if (before) {
    const related = [{ span: before, message: `${name} is taken here` }];
    report.error('taken-name', span, `Unexpected second section ${name}, expected another name`, { related });
    return undefined;
  }
  taken.set(foldName(name), span);
  return name;
}

function readOwnerCell(
  cell: { phrases: readonly Phrase[]; span: Span } | undefined,
  report: Report,
): ApproverDraft | undefined {
  if (!cell || cell.phrases.length === 0) return undefined;
  const owner = readApprover(cell.phrases);
  if (owner) return owner;
  const message = `Unexpected owner ${phrasesText(cell.phrases)}, expected one role such as finance, or one person such as \`input.manager\``;
  report.error('invalid-value', phrasesSpan(cell.phrases, cell.span), message);
  return undefined;
}
