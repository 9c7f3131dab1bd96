/**
 * JSON Schema (draft 2020-12) to a type of the document language: the way back from json-schema.ts.
 *
 * The language says less than JSON Schema, so what it cannot say is a problem that names its place, never dropped. Where
 * it says more, the nearest reading is taken: an object with properties is a record, which holds no others, and what may
 * be null is optional, since there is no null.
 */
import { RE2JS } from 're2js';
import { localPointer, pointerTo, valueAt } from './json-pointer.ts';
import { fieldNameMistake } from './passes/field-names.ts';
import { isPrototypeName } from './passes/reserved-words.ts';
import { isPlainJson } from './plain-json.ts';
import { clashesOf, ruleTakers } from './rule-bounds.ts';
import {
  annotations,
  boundKeywords,
  bounds,
  drafts,
  formats,
  keywordsOf,
  narrowing,
  ofRoot,
  typeNames,
} from './schema-keywords.ts';
import type { Field, Json, Rules, SimpleKind, Type } from './types.ts';

export interface SchemaProblem {
  /** RFC 6901, of the part that cannot be a type. */
  pointer: string;
  message: string;
}

export interface SchemaOptions {
  /** What the type as a whole is called: a schema that refers to itself becomes a type that names itself. */
  name?: string;
  /**
   * For schemas that others wrote: a part that no type can say becomes `anything`, and a bound that no rule can say is
   * left out, so that the type takes all that the schema takes, but for null and for properties it does not name.
   */
  lenient?: true;
}

export type TypeOfSchema =
  | {
      type: Type;
      /** Where each field in the type was declared, as a JSON pointer. */
      fields: ReadonlyMap<Field, string>;
    }
  | { problems: SchemaProblem[] };

/** Never throws. Every problem is told, at its place. A lenient reading has none. */
export function typeOfJsonSchema(schema: Json, options: SchemaOptions = {}): TypeOfSchema {
  const reader = new SchemaReader(schema, options);
  const type = reader.root();
  return reader.problems.length > 0 ? { problems: reader.problems } : { type, fields: reader.fields };
}

type Schema = { [keyword: string]: Json };

/** A type, and what only a field can say besides. */
interface Part {
  type: Type;
  rules: Rules;
  default?: Json;
  meaning?: string;
  /** May it be null? */
  nullable?: true;
  /** Where it was read. */
  pointer: string;
}

interface Place {
  pointer: string;
  depth: number;
  /** Pointers of the references that led here. */
  refs: ReadonlySet<string>;
  /** Is there a list, a map or a record between here and the root? Else a reference to the root has no bottom. */
  inside: boolean;
}

const maxDepth = 32;
/** References are read where they stand, so a short schema may be a large type. */
const maxParts = 5000;
const maxAlternatives = 100;

class SchemaReader {
  readonly problems: SchemaProblem[] = [];
  readonly fields = new Map<Field, string>();
  private readonly schema: Json;
  private readonly name: string | undefined;
  private readonly lenient: boolean;
  /** Of items, which have none of their own: it is told with their list's. */
  private readonly meanings = new Map<Type, string>();
  private parts = 0;
  /** The pointers that mean the whole: the root, and the definition that the root is nothing but a reference to. */
  private readonly whole = new Set(['']);

  constructor(schema: Json, { name, lenient }: SchemaOptions) {
    this.schema = schema;
    this.name = name;
    this.lenient = lenient === true;
  }

  root(): Type {
    const part = this.read(this.schema, { pointer: '', depth: 0, refs: new Set(), inside: false });
    return this.bare(part);
  }

  /** One for each place: what follows from a mistake is not told. */
  private problem(pointer: string, message: string): void {
    if (this.lenient || this.problems.some((one) => one.pointer === pointer)) return;
    this.problems.push({ pointer, message });
  }

  private anything(pointer: string, message?: string): Part {
    if (message !== undefined) this.problem(pointer, message);
    return { type: { kind: 'anything' }, rules: {}, pointer };
  }

