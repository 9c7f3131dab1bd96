/** What the links of a step say about order: edges forward with no bound, and back with one. None leaves its container. */
import type { Report } from '../diagnostics.ts';
import type { BoundLink, EdgeDraft, StepDraft, StepLink } from './draft.ts';

/** Where steps stand. */
export interface Places {
  at: (id: string) => number;
  step: (id: string) => StepDraft | undefined;
}

/** What a link says besides its target. */
type Mark = Pick<EdgeDraft, 'arm' | 'action' | 'on'>;

interface Found {
  edges: EdgeDraft[];
  /** A link could not be read or followed: it may have been meant to lead anywhere. */
  anywhere: boolean;
}

/** The edges that the step's own links make, in the order in which they are written. `after` is not looked at. */
export function edgesOfLinks(step: StepDraft, places: Places, report: Report): Found {
  const { values } = step;
  const found: Found = { edges: [], anywhere: mayLeadAnywhere(step) };
  const follow = (link: BoundLink, mark: Mark): EdgeDraft | undefined => {
    const edge = edgeOf(step, link, mark, places, report);
    if (edge) found.edges.push(edge);
    else found.anywhere = true;
    return edge;
  };
  for (const [arm, { to }] of (values.arms ?? []).entries()) {
    const edge = to && follow(to, { arm });
    if (!edge?.back || !to) continue;
    if (to.then) followThen(step, to.then, arm, places, report, found);
    else if (to.atMost !== undefined) reportMissingThen(to, report);
  }
  for (const { name, to } of values.actions ?? []) if (to) follow(to, { action: name });
  const { ifItFails, ifNotReached, ifOverdue } = values;
  const outcomes = [
    { said: ifItFails, on: 'failure', setting: 'if it fails' },
    { said: ifNotReached, on: 'not reached', setting: 'if not reached' },
    { said: ifOverdue, on: 'overdue', setting: 'if overdue' },
  ] as const;
  for (const { said, on, setting } of outcomes) {
    if (said?.do !== 'link') continue;
    if (isForward(step, said.to, places)) follow(said.to, { on });
    else {
      found.anywhere = true;
      if (!leavesContainer(step, said.to, places, report)) reportBackwards(said.to, setting, places, report);
    }
  }
  return found;
}

/** Something that leads on was written and could not be read. */
function mayLeadAnywhere({ values, settings }: StepDraft): boolean {
  const unread = (name: string, value: unknown): boolean => settings.has(name) && value === undefined;
  return (
    values.armsIncomplete === true ||
    (values.arms ?? []).some((arm) => !arm.to) ||
    unread('actions', values.actions) ||
    unread('if it fails', values.ifItFails) ||
    unread('if not reached', values.ifNotReached) ||
    unread('if overdue', values.ifOverdue)
  );
}

/** Does it lead to a later step of the same parent? */
function isForward(step: StepDraft, link: StepLink, { at, step: find }: Places): boolean {
  return at(link.step) > at(step.id) && find(link.step)?.parent === step.parent;
}

/** Undefined where the link was refused and says nothing. A bound that is missing or not needed is told and passed over. */
function edgeOf(step: StepDraft, link: BoundLink, mark: Mark, places: Places, report: Report): EdgeDraft | undefined {
  if (leavesContainer(step, link, places, report)) return undefined;
  const edge = { from: step.id, to: link.step, ...mark, span: link.span };
  if (isForward(step, link, places)) {
    if (link.atMost !== undefined) {
      const message = `Unexpected bound on a link to a later step, expected the link alone`;
      report.error('needless-bound', link.span, message, { related: targetOf(link, places) });
    }
    return edge;
  }
  if (link.atMost === undefined) {
    const example = mark.arm === undefined ? 'at most 2 times' : 'at most 2 times, then a link to a later step';
    const message = `Unexpected link back without a bound, expected ${example} after it`;
    report.error('unbounded-link', link.span, message, { related: targetOf(link, places) });
  }
  return { ...edge, back: { atMost: link.atMost ?? 1 } };
}

function followThen(step: StepDraft, then: StepLink, arm: number, places: Places, report: Report, found: Found): void {
  if (leavesContainer(step, then, places, report)) found.anywhere = true;
  else if (isForward(step, then, places)) {
    found.edges.push({ from: step.id, to: then.step, arm, on: 'used up', span: then.span });
  } else {
    found.anywhere = true;
    reportBackwards(then, 'then', places, report);
  }
}

/** Links that make edges, `after` too, stay among the steps of one parent. */
export function leavesContainer(step: StepDraft, link: StepLink, places: Places, report: Report): boolean {
  const target = places.step(link.step);
  if (!target || target.parent === step.parent) return false;
  const home = step.parent === undefined ? undefined : places.step(step.parent);
  const expected = home ? `another step of ${home.title}` : 'a step that stands in no container';
  const message = `Unexpected link to ${target.title}, which stands in another container, expected ${expected}`;
  report.error('other-container', link.span, message, { related: targetOf(link, places) });
  return true;
}

function reportMissingThen(link: BoundLink, report: Report): void {
  const message =
    'Unexpected branch back without then, expected where it leads when it is used up, such as then [Ask](#ask)';
  report.error('missing-then', link.span, message);
}

function reportBackwards(link: StepLink, setting: string, places: Places, report: Report): void {
  const message = `Unexpected link back in ${setting}, expected a link to a later step`;
  report.error('unbounded-link', link.span, message, { related: targetOf(link, places) });
}

function targetOf(link: StepLink, { step }: Places) {
  const target = step(link.step);
  return target ? [{ span: target.headingSpan, message: 'the link leads here' }] : [];
}
