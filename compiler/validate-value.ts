/**
 * Validates values of the document language's types, and fills what code fills: defaults and computed fields.
 *
 * One validator for inputs, tool results and what agents give.
 */
import type { Ajv2020, ValidateFunction } from 'ajv/dist/2020.js';
import { ExpressionError, evaluate } from './expressions/evaluate.ts';
import type { NamedTypes } from './json-schema.ts';
import { jsonSchemaOf, resolveType, rulesInWords } from './json-schema.ts';
import { newAjv } from './new-ajv.ts';
import type { Field, Json, Type } from './types.ts';
import type { Violation } from './violations.ts';
import { isRecord, joined, violationsOf } from './violations.ts';

export type { Violation };

export type Completed = { ok: true; value: Json } | { ok: false; violations: Violation[] };

export interface ValueValidator {
  /**
   * Fills defaults, drops and then computes computed fields, and validates. The value given is not changed.
   * All violations at once; computed fields are looked at only when the rest is in order.
   */
  complete(value: Json): Completed;
}

export interface ValidatorOptions {
  /** A record's fields that its type does not name: an error (the default), or dropped, as suits answers of tools. */
  unknownFields?: 'refuse' | 'drop';
  /** A null where a field may be missing: an error (the default), or as if it were missing, as suits answers of tools. */
  nulls?: 'refuse' | 'leave out';
}

/** Compiles the type once; keep the result for as long as the graph is in use. @throws Error for a pattern that is not RE2 */
export function valueValidator(type: Type, types: NamedTypes, options: ValidatorOptions = {}): ValueValidator {
  const ajv = newAjv();
  const given = ajv.compile(jsonSchemaOf(type, types, { computed: 'left out' }));
  const whole = hasComputed(type, types, new Set()) ? ajv.compile(jsonSchemaOf(type, types)) : undefined;
  const filler = new Filler(types, options, ajv);
  return {
    complete(value) {
      const filled = filler.fill(value, type);
      if (!given(filled)) return { ok: false, violations: violationsOf(given.errors ?? [], filled) };
      if (!whole) return { ok: true, value: filled };
      const violations: Violation[] = [];
      const computed = filler.compute(filled, type, '', violations);
      if (violations.length > 0) return { ok: false, violations };
      if (!whole(computed)) return { ok: false, violations: violationsOf(whole.errors ?? [], computed) };
      return { ok: true, value: computed };
    },
  };
}

/** What code does to a value of a type, apart from validating it. */
class Filler {
  private readonly types: NamedTypes;
  private readonly options: ValidatorOptions;
  private readonly ajv: Ajv2020;
  private readonly alternatives = new Map<Type, ValidateFunction>();

  constructor(types: NamedTypes, options: ValidatorOptions, ajv: Ajv2020) {
    this.types = types;
    this.options = options;
    this.ajv = ajv;
  }

  /** With defaults filled and computed fields dropped. */
  fill(value: Json, type: Type): Json {
    return this.walk(value, type, (record, fields) => {
      const entries: [string, Json][] = [];
      for (const field of fields) {
        if (field.computed !== undefined) continue;
        if (Object.hasOwn(record, field.name) && !this.isNothing(record[field.name] as Json, field))
          entries.push([field.name, this.fill(record[field.name] as Json, field.type)]);
        else if (field.default !== undefined) entries.push([field.name, field.default]);
      }
      const declared = new Set(fields.map((field) => field.name));
      for (const [key, item] of Object.entries(record))
        if (!declared.has(key) && this.options.unknownFields !== 'drop') entries.push([key, item]);
      return Object.fromEntries(entries);
    });
  }

  private isNothing(value: Json, field: Field): boolean {
    if (value !== null || this.options.nulls !== 'leave out') return false;
    if (!field.optional && field.default === undefined) return false;
    // Null is a value of `anything`.
    return resolveType(field.type, this.types)?.kind !== 'anything';
  }

  /** With computed fields added, inner records first, in the order of the fields. `value` is valid without them. */
  compute(value: Json, type: Type, path: string, violations: Violation[]): Json {
    return this.walk(
      value,
      type,
      (record, fields) => {
        const own = Object.fromEntries(
          Object.entries(record).map(([key, item]) => {
            const field = fields.find(({ name }) => name === key);
            return [key, field ? this.compute(item, field.type, joined(path, key), violations) : item];
          }),
        );
        for (const field of fields) {
          if (field.computed === undefined) continue;
          try {
            own[field.name] = evaluate(field.computed, { this: own });
          } catch (error) {
            if (!(error instanceof ExpressionError)) throw error;
            if (field.optional && error.code === 'absent') continue;
            violations.push({
              path: joined(path, field.name),
              message: `Unexpected failure to compute ${field.computed}: ${error.message}`,
            });
          }
        }
        return own;
      },
      (item, inner, at) => this.compute(item, inner, `${path}${at}`, violations),
    );
  }

  private walk(
    value: Json,
    type: Type,
    onRecord: (record: { [key: string]: Json }, fields: Field[]) => Json,
    onItem: (item: Json, type: Type, at: string) => Json = (item, inner) => this.fill(item, inner),
  ): Json {
    const resolved = resolveType(type, this.types);
    if (resolved?.kind === 'list') {
      return Array.isArray(value) ? value.map((item, index) => onItem(item, resolved.of, `[${index}]`)) : value;
    }
    if (resolved?.kind === 'map' && isRecord(value)) {
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, onItem(item, resolved.of, `.${key}`)]),
      );
    }
    if (resolved?.kind === 'record' && isRecord(value)) return onRecord(value, resolved.fields);
    if (resolved?.kind === 'union') {
      const chosen = resolved.of.find((alternative) => this.fits(this.fill(value, alternative), alternative));
      return chosen ? onItem(value, chosen, '') : value;
    }
    return value;
  }

  private fits(value: Json, type: Type): boolean {
    let validate = this.alternatives.get(type);
    if (!validate) {
      validate = this.ajv.compile(jsonSchemaOf(type, this.types, { computed: 'left out' }));
      this.alternatives.set(type, validate);
    }
    return validate(value);
  }
}

function hasComputed(type: Type, types: NamedTypes, seen: Set<Type>): boolean {
  const resolved = resolveType(type, types);
  if (!resolved || seen.has(resolved)) return false;
  seen.add(resolved);
  switch (resolved.kind) {
    case 'list':
    case 'map':
      return hasComputed(resolved.of, types, seen);
    case 'union':
      return resolved.of.some((alternative) => hasComputed(alternative, types, seen));
    case 'record':
      return resolved.fields.some((field) => field.computed !== undefined || hasComputed(field.type, types, seen));
    default:
      return false;
  }
}

/** How many rules a value of the type must meet: one for each value's type, presence and bound. For quality scores. */
export function countRules(type: Type, types: NamedTypes): number {
  const count = (of: Type, seen: Set<Type>): number => {
    const resolved = resolveType(of, types);
    if (!resolved || seen.has(resolved)) return 1;
    const inner = new Set(seen).add(resolved);
    switch (resolved.kind) {
      case 'list':
      case 'map':
        return 1 + count(resolved.of, inner);
      case 'union':
        return 1 + Math.max(...resolved.of.map((alternative) => count(alternative, inner)));
      case 'record':
        return (
          1 +
          resolved.fields.reduce(
            (sum, field) => sum + count(field.type, inner) + rulesInWords(field.rules ?? {}).length,
            0,
          )
        );
      default:
        return 1;
    }
  };
  return count(type, new Set());
}
