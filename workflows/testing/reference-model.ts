/**
 * SEMANTICS once more, as simply as it can be said: one step after the other, each edge looked at anew, no activities, no
 * promises. What it says a run does, the interpreter must do, whatever order its steps end in.
 */
import type { Skeleton, SkeletonEdge, SkeletonNode } from '../../compiler/skeleton.ts';

/** How everything ends that is not the interpreter's to decide: pure, by the step and its path. */
export interface Answers {
  /** Of a step that an activity does. */
  outcome(node: string, path: string): 'committed' | 'refused' | 'failed';
  /** Of those offered. */
  verdict(node: string, path: string, offered: readonly string[]): string;
  holds(node: string, path: string, condition: string): boolean;
  items(node: string, path: string): number;
}

export interface Done {
  outcome: 'completed' | 'rejected';
  /** `activity step path`, in no order. */
  calls: string[];
  /** `step path state`: what was decided without an activity. */
  told: string[];
}

type Ended = 'committed' | 'bypassed' | 'skipped' | 'refused';
type Resolution = 'live' | 'untaken' | 'refused';

interface Ending {
  as: Ended;
  arm?: number;
  action?: string;
  on?: 'failure' | 'not reached';
}

const activityOf: Partial<Record<SkeletonNode['kind'], string>> = {
  agent: 'runAgentStep',
  tool: 'runToolStep',
  set: 'runSetStep',
  merge: 'runMergeStep',
  run: 'runSubflow',
};

