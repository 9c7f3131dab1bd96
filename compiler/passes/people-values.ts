/** Who may decide: roles, and persons by expression, parted by `or` or by `and`. */
import { foldName } from '../source-text.ts';
import type { ApproverDraft, ApproversDraft } from './draft.ts';
import type { Phrase } from './phrases.ts';
import { phrasesSpan, phrasesText, splitPhrases } from './phrases.ts';
import type { Setting } from './read-settings.ts';
import type { Context, Reader } from './setting-values.ts';
import { expressionOf, invalid, oneValue } from './setting-values.ts';

const orWord = /(?<!\S)or(?!\S)/gi;
const andWord = /(?<!\S)and(?!\S)/gi;
const rolePattern = /^[\p{L}\p{N}][\p{L}\p{N}\p{M} _.-]*$/u;
const expected = 'a role such as manager, a person such as `input.manager`, or several parted by or, or by and';

/** Reports and gives undefined where any of it could not be read: who may decide is never guessed. */
export function readPeople(phrases: readonly Phrase[], setting: Setting, context: Context): ApproversDraft | undefined {
  const all = splitPhrases(phrases, andWord);
  const any = splitPhrases(phrases, orWord);
  if (all.length > 1 && any.length > 1) {
    const message = `Unexpected and beside or in ${setting.name}, expected one of the two, or two gates`;
    context.report.error('invalid-value', phrasesSpan(phrases, setting.span), message);
    return undefined;
  }
  const parts = all.length > 1 ? all : any;
  const of: ApproverDraft[] = [];
  let complete = true;
  for (const part of parts) {
    const one = readApprover(part);
    if (!one) {
      invalid(setting, part.length > 0 ? part : phrases, expected, context);
      return undefined;
    }
    if (of.some((before) => nameOf(before) === nameOf(one))) {
      const what = 'role' in one ? one.role : `\`${one.person.source}\``;
      context.report.error('repeated-value', one.span, `Unexpected second ${what}, expected each role or person once`);
      complete = false;
    } else of.push(one);
  }
  return complete ? { need: all.length > 1 ? 'all' : 'any', of } : undefined;
}

/** One role or one person; undefined, and nothing reported, for anything else. */
export function readApprover(phrases: readonly Phrase[]): ApproverDraft | undefined {
  const person = expressionOf(phrases);
  if (person) return { person, span: person.span };
  const [only] = phrases;
  if (phrases.length !== 1 || only?.kind !== 'text') return undefined;
  const role = phrasesText(phrases);
  return rolePattern.test(role) && !/(?:^| )(?:or|and)(?: |$)/i.test(role) ? { role, span: only.span } : undefined;
}

function nameOf(one: ApproverDraft): string {
  return 'role' in one ? `role ${foldName(one.role)}` : `person ${one.person.source.trim()}`;
}

/** Of `approve` and `person`. */
export const readApprove: Reader = (setting, context) => {
  const approvers = readPeople(oneValue(setting, context), setting, context);
  return approvers ? { approvers } : {};
};

export const readRequiresApproval: Reader = (setting, context) => {
  const requiresApproval = readPeople(oneValue(setting, context), setting, context);
  return requiresApproval ? { requiresApproval } : {};
};
