/** Pass 6: from links, `after` and document order to edges. */
import type { Report } from '../diagnostics.ts';
import type { EdgeDraft, StepDraft } from './draft.ts';

export interface Order {
  /** In the graph's order: by `to`, then `from`, then `arm`. */
  edges: EdgeDraft[];
  /** Steps whose incoming edges are not all known, because something was reported about them: no more is said of what they read. */
  unsure: ReadonlySet<string>;
}

export function orderSteps(steps: readonly StepDraft[], report: Report): Order {
  const position = new Map(steps.map((step, index) => [step.id, index]));
  const at = (id: string): number => position.get(id) ?? -1;
  const arms = steps.flatMap((step, index) => forwardArms(step, index, at, report));
  const edges: EdgeDraft[] = [...arms];
  const unsure = new Set<string>();
  // A branch that could not be read may lead anywhere: then a step that nothing leads to may be its target.
  const anywhere = steps.some((step) => step.values.armsIncomplete || step.values.arms?.some((arm) => !arm.to));
  if (anywhere) for (const step of steps) unsure.add(step.id);
  for (const [index, step] of steps.entries()) {
    const armed = arms.some((edge) => edge.to === step.id);
    if (step.settings.has('after')) edges.push(...edgesOfAfter(step, steps, arms, at, unsure, report));
    else if (!armed && index > 0) {
      const before = steps[index - 1];
      if (before) followBefore(step, before, { edges, unsure, anywhere, report });
    }
  }
  reportUnfollowed(steps, edges, { unsure, anywhere, report });
  const sorted = edges.toSorted(
    (a, b) => at(a.to) - at(b.to) || at(a.from) - at(b.from) || (a.arm ?? -1) - (b.arm ?? -1),
  );
  return { edges: sorted, unsure };
}

function forwardArms(step: StepDraft, index: number, at: (id: string) => number, report: Report): EdgeDraft[] {
  const edges: EdgeDraft[] = [];
  for (const [arm, { to }] of (step.values.arms ?? []).entries()) {
    if (!to) continue;
    if (at(to.step) > index) edges.push({ from: step.id, to: to.step, arm, span: to.span });
    else {
      const message = 'Unexpected link back, expected a link to a later step; links back are not yet supported';
      report.error('not-yet-supported', to.span, message);
    }
  }
  return edges;
}

function edgesOfAfter(
  step: StepDraft,
  steps: readonly StepDraft[],
  arms: readonly EdgeDraft[],
  at: (id: string) => number,
  unsure: Set<string>,
  report: Report,
): EdgeDraft[] {
  const edges: EdgeDraft[] = [];
  if (!step.values.after?.complete) unsure.add(step.id);
  for (const link of step.values.after?.steps ?? []) {
    const before = steps[at(link.step)];
    if (!before || arms.some((edge) => edge.from === link.step && edge.to === step.id)) continue;
    if (before.kind === 'choose') {
      if (before.values.armsIncomplete) continue;
      const related = [{ span: before.headingSpan, message: 'none of its branches leads to this step' }];
      const message = `Unexpected after ${before.title}, expected a branch of it that leads here, or after another step`;
      unsure.add(step.id);
      report.error('after-choose', link.span, message, { related });
    } else if (before.values.end) {
      const related = [{ span: before.headingSpan, message: 'it says then: end' }];
      const message = `Unexpected after ${before.title}, which ends its branch, expected another step`;
      unsure.add(step.id);
      report.error('follows-end', link.span, message, { related });
    } else edges.push({ from: link.step, to: step.id, span: link.span });
  }
  return edges;
}

interface Found {
  edges: EdgeDraft[];
  unsure: Set<string>;
  anywhere: boolean;
  report: Report;
}

function followBefore(step: StepDraft, before: StepDraft, { edges, unsure, anywhere, report }: Found): void {
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

/** The last step, and one that says so, may end a branch; any other must be followed. */
function reportUnfollowed(
  steps: readonly StepDraft[],
  edges: readonly EdgeDraft[],
  { unsure, anywhere, report }: Omit<Found, 'edges' | 'unsure'> & { unsure: ReadonlySet<string> },
): void {
  const followed = new Set(edges.map((edge) => edge.from));
  // An `after` that could not be read may have been meant to follow any step.
  const unread = steps.some((step) => step.settings.has('after') && !step.values.after?.complete);
  for (const [index, step] of steps.entries()) {
    if (index === steps.length - 1 || followed.has(step.id) || step.values.end) continue;
    if (step.kind === 'choose' || step.kind === undefined) continue;
    const next = steps[index + 1];
    if (unread || anywhere || (next && unsure.has(next.id))) continue;
    const related = next ? [{ span: next.headingSpan, message: 'this step does not follow it' }] : [];
    const message = `Unexpected step ${step.title} that nothing follows, expected a step after it, or then: end`;
    report.error('nothing-follows', step.headingSpan, message, { related });
  }
}