export function referenceRun(skeleton: Skeleton, answers: Answers): Done {
  const calls: string[] = [];
  const told: string[] = [];
  const { nodes, edges } = skeleton;
  const rejected = runScope(undefined, '').rejected;
  return { outcome: rejected ? 'rejected' : 'completed', calls, told };

  function runScope(parent: number | undefined, scopePath: string): { refused: boolean; rejected: boolean } {
    const scope = nodes.flatMap((node, at) => (node.parent === parent ? [at] : []));
    const own = edges.filter(({ from }) => scope.includes(from));
    const forward = own.filter(({ back }) => back === undefined);
    const loops = own
      .filter(({ back }) => back !== undefined)
      .map((edge) => ({ edge, body: bodyOf(edge, forward), returns: 0 }));
    const ended = new Map<number, Ended>();
    const resolved = new Map<SkeletonEdge, Resolution>();
    /** Led back to: the link is live, whatever else leads there. */
    const sentBackTo = new Set<number>();
    let refused = false;
    let rejected = false;

    // Whatever leaves a body waits until its source has ended for good.
    const isDelivered = (edge: SkeletonEdge): boolean =>
      ended.has(edge.from) &&
      loops.every(
        ({ edge: loop, body }) =>
          edge.from === loop.from || !body.has(edge.from) || body.has(edge.to) || ended.has(loop.from),
      );

    for (;;) {
      const at = scope.find((one) => !ended.has(one) && forward.every((edge) => edge.to !== one || isDelivered(edge)));
      if (at === undefined) break;
      const into = forward.filter(({ to }) => to === at).map((edge) => resolved.get(edge));
      const node = nodes[at] as SkeletonNode;
      const around = loops.filter(({ body }) => body.has(at)).sort((a, b) => b.body.size - a.body.size);
      const passes = around
        .filter(({ returns }) => returns > 0)
        .map(({ edge, returns }) => `${id(edge.from)}>${id(edge.to)}~${returns + 1}`);
      const path = join(scopePath, ...passes);
      const isSentBackTo = sentBackTo.delete(at);
      let ending: Ending;
      if (into.includes('refused')) ending = { as: 'refused' };
      else if (into.length > 0 && !into.includes('live') && !isSentBackTo) ending = { as: 'skipped' };
      else {
        const usedUp = loops.filter(({ edge, returns }) => edge.from === at && returns >= (edge.back?.atMost ?? 0));
        ending = perform(
          at,
          path,
          usedUp.map(({ edge }) => edge),
        );
        tell(node, path, ending);
        const loop = loops.find(({ edge }) => edge.from === at && leads(edge, ending));
        if (loop !== undefined && !usedUp.includes(loop)) {
          loop.returns += 1;
          for (const inner of loops)
            if (inner !== loop && inner.body.size < loop.body.size && loop.body.has(inner.edge.from)) inner.returns = 0;
          for (const one of loop.body) ended.delete(one);
          sentBackTo.add(loop.edge.to);
          continue;
        }
      }
      if (ending.as === 'skipped' || (ending.as === 'refused' && into.includes('refused')))
        told.push(`${node.id} ${path} ${ending.as}`);
      ended.set(at, ending.as);
      const out = forward.filter(({ from }) => from === at);
      const endsHere =
        node.actions?.[ending.action ?? ''] === 'end' && !out.some(({ action }) => action === ending.action);
      if (ending.as === 'refused' || endsHere) {
        refused = true;
        if (out.length === 0) rejected = true;
      }
      for (const edge of out) resolved.set(edge, resolutionOf(edge, at, ending, out, endsHere));
    }
    return { refused, rejected };
  }

  function perform(at: number, path: string, usedUp: readonly SkeletonEdge[]): Ending {
    const node = nodes[at] as SkeletonNode;
    const { kind } = node;
    if (node.when !== undefined && !condition(node.id, path, 'when 0')) return { as: 'bypassed' };
    if (node.each !== undefined) return performEach(at, path);
    switch (kind) {
      case 'choose': {
        const arms = node.arms ?? [];
        calls.push(`evaluateConditions ${node.id} ${path}`);
        const held = arms.findIndex(
          ({ when }, arm) => when !== undefined && answers.holds(node.id, path, `arm ${arm}`),
        );
        const arm = held === -1 ? arms.length - 1 : held;
        const leadsBack = edges.some(
          (edge) => edge.from === at && edge.arm === arm && edge.back !== undefined && !usedUp.includes(edge),
        );
        if (leadsBack) calls.push(`collectReads ${node.id} ${path}`);
        return { as: 'committed', arm };
      }
      case 'approve': {
        const offered = Object.keys(node.actions ?? {}).filter(
          (action) => !usedUp.some((edge) => edge.action === action),
        );
        calls.push(`openGate ${node.id} ${path}`);
        return { as: 'committed', action: answers.verdict(node.id, path, offered) };
      }
      case 'person':
        calls.push(`openGate ${node.id} ${path}`);
        return { as: 'committed' };
      case 'wait':
        if (node.waitMs === undefined) calls.push(`evaluateWait ${node.id} ${path}`);
        return { as: 'committed' };
      case 'steps': {
        if (runScope(at, path).refused) return { as: 'refused' };
        calls.push(`runCollect ${node.id} ${path}`);
        return { as: 'committed' };
      }
      case 'repeat': {
        for (let pass = 1; ; pass += 1) {
          const inner = join(path, pass === 1 ? '' : `${node.id}~${pass}`);
          if (runScope(at, inner).refused) return { as: 'refused' };
          calls.push(`runCollect ${node.id} ${inner}`);
          if (condition(node.id, inner, 'until 0')) return { as: 'committed' };
          if (pass >= (node.repeat?.atMost ?? 0))
            return node.repeat?.ifNotReached === 'link' ? { as: 'committed', on: 'not reached' } : { as: 'committed' };
        }
      }
      default:
        return work(node, path);
    }
  }

  function work(node: SkeletonNode, path: string): Ending {
    calls.push(`${activityOf[node.kind]} ${node.id} ${path}`);
    const outcome = answers.outcome(node.id, path);
    if (outcome === 'failed')
      return node.ifItFails === 'skip' ? { as: 'bypassed' } : { as: 'committed', on: 'failure' };
    return { as: outcome };
  }

  function performEach(at: number, path: string): Ending {
    const node = nodes[at] as SkeletonNode;
    calls.push(`listItems ${node.id} ${path}`);
    let refused = false;
    for (let item = 0; item < answers.items(node.id, path); item += 1) {
      const inner = join(path, `${node.id}[${item}]`);
      if (node.kind === 'for each') {
        if (runScope(at, inner).refused) refused = true;
        else calls.push(`runCollect ${node.id} ${inner}`);
      } else {
        const { each: _, when: __, ...once } = node;
        if (work(once, inner).as === 'refused') refused = true;
      }
    }
    if (refused) return { as: 'refused' };
    calls.push(`runCollect ${node.id} ${path}`);
    return { as: 'committed' };
  }

  function condition(node: string, path: string, which: string): boolean {
    calls.push(`evaluateConditions ${node} ${path}`);
    return answers.holds(node, path, which);
  }

  function tell(node: SkeletonNode, path: string, ending: Ending): void {
    if (ending.as === 'bypassed') told.push(`${node.id} ${path} bypassed`);
    if (ending.arm !== undefined) told.push(`${node.id} ${path} chosen`);
    const isContainer = node.each !== undefined || node.kind === 'steps' || node.kind === 'repeat';
    if (ending.as === 'refused' && isContainer) told.push(`${node.id} ${path} refused`);
  }

  function resolutionOf(
    edge: SkeletonEdge,
    at: number,
    ending: Ending,
    out: readonly SkeletonEdge[],
    endsHere: boolean,
  ): Resolution {
    const isPlain = edge.arm === undefined && edge.action === undefined && edge.on === undefined;
    if (ending.as === 'refused' || endsHere)
      return ending.as === 'refused' || isPlain || endsHere ? 'refused' : 'untaken';
    if (ending.as === 'skipped') return 'untaken';
    if (ending.as === 'bypassed') return isPlain ? 'live' : 'untaken';
    if (ending.on !== undefined) return edge.on === ending.on ? 'live' : 'untaken';
    if (ending.arm !== undefined) {
      const goesBack = edges.some(({ from, arm, back }) => from === at && arm === ending.arm && back !== undefined);
      return edge.arm === ending.arm && (edge.on === 'used up') === goesBack ? 'live' : 'untaken';
    }
    if (ending.action !== undefined && out.some(({ action }) => action === ending.action))
      return edge.action === ending.action ? 'live' : 'untaken';
    return isPlain ? 'live' : 'untaken';
  }

  function id(at: number): string {
    return nodes[at]?.id ?? '';
  }
}

const leads = (edge: SkeletonEdge, { arm, action }: Ending): boolean =>
  edge.arm === undefined ? edge.action !== undefined && edge.action === action : edge.arm === arm;

const join = (...parts: string[]): string => parts.filter((part) => part !== '').join('/');

/** All on a way from the target of the link back to its source. */
export function bodyOf(back: SkeletonEdge, forward: readonly SkeletonEdge[]): ReadonlySet<number> {
  const reaches = (from: number, to: number): boolean =>
    from === to || forward.some((edge) => edge.from === from && reaches(edge.to, to));
  const all = new Set([back.from, back.to, ...forward.flatMap(({ from, to }) => [from, to])]);
  return new Set([...all].filter((one) => reaches(back.to, one) && reaches(one, back.from)));
}