  private read(schema: Json, place: Place): Part {
    const { pointer, depth } = place;
    this.parts += 1;
    if (this.parts > maxParts) {
      // Told once: everything after it is too many as well.
      if (this.parts > maxParts + 1) return this.anything(pointer);
      return this.anything('', `Unexpected schema of more than ${maxParts} parts, expected a smaller one`);
    }
    if (depth > maxDepth)
      return this.anything(pointer, `Unexpected schema of more than ${maxDepth} levels, expected fewer`);
    if (schema === true) return this.anything(pointer);
    if (!isSchema(schema)) return this.anything(pointer, 'Unexpected value, expected a schema, which is an object');
    return this.described(schema, this.readKind(schema, place), place);
  }

  private readKind(schema: Schema, place: Place): Part {
    const own = Object.hasOwn.bind(undefined, schema);
    if (own('$ref')) return this.readReference(schema, place);
    for (const keyword of ['anyOf', 'oneOf'] as const) {
      if (own(keyword)) return this.readUnion(schema, keyword, place);
    }
    if (own('enum') || own('const')) return this.readValues(schema, place);
    if (Array.isArray(schema['type'])) return this.readTypes(schema, schema['type'], place);
    if (own('type')) return this.readType(schema, schema['type'] as Json, place);
    const [kind] = ['object', 'array'].filter((one) => keywordsOf[one]?.some(own));
    if (kind && this.lenient) return this.readType(schema, kind, place);
    const kinds = Object.keys(keywordsOf).filter((one) => keywordsOf[one]?.some(own));
    if (kinds[0]) {
      return this.anything(place.pointer, `Unexpected schema without a type, expected "type": "${kinds[0]}" in it`);
    }
    this.refuseOthers(schema, [], place);
    return this.anything(place.pointer);
  }

  /** Refuses keywords besides these and the annotations. False where what remains does not say enough of the value. */
  private refuseOthers(schema: Schema, known: readonly string[], { pointer }: Place): boolean {
    const taken = [...known, ...annotations, ...(pointer === '' ? ofRoot : [])];
    const others = Object.keys(schema).filter((key) => !taken.includes(key));
    for (const key of others) {
      this.problem(pointerTo(pointer, key), `Unexpected ${key}, expected a schema without it: no type can say it here`);
    }
    const draft = schema['$schema'];
    if (pointer === '' && draft !== undefined && (typeof draft !== 'string' || !drafts.test(draft))) {
      this.problem('/$schema', 'Unexpected draft, expected https://json-schema.org/draft/2020-12/schema');
    }
    return others.every((key) => narrowing.has(key) || key.startsWith('x-'));
  }

  private readType(schema: Schema, type: Json, place: Place): Part {
    const { pointer } = place;
    const keywords = typeof type === 'string' && Object.hasOwn(keywordsOf, type) ? keywordsOf[type] : undefined;
    if (type === 'null')
      return { ...this.anything(pointer, 'Unexpected null, expected a type beside it'), nullable: true };
    if (!keywords || typeof type !== 'string') {
      return this.anything(pointerTo(pointer, 'type'), `Unexpected type, expected one of ${typeNames.join(', ')}`);
    }
    if (!this.refuseOthers(schema, ['type', ...keywords], place)) return this.anything(pointer);
    const kind = this.kindOf(schema, type, place);
    const meaning = kind.kind === 'list' || kind.kind === 'map' ? this.meanings.get(kind.of) : undefined;
    const rules = this.rules(schema, kind, pointer);
    return { type: kind, rules, pointer, ...(meaning !== undefined && { meaning }) };
  }

