/** Pass 8, proposal: what steps write has a place in it, and fits that place. */
import type { Report } from '../diagnostics.ts';
import { resolveType, typeText } from '../expressions/check.ts';
import type { Span } from '../source-text.ts';
import type { Type } from '../types.ts';
import type { DocumentDraft, ProposalDraft, StepDraft } from './draft.ts';
import { statedOutput } from './output-types.ts';
import type { Place } from './proposal-places.ts';
import { sectionOf, stateOf } from './proposal-places.ts';
import { typesOf } from './read-document.ts';
import { valueSpan } from './read-settings.ts';
import { mayFit } from './type-fit.ts';

/** `outputs` has what readers of each step see. */
export function checkProposal(draft: DocumentDraft, outputs: ReadonlyMap<string, Type>, report: Report): void {
  const { proposal } = draft;
  const types = typesOf(draft);
  if (proposal?.state) checkStateType(proposal, proposal.state, types, report);
  for (const step of draft.steps) {
    const { section, state, share } = step.values;
    const shared = share && step.settings.get('share');
    if (section && state) {
      const [first, second] = [section.span, state.span].toSorted((a, b) => a.start - b.start);
      const related = first ? [{ span: first, message: 'it writes this' }] : [];
      const message = 'Unexpected section and state on one step, expected one of the two';
      report.error('clashing-settings', second ?? state.span, message, { related });
      continue;
    }
    const span = section?.span ?? state?.span ?? (shared && valueSpan(shared));
    if (!span) continue;
    if (!proposal) {
      const what = section ? 'section' : state ? 'state' : 'share';
      const message = `Unexpected ${what} in a document without a proposal, expected a section ## Proposal`;
      report.error('no-proposal', span, message);
      continue;
    }
    const place = placeOf(step, proposal, types, report);
    if (place) checkWrite(step, place, span, { outputs, types, report });
  }
}

/** Steps and people write fields of it. */
function checkStateType(
  { settings }: ProposalDraft,
  state: Type,
  types: ReadonlyMap<string, Type>,
  report: Report,
): void {
  const alternatives = (type: Type): Type[] => {
    const resolved = resolveType(type, types);
    return resolved.kind === 'union' ? resolved.of.flatMap(alternatives) : [resolved];
  };
  if (alternatives(state).some(({ kind }) => kind === 'record' || kind === 'map' || kind === 'anything')) return;
  const setting = settings.get('state');
  if (!setting) return;
  const message = `Unexpected state of ${typeText(state)}, expected a type with fields, or map of T`;
  report.error('invalid-type', valueSpan(setting), message);
}

function placeOf(
  { values }: StepDraft,
  proposal: ProposalDraft,
  types: ReadonlyMap<string, Type>,
  report: Report,
): Place | undefined {
  const { section, state } = values;
  if (section) {
    const place = sectionOf(section.name, proposal);
    if (place || !proposal.complete) return place;
    const candidates = proposal.sections.map((one) => one.field.name);
    const message = `Unexpected section ${section.name}, expected one that the proposal lists`;
    report.error('unknown-place', section.span, message, { nearest: { word: section.name, candidates } });
    return undefined;
  }
  if (!state) return undefined;
  if (!proposal.state) {
    if (!proposal.complete) return undefined;
    const message = 'Unexpected state in a proposal that has none, expected state: Type under ## Proposal';
    report.error('unknown-place', state.span, message);
    return undefined;
  }
  const place = stateOf(state.path, proposal.state, types);
  if (!('unknown' in place)) return place;
  const nearest = { word: place.unknown, candidates: place.candidates };
  const message = `Unexpected ${place.unknown} in ${state.path.join('.')}, expected a field of ${typeText(place.of)}`;
  report.error('unknown-place', state.span, message, { nearest });
  return undefined;
}

interface Known {
  outputs: ReadonlyMap<string, Type>;
  types: ReadonlyMap<string, Type>;
  report: Report;
}

function checkWrite(step: StepDraft, place: Place, span: Span, { outputs, types, report }: Known): void {
  const related = place.span ? [{ span: place.span, message: 'it is declared here' }] : [];
  if (place.computed) {
    const message = 'Unexpected write of what is computed, expected a place that steps may fill';
    report.error('computed-place', span, message, { related });
    return;
  }
  // A conversation gives what the place takes.
  if (step.kind === 'session') return;
  // Of a step that runs for each item, each writes.
  const output = step.values.each ? statedOutput(step) : outputs.get(step.id);
  if (!output || mayFit(output, place.type, types)) return;
  const message = `Unexpected ${typeText(output)}, expected ${typeText(place.type)}, which this place takes`;
  report.error('type-mismatch', span, message, { related });
}
