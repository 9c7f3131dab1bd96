/** The rules of a field: bounds, patterns, defaults and the rest of what parts a comma list of rules may say. */
import { RE2JS } from 're2js';
import type { Report } from '../diagnostics.ts';
import { resolveType, typeText } from '../expressions/check.ts';
import { editDistance } from '../nearest-word.ts';
import { parsePlainJson } from '../plain-json.ts';
import { clashesOf, ruleTakers } from '../rule-bounds.ts';
import type { Span } from '../source-text.ts';
import { plainWords } from '../source-text.ts';
import type { Field, Json, Rules, Type } from '../types.ts';
import type { Code, Phrase } from './phrases.ts';
import { phrasesSpan, phrasesText, splitAtCommas } from './phrases.ts';
import { readNumber } from './quantities.ts';

/** A field and what later passes need of where it was written. */
export interface FieldDraft {
  field: Field;
  nameSpan: Span;
  span: Span;
  computed?: Code;
  default?: { value: Json; span: Span };
  /** Of a record that is written as a list under the field. */
  inner?: FieldDraft[];
}

type NamedTypes = ReadonlyMap<string, Type>;
type Bound = 'atLeast' | 'atMost' | 'moreThan' | 'lessThan' | 'lengthAtLeast' | 'lengthAtMost';

const bounds: readonly (readonly [words: string, rule: Bound])[] = [
  ['length at least', 'lengthAtLeast'],
  ['length at most', 'lengthAtMost'],
  ['at least', 'atLeast'],
  ['at most', 'atMost'],
  ['more than', 'moreThan'],
  ['less than', 'lessThan'],
];
const ruleWords = [
  ...bounds.map(([words]) => words),
  'matches',
  'optional',
  'required',
  'default',
  'computed',
  'untrusted',
];

/** Does the entry of a comma list say a rule? */
export function startsRule(entry: readonly Phrase[]): boolean {
  return ruleOf(wordsOf(entry)) !== undefined;
}

/** Is the first word of the entry a slip of the pen away from a rule's, so that it is no value of a `one of`? */
export function nearlyStartsRule(entry: readonly Phrase[]): boolean {
  const [word = '', second = ''] = wordsOf(entry).toLowerCase().split(' ');
  return ruleWords.some((rule) => {
    const [first = '', next] = rule.split(' ');
    return next === undefined
      ? editDistance(word, first) <= 1
      : editDistance(`${word} ${second}`, `${first} ${next}`) <= 1;
  });
}

function wordsOf([first]: readonly Phrase[]): string {
  return first?.kind === 'text' ? plainWords(first.text) : '';
}

function ruleOf(words: string): string | undefined {
  return ruleWords.find((one) => words.toLowerCase() === one || words.toLowerCase().startsWith(`${one} `));
}

/** Adds the rules to the draft. `types` are the document's named types, for what a rule can be said of. */
export function readRules(phrases: readonly Phrase[], draft: FieldDraft, types: NamedTypes, report: Report): void {
  const said = new Map<string, Span>();
  const rules: Rules = {};
  for (const entry of splitAtCommas(phrases)) {
    if (entry.length === 0) continue;
    const span = phrasesSpan(entry, draft.span);
    const words = wordsOf(entry);
    const name = ruleOf(words);
    if (name === undefined) {
      const nearest = { word: words.replace(/ \S*\d\S*$/, ''), candidates: ruleWords };
      const message = `Unexpected rule ${phrasesText(entry)}, expected one of ${ruleWords.join(', ')}`;
      report.error('unknown-rule', span, message, { nearest });
      continue;
    }
    const before = said.get(name);
    if (before) {
      const related = [{ span: before, message: 'it is said here' }];
      report.error('repeated-value', span, `Unexpected second ${name}, expected each rule once`, { related });
      continue;
    }
    said.set(name, span);
    readRule({ name, rest: words.slice(name.length).trim(), entry, span }, rules, draft, types, report);
  }
  if (Object.keys(rules).length > 0) draft.field.rules = rules;
  reportClashes(rules, said, draft, report);
}

interface Rule {
  name: string;
  rest: string;
  entry: Phrase[];
  span: Span;
}

