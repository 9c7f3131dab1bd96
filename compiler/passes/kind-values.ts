/** What says the kinds `merge`, `wait`, `run` and `session`. */
import type { Span } from '../source-text.ts';
import { foldName, plainWords } from '../source-text.ts';
import { fileLinkOf } from '../surroundings.ts';
import type { UseDraft } from './draft.ts';
import { readFieldName } from './field-names.ts';
import { readStepLink } from './link-values.ts';
import { readApprove } from './people-values.ts';
import type { Phrase } from './phrases.ts';
import { phrasesSpan, phrasesText, splitAtColon } from './phrases.ts';
import { longestWaitMs, readDuration } from './quantities.ts';
import type { Setting } from './read-settings.ts';
import { entriesOf } from './read-settings.ts';
import type { Context, Reader } from './setting-values.ts';
import { expressionOf, invalid, oneValue } from './setting-values.ts';

/** `name: [Step](#step)` each, or links alone, which join fields. Each may say `if it ran`. */
export const readMerge: Reader = (setting, context) => {
  const entries = entriesOf(setting);
  const join = entries.some((entry) => splitAtColon(entry) !== undefined) ? 'names' : 'fields';
  const from: UseDraft[] = [];
  const before = context.report.count();
  const taken = new Map<string, Span>();
  for (const entry of entries) {
    const part = join === 'names' ? readNamedPart(entry, taken, setting, context) : readPart(entry, setting, context);
    if (!part) continue;
    if (join === 'fields' && from.some((one) => one.step === part.step)) {
      const message = 'Unexpected second link to the same step, expected each once';
      context.report.error('repeated-value', part.span, message);
    } else from.push(part);
  }
  // What is not known to be whole says nothing about the fields of the output.
  return context.report.count() > before ? {} : { merge: { join, from } };
};

function readPart(entry: readonly Phrase[], setting: Setting, context: Context): UseDraft | undefined {
  const [link, words, more] = entry;
  const ifItRan = words?.kind === 'text' && foldName(plainWords(words.text)) === 'if it ran';
  if (link?.kind !== 'link' || more || (words && !ifItRan)) {
    invalid(setting, entry, '[Step](#step) or name: [Step](#step), each with if it ran where it may not have', context);
    return undefined;
  }
  const step = readStepLink([link], setting, context)?.step;
  if (step === undefined) return undefined;
  return { name: step, expr: step, step, span: phrasesSpan(entry, setting.span), ...(ifItRan && { ifItRan }) };
}

function readNamedPart(
  entry: Phrase[],
  taken: Map<string, Span>,
  setting: Setting,
  context: Context,
): UseDraft | undefined {
  const parts = splitAtColon(entry);
  if (!parts || parts.key.length === 0) {
    invalid(setting, entry, 'name: [Step](#step), as its other parts have names', context);
    return undefined;
  }
  const name = readFieldName({ phrases: parts.key, span: setting.span }, taken, context.report);
  const part = readPart(parts.value, setting, context);
  return part && name !== undefined ? { ...part, name } : undefined;
}

/** `2 days`, or ``until `expression` ``. */
export const readWait: Reader = (setting, context) => {
  const phrases = oneValue(setting, context);
  const [words, code, more] = phrases;
  const until = code && expressionOf([code]);
  if (words?.kind === 'text' && until && !more && foldName(plainWords(words.text)) === 'until') {
    return { wait: { until } };
  }
  if (words?.kind !== 'text' || code || /^\s*until\b/i.test(words.text)) {
    invalid(setting, phrases, 'a duration such as 2 days, or until `expression`', context);
    return {};
  }
  const span = phrasesSpan(phrases, setting.span);
  const ms = readDuration(phrasesText(phrases), span, longestWaitMs, context.report);
  return ms === undefined ? {} : { wait: { ms } };
};

export const readRun: Reader = (setting, context) => {
  const phrases = oneValue(setting, context);
  const [only] = phrases;
  const away = only?.kind === 'link' && phrases.length === 1 ? fileLinkOf(only.url) : undefined;
  if (only?.kind === 'link' && away) {
    const [file = ''] = only.url.split('#');
    return { document: { file, ...(away.anchor !== undefined && { anchor: away.anchor }), span: only.span } };
  }
  invalid(setting, phrases, 'a link to another document, such as [Payment](payment.md)', context);
  return {};
};

/** `assignee`, or a role. */
export const readSession: Reader = (setting, context) => {
  if (foldName(phrasesText(oneValue(setting, context))) === 'assignee') return { who: 'assignee' };
  const { approvers } = readApprove(setting, context);
  return approvers ? { who: approvers } : {};
};
