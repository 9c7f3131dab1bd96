/** What a step says that holds other steps, or runs for each item of a list. */
import { foldName, plainWords } from '../source-text.ts';
import type { EachDraft } from './draft.ts';
import { readCount, readTimes } from './link-values.ts';
import type { Phrase } from './phrases.ts';
import { phrasesSpan, phrasesText } from './phrases.ts';
import { splitNumeral } from './quantities.ts';
import type { Setting } from './read-settings.ts';
import { entriesOf } from './read-settings.ts';
import { isReservedId } from './reserved-words.ts';
import type { Context, Reader } from './setting-values.ts';
import { expressionOf, invalid, oneValue } from './setting-values.ts';

/** ``at most 3 times until `expression` ``. */
export const readRepeat: Reader = (setting, context) => {
  const phrases = oneValue(setting, context);
  const [words, code, more] = phrases;
  const said = words?.kind === 'text' ? /^at most\s+(.*?),?\s*\buntil$/is.exec(plainWords(words.text)) : null;
  const until = code && expressionOf([code]);
  if (!words || !said || !until || more) {
    invalid(setting, phrases, 'at most 3 times until `condition`', context);
    context.names.refused.add('previous');
    return {};
  }
  const atMost = readTimes(said[1] ?? '', [words], setting, context);
  if (atMost === undefined) context.names.refused.add('previous');
  return atMost === undefined ? {} : { repeat: { atMost, until } };
};

/** ``x in `list`, at most 5 at once``. */
export const readForEach: Reader = (setting, context) => {
  const [first = [], second, third] = entriesOf(setting);
  const [words, code, more] = first;
  const item = words?.kind === 'text' ? /^(\S+)\s+in$/i.exec(plainWords(words.text))?.[1] : undefined;
  const list = code && expressionOf([code]);
  if (!words || item === undefined || !list || more || third) {
    invalid(setting, third ?? first, 'item in `list`, or item in `list`, at most 5 at once', context);
    // What may have been meant as the item is read within: that it is not known is the same mistake.
    const [meant] = words?.kind === 'text' ? plainWords(words.text).split(' ') : [];
    if (meant) context.names.refused.add(meant);
    return {};
  }
  const { start } = words.span;
  const each: EachDraft = { item, itemSpan: { start, end: start + item.length }, list };
  if (!isItemName(each, context)) {
    context.names.refused.add(item);
    return {};
  }
  const atOnce = second && readAtOnce(second, setting, context);
  return { each: atOnce === undefined ? each : { ...each, atOnce } };
};

function readAtOnce(phrases: readonly Phrase[], setting: Setting, context: Context): number | undefined {
  const said = /^at most\s+(.*)$/i.exec(phrasesText(phrases))?.[1] ?? '';
  const { numeral, rest } = splitNumeral(said);
  if (numeral !== '' && foldName(rest) === 'at once') return readCount(numeral, phrases, setting, context);
  invalid(setting, phrases, 'at most 5 at once', context);
  return undefined;
}

/** Expressions read the item by its name. That no step and no other item has it is looked at with all steps. */
function isItemName({ item, itemSpan }: EachDraft, { report }: Context): boolean {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(item)) {
    report.error('bad-name', itemSpan, `Unexpected name ${item}, expected letters a to z, digits and _`);
  } else if (isReservedId(item)) {
    const message = `Unexpected item called ${item}, which has a meaning of its own, expected another name`;
    report.error('reserved-name', itemSpan, message);
  } else return true;
  return false;
}

export const readKey: Reader = (setting, context) => {
  const phrases = oneValue(setting, context);
  const key = expressionOf(phrases);
  if (key) return { key };
  invalid(setting, phrases, 'an expression over the item in inline code', context);
  return {};
};

export const readGroup: Reader = (setting, context) => {
  const phrases = oneValue(setting, context);
  const word = foldName(phrasesText(phrases));
  if (word === 'in parallel') return { order: 'parallel' };
  if (word === 'in order') return { order: 'in order' };
  context.report.error(
    'invalid-value',
    phrasesSpan(phrases, setting.span),
    `Unexpected ${phrasesText(phrases)} in steps, expected in parallel or in order`,
  );
  return {};
};