  private kindOf(schema: Schema, type: string, place: Place): Type {
    switch (type) {
      case 'array':
        if (schema['uniqueItems'] !== undefined && schema['uniqueItems'] !== false)
          this.problem(pointerTo(place.pointer, 'uniqueItems'), 'Unexpected uniqueItems, expected a list without it');
        return { kind: 'list', of: this.inner(schema['items'] ?? true, 'items', place) };
      case 'object':
        return this.readObject(schema, place);
      case 'string':
        return { kind: this.format(schema['format'], place) };
      case 'boolean':
        return { kind: 'yes/no' };
      default:
        return { kind: type === 'integer' ? 'integer' : 'number' };
    }
  }

  private format(format: Json | undefined, { pointer }: Place): SimpleKind {
    if (format === undefined) return 'text';
    const kind = typeof format === 'string' && Object.hasOwn(formats, format) ? formats[format] : undefined;
    if (!kind) {
      const message = `Unexpected format, expected one of ${Object.keys(formats).join(', ')}, or a pattern`;
      this.problem(pointerTo(pointer, 'format'), message);
    }
    return kind ?? 'text';
  }

  private readObject(schema: Schema, place: Place): Type {
    const { pointer } = place;
    const { properties, additionalProperties: more } = schema;
    if (properties !== undefined && !isSchema(properties)) {
      this.problem(pointerTo(pointer, 'properties'), 'Unexpected value, expected an object of schemas by their names');
      return { kind: 'anything' };
    }
    const names = Object.keys(properties ?? {});
    if (names.length === 0 && (more === false || (more === undefined && properties !== undefined))) {
      this.refuseRequired(schema, names, pointer);
      return { kind: 'record', fields: [] };
    }
    if (names.length === 0) {
      this.refuseRequired(schema, names, pointer);
      return { kind: 'map', of: this.inner(more ?? true, 'additionalProperties', place) };
    }
    if (more !== undefined && more !== false) {
      const message = 'Unexpected additionalProperties beside properties, expected one of the two, or false';
      this.problem(pointerTo(pointer, 'additionalProperties'), message);
      if (this.lenient) return { kind: 'anything' };
    }
    const required = this.refuseRequired(schema, names, pointer);
    const taken = new Set<string>();
    const fields = Object.entries(properties ?? {}).map(([name, property]) => {
      const at = pointerTo(pointerTo(pointer, 'properties'), name);
      const mistake = fieldNameMistake(name)?.message;
      if (mistake !== undefined) this.problem(at, mistake);
      else if (taken.has(name.toLowerCase()))
        this.problem(at, `Unexpected second ${name}, expected another name: upper and lower case are one`);
      taken.add(name.toLowerCase());
      return this.readField(name, property, required.has(name), { ...place, pointer: at });
    });
    if (names.some(isPrototypeName)) return { kind: 'anything' };
    return { kind: 'record', fields };
  }

  private refuseRequired(schema: Schema, names: readonly string[], pointer: string): Set<string> {
    const required = schema['required'] ?? [];
    const at = pointerTo(pointer, 'required');
    if (!Array.isArray(required)) {
      this.problem(at, 'Unexpected value, expected a list of names of properties');
      return new Set();
    }
    for (const [index, name] of required.entries()) {
      if (typeof name === 'string' && names.includes(name)) continue;
      this.problem(pointerTo(at, index), `Unexpected ${JSON.stringify(name)}, expected the name of a property`);
    }
    return new Set(required.filter((name) => typeof name === 'string'));
  }

  private readField(name: string, schema: Json, required: boolean, place: Place): Field {
    const part = this.read(schema, { ...place, depth: place.depth + 1, inside: true });
    const { type, rules, nullable, meaning } = part;
    const standIn = part.default !== undefined && part.default !== null ? part.default : undefined;
    if (part.default === null && !nullable) {
      this.problem(pointerTo(place.pointer, 'default'), 'Unexpected null, expected a value: there is no null');
    }
    const field: Field = {
      name,
      type,
      ...(Object.keys(rules).length > 0 && { rules }),
      ...((!required || nullable) && standIn === undefined && { optional: true as const }),
      ...(standIn !== undefined && { default: standIn }),
      ...(meaning !== undefined && { meaning }),
    };
    this.fields.set(field, place.pointer);
    return field;
  }

