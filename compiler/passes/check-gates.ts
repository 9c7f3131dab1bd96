/** Pass 7, gates: somebody's decision is worth asking for only if something waits for it. */
import type { Report } from '../diagnostics.ts';
import { parseExpression } from '../expressions/parse.ts';
import { readsOf } from '../expressions/reads.ts';
import type { DocumentDraft } from './draft.ts';
import type { Flow } from './flow.ts';

/** A gate is compared with so many of the steps after it, so that thousands of gates cost no more than their number. */
const maxCompared = 64;

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
  const top = flow.stepsIn(undefined);
  const position = new Map(top.map((id, index) => [id, index]));
  const work = top
    .map((id) => steps.get(id))
    .filter((step) => step !== undefined)
    .filter((step) => step.kind !== 'approve' && step.kind !== 'choose' && sure(step.id));
  // The gates of one container are one mistake.
  const told = new Set<string>();
  let next = 0;
  for (const step of draft.steps) {
    if (step.kind !== 'approve' || !sure(step.id)) continue;
    // The end of a container waits for all in it: what matters is whether anything follows that.
    const path = [step.id, ...flow.around(step.id)];
    if (path.some((id) => read.has(id) || flow.edgesOutOf(id).length > 0)) continue;
    const last = path.at(-1) ?? step.id;
    if (told.has(last)) continue;
    const at = position.get(last) ?? -1;
    while (next < work.length && (position.get(work[next]?.id ?? '') ?? 0) <= at) next += 1;
    const beside = work.slice(next, next + maxCompared).find((one) => flow.mayRunTogether(last, one.id));
    if (!beside) continue;
    told.add(last);
    const related = [{ span: beside.headingSpan, message: 'this step does not wait for it' }];
    const message = `Unexpected gate ${step.title} that nothing waits for, expected a step after it, or a place behind all other steps`;
    report.error('idle-gate', step.headingSpan, message, { related });
  }
}