function readRule(rule: Rule, rules: Rules, draft: FieldDraft, types: NamedTypes, report: Report): void {
  const { name, rest, entry, span } = rule;
  const { field } = draft;
  const bound = bounds.find(([words]) => words === name);
  if (bound) {
    if (!allowed(rule, bound[1].startsWith('length') ? 'length' : 'number', field.type, types, report)) return;
    const number = readNumber(rest, span, report);
    if (number === undefined) return;
    if (bound[1].startsWith('length') && (!Number.isInteger(number) || number < 0)) {
      report.error('out-of-range', span, `Unexpected length ${rest}, expected a whole number from 0`);
    } else rules[bound[1]] = number;
    return;
  }
  const code = entry.find((one) => one.kind === 'code');
  switch (name) {
    case 'matches':
      if (allowed(rule, 'text', field.type, types, report)) readPattern(rule, code, rules, report);
      return;
    case 'computed':
      if (code && rest === '' && entry.length === 2) {
        field.computed = code.code;
        draft.computed = code;
      } else report.error('invalid-value', span, 'Unexpected computed, expected computed `expression` in inline code');
      return;
    case 'default':
      readDefault(rule, code, draft, types, report);
      return;
    default:
      if (rest !== '' || entry.length > 1) {
        report.error('unknown-rule', span, `Unexpected words after ${name}, expected a comma or nothing`);
      } else if (name === 'optional') field.optional = true;
      else if (name === 'untrusted') field.untrusted = true;
  }
}

function readPattern({ rest, entry, span }: Rule, code: Code | undefined, rules: Rules, report: Report): void {
  if (!code || rest !== '' || entry.length !== 2) {
    report.error('invalid-value', span, 'Unexpected matches, expected matches `pattern` in inline code');
    return;
  }
  try {
    RE2JS.compile(code.code);
    rules.matches = code.code;
  } catch {
    const message = `Unexpected pattern ${code.code}, expected RE2 syntax (no look-around, no back references)`;
    report.error('bad-pattern', code.span, message);
  }
}

function readDefault(rule: Rule, code: Code | undefined, draft: FieldDraft, types: NamedTypes, report: Report): void {
  const { rest, entry, span } = rule;
  const resolved = resolveType(draft.field.type, types);
  if ((rest === '') === (code === undefined) || (code && entry.length !== 2)) {
    report.error('missing-value', span, 'Unexpected default without a value, expected words or inline code after it');
    return;
  }
  const valueSpan = code ? code.span : span;
  if (!code && (resolved.kind === 'number' || resolved.kind === 'integer') && /\d$/.test(rest)) {
    const number = readNumber(rest, span, report);
    if (number === undefined) return;
    draft.field.default = number;
    draft.default = { value: number, span };
    return;
  }
  const value = code ? defaultOf(code.code, resolved) : defaultOf(rest, resolved);
  if (value === undefined) {
    const message = `Unexpected default ${code?.code ?? rest}, expected ${typeText(draft.field.type)}`;
    report.error('bad-default', valueSpan, message);
    return;
  }
  draft.field.default = value;
  draft.default = { value, span: valueSpan };
}

const yesNo: ReadonlyMap<string, boolean> = new Map([
  ['yes', true],
  ['true', true],
  ['no', false],
  ['false', false],
]);

/** Undefined where the words cannot be a value of the type; whether it meets the rules is looked at later. */
function defaultOf(words: string, type: Type): Json | undefined {
  switch (type.kind) {
    case 'text':
    case 'date':
    case 'time':
    case 'url':
    case 'one of':
      return words;
    case 'number':
    case 'integer':
      return /^-?\d{1,15}( \d{3}){0,4}(\.\d{1,15})?$/.test(words) ? Number(words.replaceAll(' ', '')) : undefined;
    case 'yes/no':
      return yesNo.get(words.toLowerCase());
    default:
      break;
  }
  const json = parsePlainJson(words);
  const hasRoom = type.kind === 'anything' || type.kind === 'union';
  return json === undefined && hasRoom ? words : json;
}

function allowed(rule: Rule, needs: keyof typeof ruleTakers, type: Type, types: NamedTypes, report: Report): boolean {
  const { kind } = resolveType(type, types);
  if (ruleTakers[needs].includes(kind)) return true;
  const message = `Unexpected ${rule.name} on ${typeText(type)}, expected it on ${ruleTakers[needs].join(', ')}`;
  report.error('rule-not-here', rule.span, message);
  return false;
}

function reportClashes(rules: Rules, said: Map<string, Span>, draft: FieldDraft, report: Report): void {
  const clash = (one: string, other: string, message: string): void => {
    const spans = [said.get(one), said.get(other)].filter((span) => span !== undefined);
    const [first, second] = spans.toSorted((a, b) => a.start - b.start);
    if (!first || !second) return;
    report.error('empty-range', second, message, { related: [{ span: first, message: 'it clashes with this' }] });
  };
  for (const { rules: pair, message } of clashesOf(rules)) clash(...pair, message);
  const { field } = draft;
  if (field.computed !== undefined && said.has('default')) {
    clash('computed', 'default', 'Unexpected default on a computed field, expected one of the two');
  }
  if (said.has('optional') && said.has('required')) {
    clash('optional', 'required', 'Unexpected optional and required, expected one of the two');
  }
}