  /** The schema of items or of the values of a map. */
  private inner(schema: Json, keyword: string, place: Place): Type {
    const pointer = pointerTo(place.pointer, keyword);
    const part = this.read(schema, { ...place, pointer, depth: place.depth + 1, inside: true });
    const type = this.bare(part);
    if (part.meaning !== undefined) this.meanings.set(type, part.meaning);
    return type;
  }

  /** The type alone, where no field is that could say the rest. */
  private bare(part: Part): Type {
    const { pointer } = part;
    const [rule] = Object.keys(part.rules);
    if (rule !== undefined) {
      const keyword = boundKeywords.find((one) => this.says(pointer, one));
      const at = keyword === undefined ? pointer : pointerTo(pointer, keyword);
      this.problem(at, `Unexpected ${keyword ?? 'rule'}, expected it on a property: only fields have rules`);
    }
    if (part.default !== undefined) {
      this.problem(
        pointerTo(pointer, 'default'),
        'Unexpected default, expected it on a property: only fields have one',
      );
    }
    if (part.nullable) {
      this.problem(pointer, 'Unexpected null, expected it on a property, which it makes optional');
      return { kind: 'anything' };
    }
    return part.type;
  }

  private says(pointer: string, keyword: string): boolean {
    const schema = valueAt(this.schema, pointer);
    return isSchema(schema) && Object.hasOwn(schema, keyword);
  }

  private readUnion(schema: Schema, keyword: 'anyOf' | 'oneOf', place: Place): Part {
    const { pointer } = place;
    const at = pointerTo(pointer, keyword);
    const given = schema[keyword];
    if (!this.refuseOthers(schema, [keyword], place)) return this.anything(pointer);
    if (!Array.isArray(given) || given.length === 0)
      return this.anything(at, 'Unexpected value, expected a list of schemas');
    if (given.length > maxAlternatives) {
      return this.anything(at, `Unexpected ${given.length} alternatives, expected at most ${maxAlternatives}`);
    }
    const said = given.map((one, index) => ({ one, index })).filter(({ one }) => !isNull(one));
    const parts = said.map(({ one, index }) =>
      this.read(one, { ...place, pointer: pointerTo(at, index), depth: place.depth + 1 }),
    );
    return this.oneOf(parts, said.length < given.length, place);
  }

  private oneOf(parts: readonly Part[], nullable: boolean, { pointer }: Place): Part {
    const [only] = parts;
    if (!only) return this.anything(pointer, 'Unexpected null alone, expected a type beside it');
    if (parts.length === 1) return { ...only, ...(nullable && { nullable: true as const }) };
    const of = parts.map((part) => this.bare(part));
    const meaning = joined(parts.map((part) => part.meaning));
    return {
      type: { kind: 'union', of },
      rules: {},
      pointer,
      ...(meaning !== undefined && { meaning }),
      ...(nullable && { nullable: true as const }),
    };
  }

  private readTypes(schema: Schema, types: readonly Json[], place: Place): Part {
    const { type: _types, ...rest } = schema;
    const known = types.flatMap((one) => (typeof one === 'string' ? (keywordsOf[one] ?? []) : []));
    if (types.length === 0 || types.length > typeNames.length || !this.refuseOthers(rest, known, place)) {
      return this.anything(
        pointerTo(place.pointer, 'type'),
        `Unexpected type, expected some of ${typeNames.join(', ')}`,
      );
    }
    const said = types.filter((one) => one !== 'null');
    const parts = said.map((one) => {
      const own = typeof one === 'string' ? (keywordsOf[one] ?? []) : [];
      const part = Object.fromEntries(Object.entries(rest).filter(([key]) => own.includes(key)));
      return this.readType(part, one, { ...place, depth: place.depth + 1 });
    });
    return this.oneOf(parts, said.length < types.length, place);
  }

