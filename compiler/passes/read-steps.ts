/** The blocks of Steps: what kind each is, and its values. */
import { nearestWord } from '../nearest-word.ts';
import { plainWords } from '../source-text.ts';
import type { StepDraft, StepKind, StepValues } from './draft.ts';
import type { Block } from './read-sections.ts';
import type { Body, Setting } from './read-settings.ts';
import { proseOf } from './read-settings.ts';
import { kindsNotYet, settingNames } from './setting-names.ts';
import type { Context } from './setting-values.ts';
import { sortSettings } from './sort-settings.ts';
import { stepKinds, stepSettings } from './step-settings.ts';

export function readSteps(blocks: readonly Block[], bodyOf: (block: Block) => Body, context: Context): StepDraft[] {
  return blocks.map((block) => readStep(block, bodyOf(block), context));
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
  const conditional = kind === 'tool' ? values.uses?.find((use) => use.ifItRan) : undefined;
  if (conditional) {
    const message = 'Unexpected if it ran in uses of a tool step, expected has() in with; not yet supported';
    context.report.error('not-yet-supported', conditional.span, message);
  }
  return {
    id: context.names.ids.get(block.heading) ?? '',
    title: block.heading.text,
    ...(kind && { kind }),
    outputUnknown: kind === undefined || (body.settings.some((one) => one.name === 'gives') && !values.gives),
    headingSpan: block.heading.span,
    block,
    settings,
    values,
    instruction: proseOf(body.rest, context.source),
  };
}

/** Undefined where it was reported that there is none, more than one, or one that is not built. */
function kindOf(block: Block, body: Body, context: Context): StepKind | undefined {
  const { report } = context;
  const named = body.settings.filter((one) => isKind(one.name));
  // `for each` may stand beside `agent` or `tool`: then it is that one thing which is not built.
  const later = named.find((one) => (kindsNotYet as readonly string[]).includes(one.name));
  if (later) {
    const message = `Unexpected ${later.name} step, expected one of ${stepKinds.join(', ')}; not yet supported`;
    report.error('not-yet-supported', later.nameSpan, message);
    return undefined;
  }
  const kinds = named.filter((one, index) => named.findIndex((other) => other.name === one.name) === index);
  const [first, second] = kinds;
  if (!first) {
    const message = `Unexpected step ${block.heading.text} without a kind, expected one of ${stepKinds.join(', ')} among its settings`;
    const near = body.settings.find((one) => unknownWord(one, stepKinds));
    // A misspelt kind is told where it is written.
    if (!near) report.error('missing-kind', block.heading.span, message);
    else sortSettings([near], stepKinds, 'a step', report);
    return undefined;
  }
  if (second) {
    const related = [{ span: first.nameSpan, message: `it is ${article(first.name)} step by this` }];
    const message = `Unexpected ${second.name} on ${article(first.name)} step, expected one kind`;
    report.error('two-kinds', second.nameSpan, message, { related });
    return undefined;
  }
  return stepKinds.find((kind) => kind === first.name);
}

function unknownWord(setting: Setting, candidates: readonly string[]): boolean {
  return nearestWord(setting.name, candidates) !== undefined && !settingNames.has(setting.name);
}

function isKind(name: string): boolean {
  return [...stepKinds, ...kindsNotYet].some((kind) => kind === name);
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
