/** What may be decided at a gate: `actions`, as a comma list or as a list of names with their effects. */
import type { Span } from '../source-text.ts';
import { foldName } from '../source-text.ts';
import type { ActionDraft } from './draft.ts';
import { readBoundLink } from './link-values.ts';
import type { Phrase } from './phrases.ts';
import { phrasesSpan, phrasesText, splitAtColon } from './phrases.ts';
import type { Setting } from './read-settings.ts';
import { entriesOf } from './read-settings.ts';
import { isPrototypeName } from './reserved-words.ts';
import type { Context, Reader } from './setting-values.ts';
import { invalid } from './setting-values.ts';

export const unsaidActions: readonly Omit<ActionDraft, 'span'>[] = [
  { name: 'approve', effect: 'continue' },
  { name: 'reject', effect: 'end' },
];

/** The verdict of a gate that goes on without a decision. */
export const overdueVerdict = 'overdue';

/** Names that everybody knows are kept in lower case, however they are written. */
const knownNames: readonly string[] = [...unsaidActions.map((action) => action.name), 'request changes'];
const namePattern = /^[\p{L}\p{N}][\p{L}\p{N}\p{M} _'’-]*$/u;
const longestName = 60;

export const readActions: Reader = (setting, context) => {
  const { report } = context;
  const actions: ActionDraft[] = [];
  const taken = new Map<string, Span>();
  const before = report.count();
  for (const entry of entriesOf(setting)) {
    const action = readAction(entry, setting, context);
    if (!action) continue;
    const first = taken.get(foldName(action.name));
    if (first) {
      const related = [{ span: first, message: 'the first is here' }];
      report.error('repeated-value', action.span, `Unexpected second ${action.name}, expected each action once`, {
        related,
      });
      continue;
    }
    taken.set(foldName(action.name), action.span);
    actions.push(action);
  }
  // What could not be read may have been an action that goes on.
  if (report.count() > before) return {};
  if (actions.some((action) => action.effect !== 'end')) return { actions };
  const message = 'Unexpected actions that all end, expected one that goes on, such as approve';
  report.error('gate-never-goes-on', setting.nameSpan, message);
  return {};
};

/** `approve`, `reject`, `name to [Step](#step) at most 2 times`, or `name: effect`. */
function readAction(entry: Phrase[], setting: Setting, context: Context): ActionDraft | undefined {
  const span = phrasesSpan(entry, setting.span);
  const parts = splitAtColon(entry);
  if (parts) return readEffect(parts.key, parts.value, span, setting, context);
  const [words, link] = entry;
  const to = words?.kind === 'text' && link?.kind === 'link' ? /^(.*\S)\s+to\s*$/is.exec(words.text) : null;
  if (words?.kind === 'text' && to) {
    const key: Phrase = { ...words, text: to[1] ?? '' };
    return linking(nameOf([key], setting, context), entry.slice(1), span, setting, context);
  }
  if (words?.kind === 'text' && link?.kind === 'link' && foldName(words.text) === 'then') {
    refuseThen(span, context);
    return undefined;
  }
  const name = foldName(phrasesText(entry));
  const plain = entry.length === 1 && words?.kind === 'text' && unsaidActions.find((action) => action.name === name);
  if (plain) return { ...plain, span };
  if (name === 'request changes') {
    const message =
      'Unexpected request changes without a link, expected request changes to [Step](#step) at most 2 times';
    context.report.error('invalid-value', span, message);
    return undefined;
  }
  const shown = phrasesText(entry);
  const message = `Unexpected action ${shown}, expected approve, reject, or its effect, as in ${shown}: continue`;
  context.report.error('invalid-value', span, message, { nearest: { word: name, candidates: knownNames } });
  return undefined;
}

function readEffect(
  key: readonly Phrase[],
  value: readonly Phrase[],
  span: Span,
  setting: Setting,
  context: Context,
): ActionDraft | undefined {
  const name = nameOf(key, setting, context);
  const word = foldName(phrasesText(value));
  const effect = value.length === 1 && (word === 'continue' || word === 'end') ? word : undefined;
  if (effect) return name === undefined ? undefined : { name, effect, span };
  if (value[0]?.kind === 'link') return linking(name, value, span, setting, context);
  invalid(setting, value.length > 0 ? value : key, 'continue, end, or a link to a step after the colon', context);
  return undefined;
}

function linking(
  name: string | undefined,
  value: readonly Phrase[],
  span: Span,
  setting: Setting,
  context: Context,
): ActionDraft | undefined {
  const to = readBoundLink(value, setting, context);
  if (!to || name === undefined) return undefined;
  if (to.then) {
    const message =
      'Unexpected then after an action, expected only its bound: an action that is used up is not offered';
    context.report.error('invalid-value', to.then.span, message);
    return undefined;
  }
  return { name, effect: 'link', to, span };
}

function refuseThen(span: Span, { report }: Context): void {
  const message = 'Unexpected then after an action, expected only its bound: an action that is used up is not offered';
  report.error('invalid-value', span, message);
}

function nameOf(key: readonly Phrase[], setting: Setting, context: Context): string | undefined {
  const name = phrasesText(key);
  if (foldName(name) === overdueVerdict) {
    const message = `Unexpected action ${name}, which is what a gate says that nobody decided in time, expected another name`;
    context.report.error('reserved-name', phrasesSpan(key, setting.span), message);
    return undefined;
  }
  if (isPrototypeName(name)) {
    const message = `Unexpected action ${name}, which has a meaning of its own, expected another name`;
    context.report.error('reserved-name', phrasesSpan(key, setting.span), message);
    return undefined;
  }
  const known = knownNames.find((one) => one === foldName(name));
  if (known !== undefined) return known;
  if (key.every((one) => one.kind === 'text') && namePattern.test(name) && name.length <= longestName) return name;
  const expected = `the name of an action in words, of at most ${longestName} characters`;
  invalid(setting, key, expected, context);
  return undefined;
}
