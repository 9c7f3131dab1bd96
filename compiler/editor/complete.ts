/** What may be written where the cursor stands. */
import { resolveType } from '../expressions/check.ts';
import type { DocumentDraft, StepDraft, StepKind } from '../passes/draft.ts';
import { stateOf } from '../passes/proposal-places.ts';
import type { Heading } from '../passes/read-sections.ts';
import { stepKinds, stepSettings } from '../passes/step-settings.ts';
import type { Point } from '../source-text.ts';
import { simpleKinds } from '../types.ts';
import type { Analysis } from './analyze.ts';
import type { Completion, PlaceOf } from './complete-expression.ts';
import { inExpression, stepsNear, valuesOf } from './complete-expression.ts';
import { describeAgent, describeStep, describeType, simpleTypes } from './describe.ts';
import type { Offer } from './setting-meanings.ts';
import { actionEffects, meaningOf, settingMeanings, settingsHere } from './setting-meanings.ts';
import type { Spot } from './spot.ts';
import { fieldBefore, spotAt } from './spot.ts';

export type { Completion } from './complete-expression.ts';

/** In the order in which they should be shown. Empty where nothing of the dialect can stand. */
export function complete(analysis: Analysis, point: Point): Completion[] {
  const spot = spotAt(analysis, point);
  if (!spot) return [];
  const { at, before } = spot;
  const place = (typed: string): number => point.column - typed.length;
  const code = openCode(before);
  const readsCode = at.in === 'value' || (at.in === 'cell' && (at.column === 'value' || at.column === 'rule'));
  if (code !== undefined) return readsCode ? inExpression(spot, code, place) : [];
  const field = fieldBefore(spot);
  // After a comma come the field's rules.
  if (field !== undefined) return field.includes(',') ? [] : typesAt(spot, field, place);
  switch (at.in) {
    case 'setting name':
      return settingNamesAt(spot, at.line, place(before));
    case 'cell':
      return at.column === 'type'
        ? offered(['types'], spot, before, place)
        : at.column === 'value'
          ? offered(['values'], spot, before, place)
          : [];
    case 'value':
      return offered(offersOf(spot, at.setting, at.nested), spot, before, place);
    default:
      return [];
  }
}

/** Kinds that another may still stand beside. */
const besides: Partial<Record<StepKind, readonly StepKind[]>> = { 'for each': ['agent', 'tool'] };

/** Settings whose links say the order: they stay among the steps of one parent. */
const orderSettings: ReadonlySet<string> = new Set([
  ...['after', 'choose', 'actions', 'if it fails', 'if not reached', 'if overdue'],
]);

function stepsLedTo(spot: Spot): StepDraft[] {
  const { at, step } = spot;
  const near = stepsNear(spot);
  if (at.in !== 'value' || !step || !orderSettings.has(at.setting)) return near;
  return near.filter((one) => one.parent === step.parent);
}

function settingNamesAt(spot: Spot, line: number, from: number): Completion[] {
  const { surroundings, settings, kind } = spot;
  if (surroundings === 'type' || surroundings === 'inputs' || surroundings === 'result') return [];
  if (surroundings === 'elsewhere') return [];
  const taken = new Set(settings.filter((one) => one.line !== line).map((one) => one.name));
  const kinds = surroundings !== 'step' ? [] : kind ? (besides[kind] ?? []) : stepKinds;
  const names = [...kinds, ...settingsHere(surroundings, kind)];
  return names
    .filter((name) => !taken.has(name))
    .map((name) => ({
      label: name,
      kind: 'setting',
      detail: (meaningOf(name, surroundings)?.example ?? '').split('\n')[0] ?? '',
      documentation: meaningOf(name, surroundings)?.meaning ?? '',
      text: takesList(name) ? `${name}:` : `${name}: `,
      from,
    }));
}

function takesList(name: string): boolean {
  return settingMeanings.get(name)?.example.includes('\n') ?? false;
}

function offersOf(spot: Spot, setting: string, nested: boolean): readonly Offer[] {
  if (spot.kind && !stepSettings[spot.kind].has(setting)) return [];
  const offers = meaningOf(setting, spot.surroundings)?.offers ?? [];
  if (setting === 'actions' && /:\s/.test(spot.before)) return actionEffects;
  if (setting === 'if overdue' && /^\s*ask\s/i.test(spot.before)) return ['roles'];
  if (!nested || !takesList(setting)) return offers;
  // An item of its own key: conditions and names stand before the colon, what they lead to after it.
  const hasKey = /:\s/.test(spot.before);
  if (setting !== 'choose') return hasKey ? offers : [];
  return offers.filter((offer) => (typeof offer === 'object') !== hasKey);
}

/** What stands in inline code that is still open, if any is. */
function openCode(before: string): string | undefined {
  const parts = before.split('`');
  return parts.length % 2 === 0 ? parts.at(-1) : undefined;
}

