/**
 * Where in a document a cursor stands. Read from the lines themselves and not from what the passes made of them: what is being
 * typed is hardly ever whole.
 */
import type { StepDraft, StepKind } from '../passes/draft.ts';
import type { FieldDraft } from '../passes/read-rules.ts';
import type { Block } from '../passes/read-sections.ts';
import { stepKinds } from '../passes/step-settings.ts';
import type { Point } from '../source-text.ts';
import { foldName } from '../source-text.ts';
import type { Analysis, Findings } from './analyze.ts';

export type Surroundings = 'document' | 'agent' | 'proposal' | 'step' | 'type' | 'inputs' | 'result' | 'elsewhere';

export interface SettingLine {
  /** Folded; of an item without a colon, all of its words. */
  name: string;
  /** One-based. */
  line: number;
  hasColon: boolean;
}

export interface Spot {
  findings: Findings;
  block: Block;
  surroundings: Surroundings;
  /** Of the step that the cursor is in. */
  step?: StepDraft;
  kind?: StepKind;
  /** All settings under this heading. */
  settings: SettingLine[];
  at:
    | { in: 'heading' | 'prose' }
    /** Before the colon of a setting. */
    | { in: 'setting name'; line: number }
    /** After the colon of a setting, or in the list under it; `nested` items may have a key of their own. */
    | { in: 'value'; setting: string; nested: boolean }
    /** `column` is folded. */
    | { in: 'cell'; column: string };
  /** Of the name, value or cell, what stands before the cursor on its line. */
  before: string;
}

/** Undefined before the first heading, and where the document could not be read at all. */
export function spotAt({ findings, lines, source }: Analysis, point: Point): Spot | undefined {
  if (!findings) return undefined;
  const startOf = (block: Block): number => source.point(block.heading.span.start).line;
  const block = findings.outline.blocks.findLast((one) => startOf(one) <= point.line);
  if (!block) return undefined;
  const last = source.point(Math.max(block.heading.span.start, block.heading.span.end)).line;
  const lineNow = (lines[point.line - 1] ?? '').slice(0, point.column - 1);
  const scan = scanSettings(lines, last + 1, point);
  const step = findings.draft.steps.find((one) => one.block.heading === block.heading);
  const said = scan.settings.filter((one) => one.line !== point.line || one.hasColon).map((one) => one.name);
  const kind = step?.kind ?? stepKinds.find((one) => said.includes(one));
  const spot = {
    findings,
    block,
    surroundings: surroundingsOf(findings, block),
    settings: scan.settings,
    ...(step && { step }),
    ...(kind && { kind }),
  };
  if (point.line <= last) return { ...spot, at: { in: 'heading' }, before: lineNow };
  const cell = cellAt(lines, point, lineNow);
  if (cell) return { ...spot, ...cell };
  const { at, from } = scan.here ?? { at: { in: 'prose' as const }, from: 0 };
  return { ...spot, at, before: lineNow.slice(from) };
}

/** In the list of the inputs or of a type: what stands between a field's colon and the cursor. */
export function fieldBefore({ surroundings, at, before }: Spot): string | undefined {
  if (at.in !== 'value' || (surroundings !== 'inputs' && surroundings !== 'type')) return undefined;
  if (!at.nested) return before;
  const colon = /^[^:]*:\s/.exec(before)?.[0];
  return colon === undefined ? undefined : before.slice(colon.length);
}

/** The fields of the record that the cursor is in, for `this`. In a list those of the field above it. */
export function fieldsAround({ findings: { draft }, block, at }: Spot): readonly FieldDraft[] {
  const own = draft.types.find((one) => one.block.heading === block.heading)?.fields ?? draft.inputs;
  if (at.in !== 'value' || !at.nested) return own;
  return own.find((one) => foldName(one.field.name) === at.setting)?.inner ?? [];
}

function surroundingsOf({ outline }: Findings, block: Block): Surroundings {
  const { heading } = block;
  if (heading === outline.title?.heading) return 'document';
  if (heading.thing === 'agent' || heading.thing === 'step' || heading.thing === 'type') return heading.thing;
  if (heading === outline.sections.get('inputs')?.heading) return 'inputs';
  if (heading === outline.sections.get('proposal')?.heading) return 'proposal';
  return heading === outline.sections.get('result')?.heading ? 'result' : 'elsewhere';
}

type Here = { at: Spot['at']; from: number };

const item = /^(\s*)[-*+](?:\s+|$)/;
const named = /^([\p{L}\p{N}][\p{L}\p{N}\p{M} _'’-]*):(?=\s|$)/u;

/** Reads the lists directly under a heading, as far as they go, and where the cursor stands in them. */
function scanSettings(lines: readonly string[], from: number, cursor: Point): { settings: SettingLine[]; here?: Here } {
  const settings: SettingLine[] = [];
  let here: Here | undefined;
  let inComment = false;
  for (let line = from; line <= lines.length; line += 1) {
    const text = lines[line - 1] ?? '';
    const blank = text.trim() === '';
    if (!inComment && /^ {0,3}<!--/.test(text)) inComment = true;
    const commented = inComment;
    if (inComment && text.includes('-->')) inComment = false;
    if (blank || commented) continue;
    const [marker, indent = ''] = item.exec(text) ?? [];
    const current = settings.at(-1);
    if (marker === undefined) {
      // A line further in goes on with the item above it; any other ends the settings.
      if (!current || !/^\s{2,}/.test(text)) break;
      if (line === cursor.line) here = { at: { in: 'value', setting: current.name, nested: false }, from: 0 };
    } else if (current && indent.length >= 2) {
      if (line === cursor.line)
        here = { at: { in: 'value', setting: current.name, nested: true }, from: marker.length };
    } else {
      const words = text.slice(marker.length);
      const name = named.exec(words)?.[1];
      settings.push({ name: foldName(name ?? words), line, hasColon: name !== undefined });
      const colon = marker.length + (name?.length ?? words.length);
      if (line !== cursor.line) continue;
      here = { at: { in: 'setting name', line }, from: marker.length };
      if (name !== undefined && cursor.column - 1 > colon) {
        here = { at: { in: 'value', setting: foldName(name), nested: false }, from: colon + 1 };
      }
    }
  }
  return { settings, ...(here && { here }) };
}

/** A row of a table: the columns are named by the first line of the lines with bars around it. */
function cellAt(lines: readonly string[], { line }: Point, before: string): Pick<Spot, 'at' | 'before'> | undefined {
  if (!/^\s*\|/.test(before)) return undefined;
  let first = line;
  while (first > 1 && /^\s*\|/.test(lines[first - 2] ?? '')) first -= 1;
  if (line === first) return undefined;
  const columns = cellsOf(lines[first - 1] ?? '');
  const cells = cellsOf(before);
  return {
    at: { in: 'cell', column: foldName(columns[cells.length - 1] ?? '') },
    before: (cells.at(-1) ?? '').trimStart(),
  };
}

function cellsOf(row: string): string[] {
  return row
    .trimStart()
    .replace(/^\|/, '')
    .split(/(?<!\\)\|/);
}
