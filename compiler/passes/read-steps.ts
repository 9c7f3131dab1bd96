/** The blocks of Steps: what kind each is, in which container, and its values. */
import { nearestWord } from '../nearest-word.ts';
import { plainWords } from '../source-text.ts';
import type { EachDraft, StepDraft, StepKind, StepValues } from './draft.ts';
import { reportMissingSettings } from './needed-settings.ts';
import type { Block } from './read-sections.ts';
import type { Body, Setting } from './read-settings.ts';
import { proseOf } from './read-settings.ts';
import { isContainer, settingNames, stepKindNames } from './setting-names.ts';
import type { Context } from './setting-values.ts';
import { sortSettings } from './sort-settings.ts';
import { stepKinds, stepSettings } from './step-settings.ts';

/** In document order, containers before their steps. */
export function readSteps(blocks: readonly Block[], bodyOf: (block: Block) => Body, context: Context): StepDraft[] {
  const steps = blocks.map((block) => readStep(block, bodyOf(block), context));
  reportEmptyContainers(steps, bodyOf, context);
  reportShadowing(steps, context);
  return steps;
}

function readStep(block: Block, body: Body, context: Context): StepDraft {
  const kind = kindOf(block, body, context);
  const settings = kind ? settingsOfKind(kind, body, context) : settingsOfNoKind(body);
  const values: StepValues = {};
  // Of a step without a kind only its place in the order is read.
  const readers = stepSettings[kind ?? 'set'];
  for (const [name, setting] of settings) {
    const reader = readers.get(name);
    if (reader) Object.assign(values, reader(setting, context));
  }
  if (kind) reportMissingSettings(kind, block, body, context.report);
  const parent = block.parent && context.names.ids.get(block.parent.heading);
  return {
    id: context.names.ids.get(block.heading) ?? '',
    title: block.heading.text,
    ...(kind && { kind }),
    outputUnknown: kind === undefined || (body.settings.some((one) => one.name === 'gives') && !values.gives),
    ...(parent !== undefined && { parent }),
    headingSpan: block.heading.span,
    block,
    settings,
    values,
    instruction: proseOf(body.rest, context.source),
  };
}

function reportEmptyContainers(steps: readonly StepDraft[], bodyOf: (block: Block) => Body, { report }: Context): void {
  const parents = new Set(steps.map((step) => step.block.parent));
  for (const { kind, block } of steps) {
    const { settings, stepInside } = bodyOf(block);
    const setting = settings.find((one) => one.name === kind);
    if (!setting || !isContainer([setting.name]) || parents.has(block) || stepInside) continue;
    const { text, depth, span } = block.heading;
    const expected = depth < 6 ? `one under it with ${'#'.repeat(depth + 1)}` : 'a container with fewer #';
    const related = [{ span: setting.nameSpan, message: 'this setting holds other steps' }];
    report.error('empty-container', span, `Unexpected ${text} without steps, expected ${expected}`, { related });
  }
}

/** Expressions read items as they read steps, and within a loop those of the loops around it. */
function reportShadowing(steps: readonly StepDraft[], { report }: Context): void {
  const byId = new Map(steps.map((step) => [step.id, step]));
  for (const { values, parent } of steps) {
    const { each } = values;
    const step = each && byId.get(each.item);
    const around = each && itemAround(each.item, parent, byId);
    if (!each || (!step && !around)) continue;
    const [what, span] = step ? ['the id of this step', step.headingSpan] : ['an item here', around?.itemSpan];
    const related = span ? [{ span, message: `${each.item} is ${what}` }] : [];
    const message = `Unexpected item called ${each.item}, which is taken, expected another name`;
    report.error('taken-name', each.itemSpan, message, { related });
    delete values.each;
  }
}

function itemAround(
  item: string,
  parent: string | undefined,
  byId: ReadonlyMap<string, StepDraft>,
): EachDraft | undefined {
  for (let around = byId.get(parent ?? ''); around; around = byId.get(around.parent ?? '')) {
    if (around.values.each?.item === item) return around.values.each;
  }
  return undefined;
}

/** Kinds that another kind may stand beside: together they are the second. */
const beside: readonly (readonly [loop: string, kind: StepKind])[] = [
  ['for each', 'agent'],
  ['for each', 'tool'],
  ['agent', 'session'],
];

/** Undefined where it was reported that there is none, or more than one. */
function kindOf(block: Block, body: Body, context: Context): StepKind | undefined {
  const { report } = context;
  const named = body.settings.filter((one) => stepKindNames.has(one.name));
  const kinds = named.filter((one, index) => named.findIndex((other) => other.name === one.name) === index);
  const [first, second, third] = kinds;
  if (!first) {
    const message = `Unexpected step ${block.heading.text} without a kind, expected one of ${stepKinds.join(', ')} among its settings`;
    const near = body.settings.find((one) => unknownWord(one, stepKinds));
    // A misspelt kind is told where it is written, and one after prose was told there.
    if (body.late?.some((name) => stepKindNames.has(name))) return undefined;
    if (!near) report.error('missing-kind', block.heading.span, message);
    else sortSettings([near], stepKinds, 'a step', report);
    return undefined;
  }
  const pair = beside.find(([one, other]) => hasBoth(kinds, one, other));
  if (second && !third && pair) return pair[1];
  if (second) {
    // Of three the first two may be a pair.
    const extra = third && beside.some(([one, other]) => hasBoth([first, second], one, other)) ? third : second;
    const related = [{ span: first.nameSpan, message: `it is ${article(first.name)} step by this` }];
    const message = `Unexpected ${extra.name} on ${article(first.name)} step, expected one kind`;
    report.error('two-kinds', extra.nameSpan, message, { related });
    return undefined;
  }
  return stepKinds.find((kind) => kind === first.name);
}

function hasBoth(kinds: readonly Setting[], one: string, other: string): boolean {
  return kinds.some((kind) => kind.name === one) && kinds.some((kind) => kind.name === other);
}

function unknownWord(setting: Setting, candidates: readonly string[]): boolean {
  return nearestWord(setting.name, candidates) !== undefined && !settingNames.has(setting.name);
}

function settingsOfKind(kind: StepKind, body: Body, context: Context): Map<string, Setting> {
  const known = [...stepSettings[kind].keys()];
  return sortSettings(body.settings, known, `${article(kind)} step`, context.report);
}

/** Only what every step says: where it stands in the order. */
function settingsOfNoKind(body: Body): Map<string, Setting> {
  const filled = body.settings.filter((one) => one.value.length > 0 || one.items.length > 0);
  return new Map(filled.filter((one) => one.name === 'after' || one.name === 'then').map((one) => [one.name, one]));
}

function article(word: string): string {
  return /^[aeiou]/.test(word) ? `an ${plainWords(word)}` : `a ${plainWords(word)}`;
}