function offered(offers: readonly Offer[], spot: Spot, before: string, place: PlaceOf): Completion[] {
  const target = /\]\((#?[^)\s]*)$/.exec(before)?.[1];
  const words = /\[([^\][]*)$/.exec(before)?.[0];
  if (target !== undefined) return linksOf(offers, spot, (heading) => `#${heading.anchor}`, place(target));
  if (words !== undefined) return linksOf(offers, spot, linkTo, place(words));
  // After a whole value a comma comes first.
  if (/[`)\]]\s*$/.test(before)) return [];
  const typed = /[^,:]*$/.exec(before)?.[0].trimStart() ?? '';
  const from = place(typed);
  const links = linksOf(offers, spot, linkTo, from);
  const others = offers.flatMap((offer) => wordsOf(offer, spot, before, place, from));
  return [...links, ...others];
}

function wordsOf(offer: Offer, spot: Spot, before: string, place: PlaceOf, from: number): Completion[] {
  const word = (label: string, kind: Completion['kind'] = 'word'): Completion => ({ label, kind, text: label, from });
  if (typeof offer === 'object') return offer.words.map((one) => word(one));
  const { draft } = spot.findings;
  switch (offer) {
    case 'types':
      return typesAt(spot, before, place);
    case 'values':
      return valuesOf(spot).map((one) => ({ ...one, text: `\`${one.text}\``, from }));
    case 'tools':
      return toolsOf(spot).map((one) => word(one));
    case 'models':
      return unique(draft.agents.map((one) => one.model)).map((one) => word(one));
    case 'roles':
      return rolesAt(draft, before, place);
    case 'sections':
      return (draft.proposal?.sections ?? []).map(({ field }) => word(field.name));
    case 'state fields':
      return stateFields(spot, before).map((one) => word(one));
    default:
      return [];
  }
}

/** After the words between roles, and those before the first. */
function rolesAt(draft: DocumentDraft, before: string, place: PlaceOf): Completion[] {
  const typed = before.trimStart().replace(/^.*\b(?:ask|or|and)\s+/i, '');
  return unique(rolesIn(draft)).map((role) => ({ label: role, kind: 'word', text: role, from: place(typed) }));
}

function rolesIn({ steps, owner, proposal }: DocumentDraft): string[] {
  const asked = steps.flatMap(({ values: { approvers, requiresApproval, ifOverdue, who } }) => [
    approvers,
    requiresApproval,
    ifOverdue?.do === 'ask' ? ifOverdue.approvers : undefined,
    who === 'assignee' ? undefined : who,
  ]);
  const owners = [owner, proposal?.owner, ...(proposal?.sections ?? []).map((one) => one.owner)];
  return [...asked.flatMap((one) => one?.of ?? []), ...owners].flatMap((one) =>
    one && 'role' in one ? [one.role] : [],
  );
}

/** Whole paths, as far as one has been typed. */
function stateFields({ findings: { draft, types } }: Spot, before: string): string[] {
  const path = before.trim().split('.').slice(0, -1);
  const place = draft.proposal?.state && stateOf(path, draft.proposal.state, types);
  const type = place && 'type' in place ? resolveType(place.type, types) : undefined;
  const fields = type?.kind === 'record' ? type.fields.filter((field) => field.computed === undefined) : [];
  return fields.map((field) => [...path, field.name].join('.'));
}

function unique(words: readonly string[]): string[] {
  return [...new Set(words)].filter((word) => word !== '');
}

/** Of an agent's own tools; elsewhere every tool that the document names. */
function toolsOf({ findings: { draft }, step, at }: Spot): string[] {
  const agent =
    at.in === 'value' && at.setting === 'tools' ? draft.agents.find((one) => one.id === step?.values.agent) : undefined;
  if (agent) return agent.tools;
  return unique([...draft.agents.flatMap((one) => one.tools), ...draft.steps.map((one) => one.values.tool ?? '')]);
}

function linkTo(heading: Heading): string {
  return `[${heading.text}](#${heading.anchor})`;
}

function linksOf(
  offers: readonly Offer[],
  spot: Spot,
  write: (heading: Heading) => string,
  from: number,
): Completion[] {
  const { draft } = spot.findings;
  const links: Completion[] = [];
  const add = (kind: 'agent' | 'step' | 'type', heading: Heading, documentation: string, detail?: string): void => {
    links.push({
      label: heading.text,
      kind,
      documentation,
      text: write(heading),
      from,
      ...(detail !== undefined && { detail }),
    });
  };
  if (offers.includes('agents')) {
    for (const agent of draft.agents) add('agent', agent.block.heading, describeAgent(agent), agent.model);
  }
  if (offers.includes('steps')) {
    for (const step of stepsLedTo(spot)) add('step', step.block.heading, describeStep(step, spot.findings), step.kind);
  }
  // A type is written by its name; as a link only where the author has begun one.
  if (offers.includes('types') && /\[[^\]]*$|\]\([^)]*$/.test(spot.before)) {
    for (const type of draft.types) {
      add('type', type.block.heading, describeType({ kind: 'named', name: type.name }, spot.findings));
    }
  }
  return links;
}

function typesAt({ findings }: Spot, before: string, place: PlaceOf): Completion[] {
  const typed = before.trimStart().replace(/^.*\b(?:list\s+of|map\s+of|or)\s+/i, '');
  if (/^one\s+of\b/i.test(typed)) return [];
  const from = place(typed);
  const declared: Completion[] = findings.draft.types.map(({ name }) => {
    const documentation = describeType({ kind: 'named', name }, findings);
    return { label: name, kind: 'type', documentation, text: name, from };
  });
  const simple: Completion[] = simpleKinds.map((kind) => ({
    label: kind,
    kind: 'type',
    detail: simpleTypes[kind],
    text: kind,
    from,
  }));
  const openings = ['list of', 'map of', 'one of'];
  return [
    ...declared,
    ...simple,
    ...openings.map((one): Completion => ({ label: one, kind: 'word', text: `${one} `, from })),
  ];
}
