/** How a gate or a task of a person goes, besides who decides and what: who may not, how many, how long. */
import { foldName } from '../source-text.ts';
import { readStepLink } from './link-values.ts';
import { readPeople } from './people-values.ts';
import type { Phrase } from './phrases.ts';
import { phrasesSpan, phrasesText, trimPhrases } from './phrases.ts';
import { longestWaitMs, readDuration, readWhole } from './quantities.ts';
import { entriesOf, valueSpan } from './read-settings.ts';
import { readType } from './read-type.ts';
import type { Reader } from './setting-values.ts';
import { invalid, oneValue, readWords } from './setting-values.ts';

const mostPeople = 20;

export const readNotBy: Reader = (setting, context) => {
  const notBy: ('requester' | 'contributors')[] = [];
  for (const entry of entriesOf(setting)) {
    const word = foldName(phrasesText(entry));
    const known = word === 'requester' || word === 'contributors' ? word : undefined;
    if (!known) invalid(setting, entry, 'requester, contributors, or both', context);
    else if (notBy.includes(known)) {
      const message = `Unexpected second ${known}, expected each once`;
      context.report.error('repeated-value', phrasesSpan(entry, setting.span), message);
    } else notBy.push(known);
  }
  return { notBy };
};

/** One person is what a gate needs anyway. */
export const readQuorum: Reader = (setting, context) => {
  const words = readWords(setting, 'a number of people such as 2', context);
  const quorum =
    words === undefined ? undefined : readWhole(words, valueSpan(setting), [2, mostPeople], context.report);
  return quorum === undefined ? {} : { quorum };
};

export const readAsk: Reader = (setting, context) => {
  const ask = readType(oneValue(setting, context), valueSpan(setting), context.names, context.report);
  return ask ? { ask } : {};
};

/** `every 8 hours`. */
export const readRemind: Reader = (setting, context) => {
  const words = readWords(setting, 'every and a duration, such as every 8 hours', context);
  if (words === undefined) return {};
  const every = /^every\s+(.*)$/i.exec(words)?.[1];
  if (every === undefined) {
    invalid(setting, oneValue(setting, context), 'every and a duration, such as every 8 hours', context);
    return {};
  }
  const remindEveryMs = readDuration(every, valueSpan(setting), longestWaitMs, context.report);
  return remindEveryMs === undefined ? {} : { remindEveryMs };
};

export const readDue: Reader = (setting, context) => {
  const words = readWords(setting, 'a duration such as 2 days', context);
  if (words === undefined) return {};
  const dueMs = readDuration(words, valueSpan(setting), longestWaitMs, context.report);
  return dueMs === undefined ? {} : { dueMs };
};

const atGate = 'ask and a role, continue, reject, or a link to a step such as [Escalate](#escalate)';
const atTask = 'ask and a role, reject, or a link to a step such as [Escalate](#escalate)';

export const readIfOverdue: Reader = readOverdue(true);

/** Of a person's task: going on without what it gives is for nobody. */
export const readIfTaskOverdue: Reader = readOverdue(false);

function readOverdue(mayContinue: boolean): Reader {
  const expected = mayContinue ? atGate : atTask;
  return (setting, context) => {
    const phrases = oneValue(setting, context);
    const word = foldName(phrasesText(phrases));
    if (word === 'reject' || (word === 'continue' && mayContinue)) return { ifOverdue: { do: word } };
    const [first] = phrases;
    if (first?.kind === 'link') {
      const to = readStepLink(phrases, setting, context);
      return to ? { ifOverdue: { do: 'link', to } } : {};
    }
    const asked = first?.kind === 'text' ? /^\s*ask(?=\s|$)/i.exec(first.text)?.[0] : undefined;
    const people = asked === undefined ? [] : afterWords(phrases, asked.length);
    if (people.length === 0) {
      invalid(setting, phrases, expected, context);
      return {};
    }
    const approvers = readPeople(people, setting, context);
    return approvers ? { ifOverdue: { do: 'ask', approvers } } : {};
  };
}

/** What stands after so many characters of the first phrase, which is text. */
function afterWords([first, ...more]: readonly Phrase[], length: number): Phrase[] {
  if (first?.kind !== 'text') return more;
  const span = { start: first.span.start + length, end: first.span.end };
  return trimPhrases([{ kind: 'text', text: first.text.slice(length), span }, ...more]);
}

export const readShare: Reader = (setting, context) => {
  const phrases = oneValue(setting, context);
  const word = foldName(phrasesText(phrases));
  if (word === 'handoff' || word === 'reviewer') return { share: word };
  invalid(setting, phrases, 'handoff or reviewer', context);
  return {};
};
