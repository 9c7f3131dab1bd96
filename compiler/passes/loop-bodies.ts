/** Links back repeat a body: the step they lead to, the step they stand in, and all between them in the flow. */
import type { Report } from '../diagnostics.ts';
import type { EdgeDraft, StepDraft } from './draft.ts';
import { LoopRegions } from './loop-regions.ts';
import type { Places } from './step-links.ts';
import { sortByEdges } from './topological-order.ts';

/** Bodies lie within each other or apart, and no two wait for each other to end. `edges` are all among the steps of one parent. */
export function checkLoops(
  steps: readonly StepDraft[],
  edges: readonly EdgeDraft[],
  places: Places,
  report: Report,
): void {
  const back = edges.filter((edge) => edge.back);
  if (back.length === 0) return;
  const ids = steps.map((step) => step.id);
  const forward = edges.filter((edge) => !edge.back);
  const regions = new LoopRegions(ids, forward);
  const told = new Set<EdgeDraft>();
  let areSound = !regions.hasCircle;
  for (const loop of regions.fromInnermost(back)) {
    const result = regions.enclose(loop);
    if (result === 'enclosed') continue;
    areSound = false;
    if (result === 'no body') {
      // Of the links of a circle one is left out: it may be the one that leads here.
      if (!regions.hasCircle) reportWrong(loop, places, report);
    } else if (!told.has(result.clash)) {
      told.add(loop);
      reportOverlap(loop, result, places, report);
    }
  }
  if (areSound) checkWaits(ids, forward, regions.waitsForLoops(), places, report);
}

/** A loop that begins when another has ended for good cannot be what that one waits for. */
function checkWaits(
  ids: readonly string[],
  forward: readonly EdgeDraft[],
  waits: readonly EdgeDraft[],
  places: Places,
  report: Report,
): void {
  const all = [...forward, ...waits];
  const incoming = Map.groupBy(all, (edge) => edge.to);
  const outgoing = Map.groupBy(all, (edge) => edge.from);
  const into = (id: string): readonly EdgeDraft[] => incoming.get(id) ?? [];
  const outOf = (id: string): readonly EdgeDraft[] => outgoing.get(id) ?? [];
  for (const cycle of sortByEdges([...new Set(ids)], { into, outOf }).cycles) {
    const [first, ...others] = cycle.filter((edge) => waits.includes(edge)).sort((a, b) => a.span.start - b.span.start);
    const last = others.at(-1);
    if (!first || !last) continue;
    const title = places.step(first.from)?.title ?? '';
    const related = [{ span: first.span, message: `what follows this loop, of ${title}, is awaited by that one` }];
    const message =
      'Unexpected link back that waits for another which waits for it, expected one to end before the other begins';
    report.error('waiting-loops', last.span, message, { related });
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
