/** What says which steps come before and after: `after`, `then`, branches, and where failures lead. */
import { foldName } from '../source-text.ts';
import type { ArmDraft, StepLink } from './draft.ts';
import { readBoundLink, readStepLink } from './link-values.ts';
import type { Phrase } from './phrases.ts';
import { phrasesSpan, phrasesText, splitAtColon } from './phrases.ts';
import type { Setting } from './read-settings.ts';
import { entriesOf, valueSpan } from './read-settings.ts';
import type { Context, Reader } from './setting-values.ts';
import { expressionOf, invalid, oneValue } from './setting-values.ts';

export const readAfter: Reader = (setting, context) => {
  const entries = entriesOf(setting);
  const links = entries.filter((entry) => foldName(phrasesText(entry)) !== 'start' || entry[0]?.kind !== 'text');
  if (links.length === 0 && entries.length === 1) return { after: { steps: [], complete: true } };
  const steps: StepLink[] = [];
  let complete = links.length === entries.length;
  if (!complete) {
    const message = 'Unexpected start beside others in after, expected start alone, or links to steps';
    context.report.error('invalid-value', valueSpan(setting), message);
  }
  for (const entry of links) {
    const link = readStepLink(entry, setting, context);
    if (!link) {
      complete = false;
      continue;
    }
    if (steps.some((one) => one.step === link.step)) {
      context.report.error('repeated-value', link.span, 'Unexpected second link to the same step, expected each once');
    } else steps.push(link);
  }
  return { after: { steps, complete } };
};

export const readThen: Reader = (setting, context) => {
  const phrases = oneValue(setting, context);
  if (foldName(phrasesText(phrases)) === 'end') return { end: true };
  invalid(setting, phrases, 'end', context);
  return {};
};

export const readChoose: Reader = (setting, context) => {
  const arms: ArmDraft[] = [];
  const before = context.report.count();
  for (const entry of entriesOf(setting)) {
    const arm = readArm(entry, setting, context);
    if (arm) arms.push(arm);
  }
  const otherwise = arms.findIndex((arm) => arm.when === undefined);
  const strange = otherwise !== -1 && otherwise < arms.length - 1 ? arms[otherwise + 1] : undefined;
  if (strange) {
    const message = 'Unexpected branch after otherwise, expected otherwise once and last';
    context.report.error('missing-otherwise', strange.span, message);
  }
  if (context.report.count() > before) return { arms, armsIncomplete: true };
  if (otherwise !== -1) return { arms };
  const message = 'Unexpected choose without otherwise, expected a last branch such as otherwise: [Pay](#pay)';
  context.report.error('missing-otherwise', setting.nameSpan, message);
  return { arms, armsIncomplete: true };
};

function readArm(entry: Phrase[], setting: Setting, context: Context): ArmDraft | undefined {
  const parts = splitAtColon(entry);
  const span = phrasesSpan(entry, setting.span);
  const when = parts && expressionOf(parts.key);
  const otherwise = parts !== undefined && foldName(phrasesText(parts.key)) === 'otherwise';
  if (!parts || (!when && !otherwise)) {
    invalid(setting, entry, '`condition`: [Step](#step), or otherwise: [Step](#step)', context);
    return undefined;
  }
  const to = readBoundLink(parts.value, setting, context);
  return { span, ...(when && { when }), ...(to && { to }) };
}

/** `skip`, or the step to go on with. */
export const readIfItFails: Reader = (setting, context) => {
  const phrases = oneValue(setting, context);
  if (foldName(phrasesText(phrases)) === 'skip') return { ifItFails: { do: 'skip' } };
  if (phrases.length !== 1 || phrases[0]?.kind !== 'link') {
    invalid(setting, phrases, 'skip, or a link to a step such as [Ask](#ask)', context);
    return {};
  }
  const to = readStepLink(phrases, setting, context);
  return to ? { ifItFails: { do: 'link', to } } : {};
};

/** `continue`, or the step to go on with when the passes are used up. */
export const readIfNotReached: Reader = (setting, context) => {
  const phrases = oneValue(setting, context);
  if (foldName(phrasesText(phrases)) === 'continue') return { ifNotReached: { do: 'continue' } };
  if (phrases.length !== 1 || phrases[0]?.kind !== 'link') {
    invalid(setting, phrases, 'continue, or a link to a step such as [Ask](#ask)', context);
    return {};
  }
  const to = readStepLink(phrases, setting, context);
  return to ? { ifNotReached: { do: 'link', to } } : {};
};
