/** Delegation: work that is handed round in a circle would never be done. */
import type { Report } from '../diagnostics.ts';
import type { Span } from '../source-text.ts';
import type { AgentDraft, DocumentDraft, Named } from './draft.ts';

/** A message names so many at most; the places are all told. */
const maxListed = 12;

interface Handing {
  from: AgentDraft;
  span: Span;
}

/** Agents that have been told to be on a circle are not told again. */
export function checkDelegation(draft: DocumentDraft, report: Report): void {
  const agents = new Map(draft.agents.map((agent) => [agent.id, agent]));
  const told = new Set<string>();
  const done = new Set<string>();
  for (const agent of draft.agents) {
    for (const circle of circlesFrom(agent, agents, done)) {
      if (circle.some((one) => told.has(one.from.id))) continue;
      for (const one of circle) told.add(one.from.id);
      reportCircle(circle, report);
    }
  }
}

/** Depth first, each link looked at once. Agents of other documents lead only to others of theirs, and are not looked at. */
function circlesFrom(start: AgentDraft, agents: ReadonlyMap<string, AgentDraft>, done: Set<string>): Handing[][] {
  const circles: Handing[][] = [];
  /** The way to where we are, and of each agent on it the links that are left. */
  const path: Handing[] = [];
  const open: { agent: AgentDraft; left: Named[] }[] = [];
  const depth = new Map<string, number>();
  const enter = (agent: AgentDraft): void => {
    depth.set(agent.id, open.length);
    open.push({ agent, left: agent.delegates.toReversed() });
  };
  if (!done.has(start.id)) enter(start);
  for (let here = open.at(-1); here; here = open.at(-1)) {
    const link = here.left.pop();
    if (!link) {
      open.pop();
      path.pop();
      depth.delete(here.agent.id);
      done.add(here.agent.id);
      continue;
    }
    const handing = { from: here.agent, span: link.span };
    const back = depth.get(link.name);
    const next = agents.get(link.name);
    if (back !== undefined) circles.push([...path.slice(back), handing]);
    else if (next && !done.has(next.id)) {
      path.push(handing);
      enter(next);
    }
  }
  return circles;
}

function reportCircle(circle: readonly Handing[], report: Report): void {
  const inOrder = circle.toSorted((a, b) => a.span.start - b.span.start);
  const last = inOrder.at(-1);
  if (!last) return;
  const all = circle.map((one) => one.from.name);
  const names = all.length > maxListed ? [...all.slice(0, maxListed), `${all.length - maxListed} more`] : all;
  const related = inOrder
    .filter((one) => one !== last)
    .map((one) => ({ span: one.span, message: `${one.from.name} hands work on here` }));
  const message =
    circle.length === 1
      ? `Unexpected delegation of ${last.from.name} to itself, expected other agents, or none`
      : `Unexpected delegation in a circle of ${names.join(', ')}, expected work to end with one of them`;
  report.error('delegation-circle', last.span, message, { related });
}
