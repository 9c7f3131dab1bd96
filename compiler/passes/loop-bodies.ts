/** Links back repeat a body: the step they lead to, the step they stand in, and all between them in the flow. */
import type { Report } from '../diagnostics.ts';
import type { EdgeDraft, StepDraft } from './draft.ts';
import type { Places } from './step-links.ts';
import { sortByEdges } from './topological-order.ts';

interface Loop {
  edge: EdgeDraft;
  /** Of the steps whose edges were given. Empty where the source does not come after the target. */
  body: ReadonlySet<string>;
}

/** The loops of the steps of one parent, in the order of the edges. `edges` are all among them. */
function loopsOf(ids: readonly string[], edges: readonly EdgeDraft[]): Loop[] {
  const back = edges.filter((edge) => edge.back);
  if (back.length === 0) return [];
  const forward = edges.filter((edge) => !edge.back);
  const incoming = Map.groupBy(forward, (edge) => edge.to);
  const outgoing = Map.groupBy(forward, (edge) => edge.from);
  const into = (id: string): readonly EdgeDraft[] => incoming.get(id) ?? [];
  const outOf = (id: string): readonly EdgeDraft[] => outgoing.get(id) ?? [];
  const rank = new Map(sortByEdges(ids, { into, outOf }).order.map((id, index) => [id, index]));
  const rankOf = (id: string): number => rank.get(id) ?? 0;
  return back.map((edge) => ({ edge, body: bodyOf(edge, into, outOf, rankOf) }));
}

function bodyOf(
  { from, to }: EdgeDraft,
  into: (id: string) => readonly EdgeDraft[],
  outOf: (id: string) => readonly EdgeDraft[],
  rankOf: (id: string) => number,
): ReadonlySet<string> {
  // What comes before the target, or after the source, is in no body.
  const [lowest, highest] = [rankOf(to), rankOf(from)];
  const before = reach(from, (id) =>
    into(id)
      .map((edge) => edge.from)
      .filter((one) => rankOf(one) >= lowest),
  );
  if (!before.has(to)) return new Set();
  return reach(to, (id) =>
    outOf(id)
      .map((edge) => edge.to)
      .filter((one) => rankOf(one) <= highest && before.has(one)),
  );
}

function reach(start: string, next: (id: string) => readonly string[]): Set<string> {
  const reached = new Set([start]);
  const waiting = [start];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    for (const one of next(id)) {
      if (reached.has(one)) continue;
      reached.add(one);
      waiting.push(one);
    }
  }
  return reached;
}

/** Bodies lie within each other or apart. */
export function checkLoops(
  steps: readonly StepDraft[],
  edges: readonly EdgeDraft[],
  places: Places,
  report: Report,
): void {
  const loops = loopsOf(
    steps.map((step) => step.id),
    edges,
  );
  const sound = loops.filter(({ edge, body }) => {
    if (body.size > 0) return true;
    const target = places.step(edge.to);
    const related = target ? [{ span: target.headingSpan, message: 'the link leads here' }] : [];
    const message = `Unexpected link back to a step that does not lead here, expected one that this step follows`;
    report.error('wrong-loop', edge.span, message, { related });
    return false;
  });
  // From the smallest: of each step the largest body so far that holds it.
  const outermost = new Map<string, Loop>();
  const told = new Set<Loop>();
  for (const loop of sound.toSorted((a, b) => a.body.size - b.body.size || a.edge.span.start - b.edge.span.start)) {
    const inner = new Set([...loop.body].map((id) => outermost.get(id)).filter((one) => one !== undefined));
    const clash = [...inner].find((one) => ![...one.body].every((id) => loop.body.has(id)));
    if (clash && !told.has(clash)) {
      told.add(loop);
      reportOverlap(loop, clash, places, report);
    } else if (!clash) for (const id of loop.body) outermost.set(id, loop);
  }
}

function reportOverlap(one: Loop, other: Loop, places: Places, report: Report): void {
  const [first, second] = one.edge.span.start < other.edge.span.start ? [one, other] : [other, one];
  const shared = [...second.body].find((id) => first.body.has(id));
  const title = (id: string | undefined): string => places.step(id ?? '')?.title ?? '';
  const related = [{ span: first.edge.span, message: `the other goes back to ${title(first.edge.to)}` }];
  const message = `Unexpected link back that shares ${title(shared)} with another, expected loops within each other or apart`;
  report.error('overlapping-loops', second.edge.span, message, { related });
}
