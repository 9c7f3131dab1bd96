/** Pass 7: cycles, steps that no run reaches, and reads of steps that have not run by then. */
import type { Report } from '../diagnostics.ts';
import { parseExpression } from '../expressions/parse.ts';
import { readsOf, rootsPresentWhenTrue } from '../expressions/reads.ts';
import type { Span } from '../source-text.ts';
import type { DocumentDraft, EdgeDraft, ExpressionDraft, StepDraft } from './draft.ts';
import { Flow } from './flow.ts';
import type { Order } from './order-steps.ts';
import { codeSpan } from './phrases.ts';

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
    if (unsure.has(step.id)) continue;
    if (!flow.isReachable(step.id)) reportUnreachable(step, flow, steps, report);
    else checkReads(step, flow, steps, report);
  }
  for (const row of draft.result) {
    for (const read of readsIn(row.value)) {
      const target = steps.get(read.root);
      if (!target || read.guarded || unsure.has(read.root) || !hasOutput(target, read.span, report)) continue;
      if (flow.isReachable(target.id) && !flow.hasRunAtEnd(target.id))
        reportMissing(target, read.span, 'has()', report);
    }
  }
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

/** The steps and all that come after them. */
function spread(flow: Flow, from: readonly string[]): ReadonlySet<string> {
  const reached = new Set(from);
  const waiting = [...from];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    for (const { to } of flow.edgesOutOf(id)) {
      if (reached.has(to)) continue;
      reached.add(to);
      waiting.push(to);
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
    .map((one) => ({ span: one.headingSpan, message: 'no action of this gate goes on' }));
  const message = `Unexpected step ${step.title} that no run reaches, expected one that can run`;
  report.error('unreachable', step.headingSpan, message, { related });
}

interface ReadAt {
  root: string;
  guarded: boolean;
  span: Span;
}

function readsIn(expression: ExpressionDraft): ReadAt[] {
  const parsed = parseExpression(expression.source);
  if (!parsed.ok) return [];
  return readsOf(parsed.expression).map((read) => ({
    root: read.root,
    guarded: read.guarded,
    span: codeSpan(expression.code, read.start, read.end - read.start),
  }));
}

function checkReads(step: StepDraft, flow: Flow, steps: ReadonlyMap<string, StepDraft>, report: Report): void {
  const { values } = step;
  const parsedWhen = values.when && parseExpression(values.when.source);
  const guardedByWhen = parsedWhen?.ok ? rootsPresentWhenTrue(parsedWhen.expression) : new Set<string>();
  const reads: (ReadAt & { runs: boolean })[] = [];
  const add = (expression: ExpressionDraft | undefined, runs: boolean): void => {
    if (expression) reads.push(...readsIn(expression).map((read) => ({ ...read, runs })));
  };
  add(values.when, false);
  for (const arm of values.arms ?? []) add(arm.when, true);
  for (const value of [...(values.values ?? []), ...(values.with ?? [])]) add(value.value, true);
  for (const check of values.checks ?? []) add(check, true);
  for (const use of [...(values.uses ?? []), ...(values.show ?? [])]) {
    if (use.code) add({ source: use.expr, code: use.code, span: use.code.span }, true);
    else reads.push({ root: use.expr, guarded: use.ifItRan === true, span: use.span, runs: true });
  }
  const told = new Set<string>();
  for (const read of reads) {
    const target = steps.get(read.root);
    if (!target || told.has(target.id)) continue;
    const before = report.count();
    checkRead(
      step,
      target,
      { ...read, guarded: read.guarded || (read.runs && guardedByWhen.has(read.root)) },
      flow,
      report,
    );
    // The same step read twice without a guard is one mistake.
    if (report.count() > before) told.add(target.id);
  }
}

function checkRead(
  step: StepDraft,
  target: StepDraft,
  read: ReadAt & { runs: boolean },
  flow: Flow,
  report: Report,
): void {
  if (!hasOutput(target, read.span, report)) return;
  if (step === target || !flow.isBefore(target.id, step.id)) {
    const related = [{ span: target.headingSpan, message: `${target.title} is here` }];
    const what = step === target ? 'itself' : `${target.title}, which need not have run by then`;
    const message = `Unexpected read of ${what}, expected a step that comes before ${step.title}`;
    report.error('not-before', read.span, message, { related });
  } else if (!read.guarded && !flow.hasRunBefore(target.id, step.id, read.runs)) {
    const guard = step.kind === 'agent' || step.kind === 'approve' ? 'if it ran after the link, or has()' : 'has()';
    reportMissing(target, read.span, guard, report);
  }
}

function hasOutput(target: StepDraft, span: Span, report: Report): boolean {
  if (target.kind !== 'choose') return true;
  const related = [{ span: target.headingSpan, message: 'it is a choose' }];
  report.error('no-output', span, `Unexpected read of ${target.title}, expected a step that gives something`, {
    related,
  });
  return false;
}

function reportMissing(target: StepDraft, span: Span, guard: string, report: Report): void {
  const related = [{ span: target.headingSpan, message: 'some runs pass by this step' }];
  const message = `Unexpected read of ${target.title}, which may not have run, expected ${guard} as a guard`;
  report.error('may-not-have-run', span, message, { related });
}
