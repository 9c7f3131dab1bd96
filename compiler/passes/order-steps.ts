/** Pass 6: from links, `after` and document order to edges, among the steps of each parent. */
import type { Report } from '../diagnostics.ts';
import type { EdgeDraft, StepDraft } from './draft.ts';
import { checkLoops } from './loop-bodies.ts';
import type { Places } from './step-links.ts';
import { edgesOfLinks, leavesContainer } from './step-links.ts';

export interface Order {
  /** In the graph's order: by `to`, then `from`, then `arm`, `action` and `on`. */
  edges: EdgeDraft[];
  /** Steps whose incoming edges are not all known, because something was reported about them: no more is said of what they read. */
  unsure: ReadonlySet<string>;
}

export function orderSteps(steps: readonly StepDraft[], report: Report): Order {
  const position = new Map(steps.map((step, index) => [step.id, index]));
  const byId = new Map(steps.map((step) => [step.id, step]));
  const places: Places = { at: (id) => position.get(id) ?? -1, step: (id) => byId.get(id) };
  const unsure = new Set<string>();
  const edges: EdgeDraft[] = [];
  for (const [parent, scope] of Map.groupBy(steps, (step) => step.parent)) {
    edges.push(...orderScope(scope, parent === undefined ? undefined : byId.get(parent), { places, unsure, report }));
  }
  return { edges: edges.toSorted((a, b) => compareEdges(a, b, places.at)), unsure };
}

function compareEdges(a: EdgeDraft, b: EdgeDraft, at: (id: string) => number): number {
  return (
    at(a.to) - at(b.to) ||
    at(a.from) - at(b.from) ||
    (a.arm ?? -1) - (b.arm ?? -1) ||
    compareText(a.action ?? '', b.action ?? '') ||
    compareText(a.on ?? '', b.on ?? '')
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

interface Ordering {
  places: Places;
  unsure: Set<string>;
  report: Report;
}

interface Scope extends Ordering {
  steps: readonly StepDraft[];
  edges: EdgeDraft[];
  /** A link that could not be read may lead anywhere: then a step that nothing leads to may be its target. */
  anywhere: boolean;
}

/** The steps of one parent, in document order. */
function orderScope(steps: readonly StepDraft[], parent: StepDraft | undefined, ordering: Ordering): EdgeDraft[] {
  const { places, unsure, report } = ordering;
  const links = steps.map((step) => edgesOfLinks(step, places, report));
  const edges = links.flatMap((found) => found.edges);
  const scope: Scope = { ...ordering, steps, edges, anywhere: links.some((found) => found.anywhere) };
  if (scope.anywhere) for (const step of steps) unsure.add(step.id);
  const linked = Map.groupBy(
    edges.filter((edge) => !edge.back),
    (edge) => edge.to,
  );
  // The steps of a group whose order could not be read may be meant to stand side by side.
  const parallel = parent?.kind === 'steps' && parent.values.order !== 'in order';
  for (const [index, step] of steps.entries()) {
    const before = steps[index - 1];
    if (step.settings.has('after')) addEdgesOfAfter(step, linked.get(step.id) ?? [], scope);
    else if (before && !parallel && !linked.has(step.id)) followBefore(step, before, scope);
  }
  if (!parallel) reportUnfollowed(scope);
  checkLoops(steps, edges, places, report);
  return edges;
}

function addEdgesOfAfter(step: StepDraft, linked: readonly EdgeDraft[], scope: Scope): void {
  const { edges, places, unsure, report } = scope;
  if (!step.values.after?.complete) unsure.add(step.id);
  const refuse = (): void => void unsure.add(step.id);
  for (const link of step.values.after?.steps ?? []) {
    const before = places.step(link.step);
    if (!before) continue;
    if (leavesContainer(step, link, places, report)) {
      refuse();
      continue;
    }
    const isGate = before.kind === 'choose' || before.kind === 'approve' || before.kind === 'person';
    if (isGate && linked.some((edge) => edge.from === link.step)) continue;
    if (before.kind === 'choose') {
      if (before.values.armsIncomplete) continue;
      const related = [{ span: before.headingSpan, message: 'none of its branches leads to this step' }];
      const message = `Unexpected after ${before.title}, expected a branch of it that leads here, or after another step`;
      refuse();
      report.error('after-choose', link.span, message, { related });
    } else if (before.values.end) {
      const related = [{ span: before.headingSpan, message: 'it says then: end' }];
      const message = `Unexpected after ${before.title}, which ends its branch, expected another step`;
      refuse();
      report.error('follows-end', link.span, message, { related });
    } else edges.push({ from: link.step, to: step.id, span: link.span });
  }
}

function followBefore(step: StepDraft, before: StepDraft, { edges, unsure, anywhere, report }: Scope): void {
  if (before.kind !== 'choose' && !before.values.end) {
    edges.push({ from: before.id, to: step.id, span: step.headingSpan });
    return;
  }
  unsure.add(step.id);
  if (anywhere) return;
  const why = before.kind === 'choose' ? 'only its branches follow a choose' : 'it says then: end';
  const related = [{ span: before.headingSpan, message: why }];
  const message = `Unexpected step ${step.title} that nothing leads to, expected after: or a link to it`;
  report.error('needs-after', step.headingSpan, message, { related });
}

/** The last step, and one that says so, may end a branch; any other must be followed by what comes after it in the ordinary way. */
function reportUnfollowed({ steps, edges, unsure, anywhere, report }: Scope): void {
  const followed = new Set(edges.filter(isPlain).map((edge) => edge.from));
  const leading = new Set(edges.filter((edge) => !edge.back).map((edge) => edge.from));
  // An `after` that could not be read may have been meant to follow any step.
  const unread = steps.some((step) => step.settings.has('after') && !step.values.after?.complete);
  for (const [index, step] of steps.entries()) {
    if (index === steps.length - 1 || followed.has(step.id) || step.values.end) continue;
    if (step.kind === 'choose' || step.kind === undefined || !goesOn(step)) continue;
    const next = steps[index + 1];
    if (unread || anywhere || (next && unsure.has(next.id))) continue;
    const related = next ? [{ span: next.headingSpan, message: 'this step does not follow it' }] : [];
    // Its links lead on in other cases only.
    const when = leading.has(step.id) ? ' when it goes on' : '';
    const message = `Unexpected step ${step.title} that nothing follows${when}, expected a step after it, or then: end`;
    report.error('nothing-follows', step.headingSpan, message, { related });
  }
}

function isPlain(edge: EdgeDraft): boolean {
  return edge.arm === undefined && edge.action === undefined && edge.on === undefined;
}

/** Is there an end of the step after which its plain edges are live? */
function goesOn({ values }: StepDraft): boolean {
  return !values.actions || values.actions.some((action) => action.effect === 'continue');
}
