/** Where an output goes and what takes it back: `section`, `state`, `undo`, and the arguments that accept untrusted text. */
import type { Named } from './draft.ts';
import { phrasesSpan, phrasesText } from './phrases.ts';
import { entriesOf, valueSpan } from './read-settings.ts';
import type { Reader } from './setting-values.ts';
import { invalid, oneValue, readWords, toolPattern } from './setting-values.ts';

/** A section may be called by any words; whether the proposal has it is looked at when all is read. */
export const readSection: Reader = (setting, context) => {
  const name = readWords(setting, 'the name of a section of the proposal', context);
  return name === undefined ? {} : { section: { name, span: valueSpan(setting) } };
};

/** `totals.net`, with or without ticks. */
export const readState: Reader = (setting, context) => {
  const phrases = oneValue(setting, context);
  const [only] = phrases;
  const words = phrases.length === 1 && only?.kind === 'code' ? only.code : phrasesText(phrases);
  const path = words.split('.');
  if (path.every((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name))) return { state: { path, span: valueSpan(setting) } };
  invalid(setting, phrases, 'a field of the state, such as totals or totals.net', context);
  return {};
};

export const readUndo: Reader = (setting, context) => {
  const phrases = oneValue(setting, context);
  const name = phrasesText(phrases);
  if (toolPattern.test(name)) return { undo: { name, span: valueSpan(setting) } };
  invalid(setting, phrases, 'the name of a tool, such as payments.refund', context);
  return {};
};

export const readAcceptsUntrusted: Reader = (setting, context) => {
  const acceptsUntrusted: Named[] = [];
  for (const entry of entriesOf(setting)) {
    const name = phrasesText(entry);
    const span = phrasesSpan(entry, setting.span);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      invalid(setting, entry, 'names of arguments, parted by commas', context);
    else if (acceptsUntrusted.some((one) => one.name === name)) {
      context.report.error('repeated-value', span, `Unexpected second ${name}, expected each argument once`);
    } else acceptsUntrusted.push({ name, span });
  }
  return { acceptsUntrusted };
};