  /** `enum` and `const`: only text can be one of some values. */
  private readValues(schema: Schema, place: Place): Part {
    const { pointer } = place;
    const keyword = Object.hasOwn(schema, 'enum') ? 'enum' : 'const';
    const at = pointerTo(pointer, keyword);
    const given = keyword === 'enum' ? schema['enum'] : [schema['const'] as Json];
    const kinds = Array.isArray(schema['type']) ? schema['type'] : [schema['type'] ?? 'string'];
    if (!this.refuseOthers(schema, [keyword, 'type'], place)) return this.anything(pointer);
    if (!Array.isArray(given) || given.length === 0)
      return this.anything(at, 'Unexpected value, expected a list of texts');
    const said = given.filter((one) => one !== null);
    const nullable = said.length < given.length && { nullable: true as const };
    const odd = said.findIndex((one) => typeof one !== 'string' || one === '');
    if (odd !== -1 || said.length === 0) {
      const where = keyword === 'enum' && odd !== -1 ? pointerTo(at, given.indexOf(said[odd] ?? null)) : at;
      this.problem(
        where,
        `Unexpected ${JSON.stringify(said[odd] ?? null)}, expected text: only text is one of some values`,
      );
      return { type: this.kindOfValues(said), rules: {}, pointer, ...nullable };
    }
    const other = kinds.find((one) => one !== 'string' && one !== 'null');
    if (other !== undefined || !kinds.includes('string')) {
      return this.anything(pointerTo(pointer, 'type'), `Unexpected type beside ${keyword} of text, expected string`);
    }
    const values = said.map(String);
    const twice = values.findIndex((value, index) => values.indexOf(value) !== index);
    if (twice !== -1)
      this.problem(pointerTo(at, twice), `Unexpected second ${values[twice]}, expected each value once`);
    return { type: { kind: 'one of', values: [...new Set(values)] }, rules: {}, pointer, ...nullable };
  }

  /** Of a lenient reading. */
  private kindOfValues(values: readonly Json[]): Type {
    const [kind, second] = new Set(values.map((one) => typeof one));
    if (second !== undefined) return { kind: 'anything' };
    if (kind === 'number') return { kind: values.every((one) => Number.isInteger(one)) ? 'integer' : 'number' };
    return { kind: kind === 'boolean' ? 'yes/no' : kind === 'string' ? 'text' : 'anything' };
  }

  private readReference(schema: Schema, place: Place): Part {
    const { pointer } = place;
    const at = pointerTo(pointer, '$ref');
    const { $ref } = schema;
    if (!this.refuseOthers(schema, ['$ref', ...boundKeywords], place)) return this.anything(pointer);
    const target = typeof $ref === 'string' ? localPointer($ref) : undefined;
    const found = target === undefined ? undefined : valueAt(this.schema, target);
    if (target === undefined || found === undefined) {
      return this.anything(at, 'Unexpected $ref, expected a place in this schema, as in "#/$defs/Name"');
    }
    if (pointer === '') this.whole.add(target);
    const isWhole = this.whole.has(target) && (place.refs.has(target) || target === '');
    if (isWhole && this.name !== undefined && place.inside) {
      return this.withRules(schema, { type: { kind: 'named', name: this.name }, rules: {}, pointer }, found, place);
    }
    if (place.refs.has(target) || isWhole) {
      return this.anything(at, `Unexpected $ref that leads back to itself, expected a type of its own under Types`);
    }
    const part = this.read(found, {
      ...place,
      pointer: target,
      depth: place.depth + 1,
      refs: new Set(place.refs).add(target),
    });
    return this.withRules(schema, part, found, place);
  }

