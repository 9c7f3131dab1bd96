/**
 * What a proposal may hold: the fields of its sections and the type of its state, of a document's `## Proposal` or, where a
 * document has none, of its `## Result`. It is kept with each proposal, which so stays as it was started whatever becomes
 * of the document.
 */
import { z } from 'zod';
import type { Approver, Graph } from './graph.ts';
import type { NamedTypes } from './json-schema.ts';
import { fieldSchema, typeSchema } from './type-schemas.ts';
import type { Field, Json, Type } from './types.ts';
import type { Violation } from './validate-value.ts';
import { valueValidator } from './validate-value.ts';

/** The name that the state has among the sections. */
export const STATE = '';

const definitionSchema = z.strictObject({
  types: z.array(z.strictObject({ name: z.string(), type: typeSchema })),
  sections: z.array(fieldSchema),
  state: typeSchema.optional(),
});

export interface Definition {
  types: NamedTypes;
  /** A section's name is its field's. */
  sections: Field[];
  state?: Type | undefined;
}

/** By section; the state's name is STATE. */
export type Contents = Readonly<Record<string, Json>>;

export type CompletedContents = { ok: true; contents: Contents } | { ok: false; violations: Violation[] };

export interface LoadedDefinition extends Definition {
  /** What there is before anybody writes: defaults, what is computed from them, and a state that may be empty. */
  initial(): Contents;
  /**
   * The contents with `value` in the place of `section`, filled by code: its defaults, its computed fields, and the
   * sections that are computed from others. `current` is needed only where there are such sections (`derives`).
   */
  complete(section: string, value: Json, current: Contents): CompletedContents;
  /** Whether a section is computed from others. */
  derives: boolean;
  field(section: string): Field | undefined;
}

export interface DefinitionOfGraph {
  definition: Definition;
  owner?: Approver | undefined;
  owners: ReadonlyMap<string, Approver>;
}

/** Of `## Proposal`, or else one section for each row of the Result. */
export function definitionOf({ proposal, result, types }: Graph): DefinitionOfGraph {
  if (proposal === undefined) {
    const sections = result.map(({ name, type }) => ({ name, type }));
    return { definition: { types, sections }, owners: new Map() };
  }
  const sections = proposal.sections.map(({ field }) => field);
  return {
    definition: { types, sections, ...(proposal.state === undefined ? {} : { state: proposal.state }) },
    owner: proposal.owner,
    owners: new Map(proposal.sections.flatMap(({ field, owner }) => (owner ? [[field.name, owner] as const] : []))),
  };
}

export interface DefinitionCache {
  /** Of the text that a proposal keeps. Throws when it is not one: then it was not written by us. */
  load(text: string): LoadedDefinition;
}

/** Holds the `capacity` definitions used last. Equal texts are one, whosever they are: they hold no content. */
export function createDefinitionCache(capacity = 200): DefinitionCache {
  const held = new Map<string, LoadedDefinition>();
  return {
    load(text) {
      const loaded = held.get(text) ?? readDefinition(text);
      held.delete(text);
      held.set(text, loaded);
      const oldest = held.keys().next();
      if (held.size > capacity && !oldest.done) held.delete(oldest.value);
      return loaded;
    },
  };
}

/** Of the text that a proposal keeps, where it is needed once. Throws when it is not one. */
export function readDefinition(text: string): LoadedDefinition {
  return loadDefinition(definitionSchema.parse(JSON.parse(text)));
}

export function loadDefinition(definition: Definition): LoadedDefinition {
  const { sections, state, types } = definition;
  // A proposal is filled section by section, so that at any time any of them may be missing.
  const fields = sections.map((field): Field => ({ ...field, optional: true, default: undefined }));
  const whole = lazily(() => valueValidator({ kind: 'record', fields }, types));
  const ofState = lazily(() => (state === undefined ? undefined : valueValidator(state, types)));
  const derives = sections.some(({ computed }) => computed !== undefined);
  const derived = new Set(sections.filter(({ computed }) => computed !== undefined).map(({ name }) => name));
  return {
    ...definition,
    derives,
    field: (section) => sections.find(({ name }) => name === section),
    initial() {
      const given = Object.fromEntries(
        sections.flatMap((field) => (field.default === undefined ? [] : [[field.name, field.default]])),
      );
      const filled = whole().complete(given);
      const empty = ofState()?.complete({});
      return {
        ...(filled.ok ? (filled.value as Contents) : {}),
        ...(empty?.ok ? { [STATE]: empty.value } : {}),
      };
    },
    complete(section, value, current) {
      if (section === STATE) {
        const completed = ofState()?.complete(value);
        if (completed === undefined) throw new Error('this proposal has no state');
        return completed.ok ? { ok: true, contents: { [STATE]: completed.value } } : completed;
      }
      const others = derives
        ? Object.entries(current).filter(([name]) => name !== STATE && name !== section && !derived.has(name))
        : [];
      const completed = whole().complete(Object.fromEntries([...others, [section, value]]));
      return completed.ok ? { ok: true, contents: completed.value as Contents } : completed;
    },
  };
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
