/** Links back repeat a body: the step they lead to, the step they stand in, and all between them in the flow. */
import type { Report } from '../diagnostics.ts';
import type { EdgeDraft, StepDraft } from './draft.ts';
import { LoopRegions } from './loop-regions.ts';
import type { Places } from './step-links.ts';

/** Bodies lie within each other or apart. `edges` are all among the steps of one parent. */
export function checkLoops(
  steps: readonly StepDraft[],
  edges: readonly EdgeDraft[],
  places: Places,
  report: Report,
): void {
  const back = edges.filter((edge) => edge.back);
  if (back.length === 0) return;
  const regions = new LoopRegions(
    steps.map((step) => step.id),
    edges.filter((edge) => !edge.back),
  );
  const told = new Set<EdgeDraft>();
  for (const loop of regions.fromInnermost(back)) {
    const result = regions.enclose(loop);
    if (result === 'enclosed') continue;
    if (result === 'no body') {
      // Of the links of a circle one is left out: it may be the one that leads here.
      if (!regions.hasCircle) reportWrong(loop, places, report);
    } else if (!told.has(result.clash)) {
      told.add(loop);
      reportOverlap(loop, result, places, report);
    }
  }
}

function reportWrong(loop: EdgeDraft, places: Places, report: Report): void {
  const target = places.step(loop.to);
  const related = target ? [{ span: target.headingSpan, message: 'the link leads here' }] : [];
  const message = `Unexpected link back to a step that does not lead here, expected one that this step follows`;
  report.error('wrong-loop', loop.span, message, { related });
}

function reportOverlap(
  one: EdgeDraft,
  { clash: other, shared }: { clash: EdgeDraft; shared: string },
  places: Places,
  report: Report,
): void {
  const [first, second] = one.span.start < other.span.start ? [one, other] : [other, one];
  const title = (id: string): string => places.step(id)?.title ?? '';
  const related = [{ span: first.span, message: `the other goes back to ${title(first.to)}` }];
  const message = `Unexpected link back that shares ${title(shared)} with another, expected loops within each other or apart`;
  report.error('overlapping-loops', second.span, message, { related });
}
