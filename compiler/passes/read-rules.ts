/** The rules of a field: bounds, patterns, defaults and the rest of what parts a comma list of rules may say. */
import { RE2JS } from 're2js';
import type { Report } from '../diagnostics.ts';
import { resolveType, typeText } from '../expressions/check.ts';
import type { Span } from '../source-text.ts';
import { plainWords } from '../source-text.ts';
import type { Field, Json, Rules, Type } from '../types.ts';
import type { Code, Phrase } from './phrases.ts';
import { phrasesSpan, phrasesText, splitAtCommas } from './phrases.ts';
import { readNumber } from './quantities.ts';
import { isPrototypeName } from './reserved-words.ts';

/** A field and what later passes need of where it was written. */
export interface FieldDraft {
  field: Field;
  nameSpan: Span;
  span: Span;
  computed?: Code;
  default?: { value: Json; span: Span };
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

/** Adds the rules to the draft. `types` are the document's named types, for what a rule can be said of. */
export function readRules(phrases: readonly Phrase[], draft: FieldDraft, types: NamedTypes, report: Report): void {
  const said = new Map<string, Span>();
  const rules: Rules = {};
  for (const entry of splitAtCommas(phrases)) {
    if (entry.length === 0) continue;
    const span = phrasesSpan(entry, draft.span);
    const words = entry[0]?.kind === 'text' ? plainWords(entry[0].text) : '';
    const name = ruleWords.find((one) => words.toLowerCase() === one || words.toLowerCase().startsWith(`${one} `));
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
  const value = code ? defaultOf(code.code, resolved) : defaultOf(rest, resolved);
  const valueSpan = code ? code.span : span;
  if (value === undefined) {
    const message = `Unexpected default ${code?.code ?? rest}, expected ${typeText(draft.field.type)}`;
    report.error('bad-default', valueSpan, message);
    return;
  }
  draft.field.default = value;
  draft.default = { value, span: valueSpan };
}

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
      return words === 'yes' || words === 'true' ? true : words === 'no' || words === 'false' ? false : undefined;
    default:
      // Reading, writing and checking JSON go as deep as it nests.
      if ((words.match(/[[{]/g)?.length ?? 0) > maxDefaultNesting) return undefined;
      try {
        return JSON.parse(words, plainJson) as Json;
      } catch {
        return type.kind === 'anything' || type.kind === 'union' ? words : undefined;
      }
  }
}

const maxDefaultNesting = 500;

/** Refuses what JSON text can say and a graph cannot: half characters, numbers without end, and `__proto__`. */
function plainJson(key: string, value: unknown): unknown {
  const odd =
    isPrototypeName(key) ||
    !key.isWellFormed() ||
    (typeof value === 'string' && !value.isWellFormed()) ||
    (typeof value === 'number' && !Number.isFinite(value));
  if (odd) throw new SyntaxError('expected plain JSON');
  return value;
}

const takers: Record<'number' | 'length' | 'text', readonly Type['kind'][]> = {
  number: ['number', 'integer'],
  length: ['text', 'url', 'list', 'map'],
  text: ['text', 'url'],
};

function allowed(rule: Rule, needs: keyof typeof takers, type: Type, types: NamedTypes, report: Report): boolean {
  const { kind } = resolveType(type, types);
  if (takers[needs].includes(kind)) return true;
  const message = `Unexpected ${rule.name} on ${typeText(type)}, expected it on ${takers[needs].join(', ')}`;
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
  const least = Math.max(rules.atLeast ?? -Infinity, rules.moreThan ?? -Infinity);
  const most = Math.min(rules.atMost ?? Infinity, rules.lessThan ?? Infinity);
  const open = rules.moreThan === least || rules.lessThan === most;
  if (least > most || (least === most && open)) {
    const from = rules.moreThan === least ? 'more than' : 'at least';
    const to = rules.lessThan === most ? 'less than' : 'at most';
    clash(from, to, `Unexpected ${from} ${least} with ${to} ${most}, expected bounds that some number meets`);
  }
  if ((rules.lengthAtLeast ?? 0) > (rules.lengthAtMost ?? Infinity)) {
    clash('length at least', 'length at most', 'Unexpected lengths, expected bounds that some length meets');
  }
  const { field } = draft;
  if (field.computed !== undefined && said.has('default')) {
    clash('computed', 'default', 'Unexpected default on a computed field, expected one of the two');
  }
  if (said.has('optional') && said.has('required')) {
    clash('optional', 'required', 'Unexpected optional and required, expected one of the two');
  }
}
