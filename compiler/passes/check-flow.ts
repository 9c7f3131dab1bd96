/** Pass 7: what is known of the order: circles, steps that no run reaches, reads and writes out of order, idle gates. */
import type { Report } from '../diagnostics.ts';
import { checkGates } from './check-gates.ts';
import { checkReads } from './check-reads.ts';
import { checkWriters } from './check-writers.ts';
import type { DocumentDraft, EdgeDraft, StepDraft } from './draft.ts';
import { Flow } from './flow.ts';
import type { Order } from './order-steps.ts';

export function checkFlow(draft: DocumentDraft, order: Order, report: Report): Flow {
  const flow = new Flow(draft.steps, order.edges);
  const steps = new Map(draft.steps.map((step) => [step.id, step]));
  for (const cycle of flow.cycles) reportCycle(cycle, steps, report);
  const unsure = spread(flow, [...order.unsure, ...flow.cycles.flatMap((cycle) => cycle.map((edge) => edge.to))]);
  for (const step of draft.steps) {
    if (step.kind === 'choose' && step.values.when) {
      const message = 'Unexpected when on a choose, expected the condition on a branch, or on the steps it leads to';
      report.error('choose-when', step.values.when.span, message);
    }
    if (!unsure.has(step.id) && !flow.isReachable(step.id)) reportUnreachable(step, flow, steps, report);
  }
  const sure = (id: string): boolean => !unsure.has(id) && flow.isReachable(id);
  checkReads(draft, flow, sure, report);
  checkWriters(
    draft.steps.filter((step) => sure(step.id)),
    flow,
    report,
  );
  checkGates(draft, flow, sure, report);
  return flow;
}

function reportCycle(cycle: Flow['cycles'][number], steps: ReadonlyMap<string, StepDraft>, report: Report): void {
  // A link is where the mistake was written; document order is not.
  const isLink = (edge: EdgeDraft): boolean => steps.get(edge.to)?.headingSpan.start !== edge.span.start;
  const links = cycle.filter(isLink);
  const [last] = (links.length > 0 ? links : cycle).toSorted((a, b) => b.span.start - a.span.start);
  if (!last) return;
  const titles = cycle.map((edge) => steps.get(edge.from)?.title ?? '').toReversed();
  const related = cycle
    .filter((edge) => edge !== last)
    .map((edge) => ({ span: edge.span, message: 'the circle goes through here' }))
    .toSorted((a, b) => a.span.start - b.span.start);
  const message = `Unexpected circle of ${titles.join(', ')}, expected steps that come one after the other`;
  report.error('cycle', last.span, message, { related });
}

/** The steps, all that come after them, and all that stand in those. */
function spread(flow: Flow, from: readonly string[]): ReadonlySet<string> {
  const reached = new Set(from);
  const waiting = [...from];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    for (const next of [...flow.edgesOutOf(id).map((edge) => edge.to), ...flow.stepsIn(id)]) {
      if (reached.has(next)) continue;
      reached.add(next);
      waiting.push(next);
    }
  }
  return reached;
}

/** Said of the first step on the way only. */
function reportUnreachable(step: StepDraft, flow: Flow, steps: ReadonlyMap<string, StepDraft>, report: Report): void {
  const before = flow.edgesInto(step.id).map((edge) => edge.from);
  const stops = before.filter((id) => flow.isReachable(id)).map((id) => steps.get(id));
  if (stops.length === 0) return;
  const related = stops
    .filter((one) => one !== undefined)
    .map((one) => ({
      span: one.headingSpan,
      message: `no ${one.kind === 'approve' ? 'action' : 'end'} of this ${one.kind === 'approve' ? 'gate' : 'step'} goes on`,
    }));
  const message = `Unexpected step ${step.title} that no run reaches, expected one that can run`;
  report.error('unreachable', step.headingSpan, message, { related });
}
