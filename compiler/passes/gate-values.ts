/** What a gate says: who may decide, and what. */
import { foldName } from '../source-text.ts';
import type { ActionDraft, ApproverDraft, ApproversDraft } from './draft.ts';
import { phrasesSpan, phrasesText, splitAtColon, splitPhrases, trimPhrases } from './phrases.ts';
import type { Setting } from './read-settings.ts';
import { entriesOf } from './read-settings.ts';
import type { Context, Reader } from './setting-values.ts';
import { invalid, oneValue } from './setting-values.ts';

/** `a or b`. `a and b` and persons are for later. */
function readRoles(setting: Setting, context: Context): ApproversDraft | undefined {
  const phrases = oneValue(setting, context);
  const span = phrasesSpan(phrases, setting.span);
  const later = (what: string): undefined => {
    const message = `Unexpected ${what} in ${setting.name}, expected one role or roles parted by or; not yet supported`;
    context.report.error('not-yet-supported', span, message);
    return undefined;
  };
  if (phrases.some((one) => one.kind === 'code')) return later('a person');
  if (splitPhrases(phrases, /(?<!\S)and(?!\S)/gi).length > 1) return later('roles parted by and');
  const of: (ApproverDraft & { role: string })[] = [];
  for (const part of splitPhrases(phrases, /(?<!\S)or(?!\S)/gi)) {
    const role = phrasesText(part);
    if (!/^[\p{L}\p{N}][\p{L}\p{N}\p{M} _.-]*$/u.test(role) || part.some((one) => one.kind !== 'text')) {
      invalid(setting, part.length > 0 ? part : phrases, 'a role such as manager, or roles parted by or', context);
      return undefined;
    }
    if (of.some((one) => foldName(one.role) === foldName(role))) {
      context.report.error(
        'repeated-value',
        phrasesSpan(part, span),
        `Unexpected second ${role}, expected each role once`,
      );
    } else of.push({ role, span: phrasesSpan(part, span) });
  }
  return { need: 'any', of };
}

export const readApprove: Reader = (setting, context) => {
  const approvers = readRoles(setting, context);
  return approvers ? { approvers } : {};
};

export const readRequiresApproval: Reader = (setting, context) => {
  const requiresApproval = readRoles(setting, context);
  return requiresApproval ? { requiresApproval } : {};
};

export const readNotBy: Reader = (setting, context) => {
  const notBy: 'requester'[] = [];
  for (const entry of entriesOf(setting)) {
    const word = foldName(phrasesText(entry));
    if (word === 'requester') notBy.push('requester');
    else if (word === 'contributors') {
      const message = 'Unexpected contributors in not by, expected requester; not yet supported';
      context.report.error('not-yet-supported', phrasesSpan(entry, setting.span), message);
    } else invalid(setting, entry, 'requester', context);
  }
  return { notBy: [...new Set(notBy)] };
};

export const unsaidActions: readonly Omit<ActionDraft, 'span'>[] = [
  { name: 'approve', effect: 'continue' },
  { name: 'reject', effect: 'end' },
];

export const readActions: Reader = (setting, context) => {
  const actions: ActionDraft[] = [];
  const before = context.report.count();
  for (const entry of entriesOf(setting)) {
    const span = phrasesSpan(entry, setting.span);
    const word = foldName(phrasesText(entry));
    const plain = unsaidActions.find((action) => action.name === word && entry.length === 1);
    if (plain && actions.some((action) => action.name === word)) {
      context.report.error('repeated-value', span, `Unexpected second ${word}, expected each action once`);
    } else if (plain) actions.push({ ...plain, span });
    else if (splitAtColon(entry) || /^request changes\b/.test(word)) {
      const message = `Unexpected action ${phrasesText(trimPhrases(entry))}, expected approve and reject; not yet supported`;
      context.report.error('not-yet-supported', span, message);
    } else invalid(setting, entry, 'approve and reject', context);
  }
  // What could not be read may have been an action that goes on.
  return context.report.count() > before ? {} : { actions };
};
