/** Pass 7, gates: somebody's decision is worth asking for only if something waits for it. */
import type { Report } from '../diagnostics.ts';
import { parseExpression } from '../expressions/parse.ts';
import { readsOf } from '../expressions/reads.ts';
import type { DocumentDraft, StepDraft } from './draft.ts';
import type { Flow } from './flow.ts';

/**
 * A gate may come last: then its verdict is that of the run. One that nothing follows while steps written after it do
 * their work beside it holds nothing back, whatever is decided.
 */
export function checkGates(draft: DocumentDraft, flow: Flow, sure: (id: string) => boolean, report: Report): void {
  const steps = new Map(draft.steps.map((step) => [step.id, step]));
  const read = new Set(
    draft.result.flatMap(({ value }) => {
      const parsed = parseExpression(value.source);
      return parsed.ok ? readsOf(parsed.expression).map(({ root }) => root) : [];
    }),
  );
  for (const step of draft.steps) {
    if (step.kind !== 'approve' || !sure(step.id)) continue;
    // The end of a container waits for all in it: what matters is whether anything follows that.
    const path = [step.id, ...flow.around(step.id)];
    if (path.some((id) => read.has(id) || flow.edgesOutOf(id).length > 0)) continue;
    const last = path.at(-1) ?? step.id;
    const beside = workBeside(last, flow, steps, sure);
    if (!beside) continue;
    const related = [{ span: beside.headingSpan, message: 'this step does not wait for it' }];
    const message = `Unexpected gate ${step.title} that nothing waits for, expected a step after it, or a place behind all other steps`;
    report.error('idle-gate', step.headingSpan, message, { related });
  }
}

/** A step that is written after this one, is no gate, and can start before this one is decided. */
function workBeside(
  id: string,
  flow: Flow,
  steps: ReadonlyMap<string, StepDraft>,
  sure: (id: string) => boolean,
): StepDraft | undefined {
  const all = flow.stepsIn(undefined);
  const later = all.slice(all.indexOf(id) + 1).map((one) => steps.get(one));
  return later.find(
    (one) => one && one.kind !== 'approve' && one.kind !== 'choose' && sure(one.id) && flow.mayRunTogether(id, one.id),
  );
}
