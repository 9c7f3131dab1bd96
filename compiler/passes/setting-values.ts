/** Readers of the values of settings. Each reports what it cannot read and gives what it can. */
import type { Span } from '../source-text.ts';
import { plainWords } from '../source-text.ts';
import type { ExpressionDraft, NamedExpression, StepValues, UseDraft } from './draft.ts';
import type { Phrase } from './phrases.ts';
import { phrasesSpan, phrasesText, splitAtColon } from './phrases.ts';
import type { Reading, Setting } from './read-settings.ts';
import { entriesOf, valueSpan } from './read-settings.ts';
import { readType } from './read-type.ts';
import type { Names } from './resolve-names.ts';
import { followLink } from './resolve-names.ts';

export interface Context extends Reading {
  names: Names;
}

export type Reader = (setting: Setting, context: Context) => StepValues;

/** The one value of a setting that takes no list. */
export function oneValue(setting: Setting, { report }: Context): Phrase[] {
  const [first = [], second] = setting.items;
  if (second) {
    const message = `Unexpected list under ${setting.name}, expected one value`;
    report.error('invalid-value', phrasesSpan(second, setting.span), message);
  }
  return setting.items.length > 0 ? first : setting.value;
}

export function invalid(setting: Setting, phrases: readonly Phrase[], expected: string, { report }: Context): void {
  const message = `Unexpected ${phrasesText(phrases)} in ${setting.name}, expected ${expected}`;
  report.error('invalid-value', phrasesSpan(phrases, valueSpan(setting)), message);
}

export function expressionOf(phrases: readonly Phrase[]): ExpressionDraft | undefined {
  const [only] = phrases;
  if (phrases.length !== 1 || only?.kind !== 'code') return undefined;
  return { source: only.code, code: only, span: only.span };
}

/** Words of the setting, all of them text. */
export function readWords(setting: Setting, expected: string, context: Context): string | undefined {
  const phrases = oneValue(setting, context);
  if (phrases.every((one) => one.kind === 'text')) return phrasesText(phrases);
  invalid(setting, phrases, expected, context);
  return undefined;
}

export const toolPattern = /^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$/;

export function readToolNames(setting: Setting, context: Context): { name: string; span: Span }[] {
  const found: { name: string; span: Span }[] = [];
  const entries = entriesOf(setting);
  for (const entry of entries) {
    const name = phrasesText(entry);
    const span = phrasesSpan(entry, setting.span);
    if (name.toLowerCase() === 'none' && entries.length === 1) return [];
    if (!toolPattern.test(name)) invalid(setting, entry, 'names of tools such as policy.lookup, or none', context);
    else if (found.some((one) => one.name === name)) {
      context.report.error('repeated-value', span, `Unexpected second ${name}, expected each tool once`);
    } else found.push({ name, span });
  }
  return found;
}

export const readWhen: Reader = (setting, context) => {
  const phrases = oneValue(setting, context);
  const when = expressionOf(phrases);
  if (when) return { when };
  invalid(setting, phrases, 'an expression in inline code', context);
  return {};
};

export const readAgent: Reader = (setting, context) => {
  const phrases = oneValue(setting, context);
  const [only] = phrases;
  if (phrases.length !== 1 || only?.kind !== 'link') {
    invalid(setting, phrases, 'a link to an agent, such as [Accountant](#accountant)', context);
    return {};
  }
  const agent = followLink(only, 'agent', context.names, context.report);
  return agent === undefined ? {} : { agent };
};

export const readTool: Reader = (setting, context) => {
  const phrases = oneValue(setting, context);
  const tool = phrasesText(phrases);
  if (toolPattern.test(tool)) return { tool };
  invalid(setting, phrases, 'the name of a tool, such as payments.transfer', context);
  return {};
};

function readNamed(setting: Setting, context: Context): NamedExpression[] {
  const named: NamedExpression[] = [];
  for (const entry of entriesOf(setting)) {
    const parts = splitAtColon(entry);
    const value = parts && expressionOf(parts.value);
    const name = parts ? phrasesText(parts.key) : '';
    const nameSpan = phrasesSpan(parts?.key ?? entry, setting.span);
    if (!value) invalid(setting, entry, 'name: `expression`', context);
    else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      const message = `Unexpected name ${name}, expected letters a to z, digits and _`;
      context.report.error('bad-name', nameSpan, message);
    } else named.push({ name, nameSpan, value });
  }
  return named;
}

export const readWith: Reader = (setting, context) => ({ with: readNamed(setting, context) });

export const readSet: Reader = (setting, context) => ({ values: readNamed(setting, context) });

/** `[Step](#step)`, `[Step](#step) if it ran`, `` `expression` ``, each with `as name` where it should be called otherwise. */
function readUses(setting: Setting, context: Context): UseDraft[] {
  const uses: UseDraft[] = [];
  for (const entry of entriesOf(setting)) {
    const use = readUse(entry, setting, context);
    if (use) uses.push(use);
  }
  return uses;
}

const afterUse = /^\s*(if it ran)?\s*(?:as ([A-Za-z_][A-Za-z0-9_]*))?\s*(if it ran)?\s*$/i;

function readUse(entry: Phrase[], setting: Setting, context: Context): UseDraft | undefined {
  const [first, second, third] = entry;
  const words = second === undefined ? '' : second.kind === 'text' ? plainWords(second.text) : undefined;
  const match = words !== undefined && !third ? afterUse.exec(words) : null;
  const span = phrasesSpan(entry, setting.span);
  const guards = [match?.[1], match?.[3]].filter((one) => one !== undefined).length;
  if (!match || !first || first.kind === 'text' || guards > (first.kind === 'code' ? 0 : 1)) {
    invalid(setting, entry, 'a link to a step or an expression in inline code', context);
    return undefined;
  }
  const said = match[2];
  if (first.kind === 'link') {
    const step = followLink(first, 'step', context.names, context.report);
    if (step === undefined) return undefined;
    return { name: said ?? step, expr: step, step, span, ...(guards > 0 && { ifItRan: true }) };
  }
  const name =
    said ??
    /^(?:input\.)?([A-Za-z_]\w*)$/.exec(first.code)?.[1] ??
    /^[A-Za-z_][\w.]*\.([A-Za-z_]\w*)$/.exec(first.code)?.[1];
  if (name !== undefined) return { name, expr: first.code, code: first, span };
  const message = `Unexpected expression without a name, expected \`${first.code}\` as name`;
  context.report.error('needs-name', span, message);
  return undefined;
}

export const readUsesSetting: Reader = (setting, context) => ({ uses: readUses(setting, context) });

export const readShow: Reader = (setting, context) => ({ show: readUses(setting, context) });

export const readGives: Reader = (setting, context) => {
  const list = setting.items.length > 0 ? oneValue(setting, context) : setting.value;
  const gives = readType(list, valueSpan(setting), context.names, context.report);
  return gives ? { gives } : {};
};

export const readCheck: Reader = (setting, context) => {
  const checks: ExpressionDraft[] = [];
  for (const entry of entriesOf(setting)) {
    const check = expressionOf(entry);
    if (check) checks.push(check);
    else invalid(setting, entry, 'an expression in inline code', context);
  }
  return { checks };
};

export const readTools: Reader = (setting, context) => ({ tools: readToolNames(setting, context) });