  /** Rules beside a reference are added to those of what it leads to. */
  private withRules(schema: Schema, part: Part, found: Json, { pointer }: Place): Part {
    const own = boundKeywords.filter((keyword) => Object.hasOwn(schema, keyword));
    if (own.length === 0) return part;
    const kind = part.type.kind === 'named' ? kindBehind(found) : part.type;
    const rules = this.rules(schema, kind, pointer);
    const [twice] = Object.keys(rules).filter((rule) => Object.hasOwn(part.rules, rule));
    if (twice !== undefined) {
      this.problem(pointer, 'Unexpected bound beside $ref that is also given where it leads, expected one of the two');
    }
    return { ...part, pointer, rules: { ...part.rules, ...rules } };
  }

  private rules(schema: Schema, type: Type, pointer: string): Rules {
    const rules: Rules = {};
    for (const [keyword, rule, of] of bounds) {
      if (!Object.hasOwn(schema, keyword)) continue;
      const at = pointerTo(pointer, keyword);
      const value = schema[keyword];
      if (!ruleTakers[of].includes(type.kind) || !nounFits(keyword, type)) {
        this.problem(at, `Unexpected ${keyword} here, expected a schema without it: no rule can say it`);
      } else if (of === 'text') {
        if (typeof value === 'string' && isPattern(value)) rules.matches = value;
        else this.problem(at, 'Unexpected pattern, expected RE2 syntax (no look-around, no back references)');
      } else if (typeof value !== 'number' || !Number.isFinite(value)) {
        this.problem(at, `Unexpected value of ${keyword}, expected a number`);
      } else if (of === 'length' && (!Number.isInteger(value) || value < 0)) {
        this.problem(at, `Unexpected value of ${keyword}, expected a whole number from 0`);
      } else Object.assign(rules, { [rule]: value });
    }
    for (const { message } of clashesOf(rules)) this.problem(pointer, message);
    return rules;
  }

  /** Adds what a schema of any kind may say. */
  private described(schema: Schema, part: Part, { pointer }: Place): Part {
    const { description } = schema;
    if (description !== undefined && typeof description !== 'string') {
      this.problem(pointerTo(pointer, 'description'), 'Unexpected value of description, expected text');
    }
    const words = joined([typeof description === 'string' ? description : undefined, part.meaning]);
    const described: Part = { ...part, ...(words !== undefined && { meaning: words }) };
    if (!Object.hasOwn(schema, 'default')) return described;
    const value = schema['default'] as Json;
    if (isPlainJson(value)) return { ...described, default: value };
    this.problem(pointerTo(pointer, 'default'), 'Unexpected default, expected plain JSON');
    return described;
  }
}

function isSchema(value: Json | undefined): value is Schema {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function isNull(schema: Json): boolean {
  return (
    isSchema(schema) && (schema['type'] === 'null' || schema['const'] === null) && Object.keys(schema).length === 1
  );
}

/** `minItems` speaks of lists alone, and so on. */
function nounFits(keyword: string, type: Type): boolean {
  const noun = /^(?:min|max)(Length|Items|Properties)$/.exec(keyword)?.[1];
  const own = type.kind === 'list' ? 'Items' : type.kind === 'map' ? 'Properties' : 'Length';
  return noun === undefined || noun === own;
}

function isPattern(pattern: string): boolean {
  try {
    RE2JS.compile(pattern);
    return true;
  } catch {
    return false;
  }
}

/** The type that a schema says it is, as far as rules need it: what refers to itself is a list, a map or a record. */
function kindBehind(schema: Json): Type {
  const type = isSchema(schema) ? schema['type'] : undefined;
  const of: Type = { kind: 'anything' };
  if (type === 'array') return { kind: 'list', of };
  const isMap = type === 'object' && isSchema(schema) && schema['properties'] === undefined;
  return isMap ? { kind: 'map', of } : { kind: 'record', fields: [] };
}

function joined(meanings: readonly (string | undefined)[]): string | undefined {
  const said = [...new Set(meanings.map((one) => one?.trim()).filter((one) => one))];
  return said.length === 0 ? undefined : said.join(' ');
}
