/**
 * Which steps run, and which are passed over: edges, joins, skipping, refusal and going back. Pure: no clock, no Temporal.
 *
 * Joins count edges, not nodes. In a pass every edge resolves once, as live, untaken or refused; a node whose in-edges
 * have all resolved is refused if any is refused, else ready if any is live, else skipped. A node without in-edges is
 * ready at the start. Building is linear in the scope, each resolution in the edges it touches.
 */
import type { SkeletonEdge, SkeletonNode } from '../compiler/skeleton.ts';
import { inDocumentOrder } from './document-order.ts';
import type { Loop } from './loops.ts';
import { loopsOf } from './loops.ts';

/** `waiting` has unresolved in-edges; `failed` is parked: it has resolved nothing, and what depends on it waits. */
export type NodeState = 'waiting' | 'ready' | 'running' | 'failed' | Ended;

type Ended = 'committed' | 'bypassed' | 'skipped' | 'refused';

/**
 * How a running node ended. `arm` is the one a choose took, `action` the verdict of a gate, `on` an outcome that only its
 * own edges follow.
 */
export type Ending =
  | { as: 'committed'; arm?: number; action?: string; on?: NonNullable<SkeletonEdge['on']> }
  | { as: 'bypassed' }
  | { as: 'refused' };

/** A node that was decided without running. */
export interface PassedOver {
  node: number;
  as: 'skipped' | 'refused';
}

/** Where a run goes back to, and what runs again: the target, the node that sent back, and all between. */
export interface Return {
  to: number;
  body: readonly number[];
}

/** Steps of one scope with the edges between them. Back edges count in no join. */
export interface FlowGraph {
  nodes: readonly Pick<SkeletonNode, 'arms' | 'actions'>[];
  edges: readonly SkeletonEdge[];
}

/** All that a flow knows, as plain data. */
export interface FlowSnapshot {
  states: NodeState[];
  /** By edge: what it resolved to, or `held` with it while a loop around may still send back; null when neither. */
  edges: (Resolution | `held ${Resolution}` | null)[];
  /** By back edge: returns made in this pass of the bodies around. */
  returns: Record<number, number>;
  /** Back edges whose source has ended without sending back. */
  closed: number[];
  rejected: boolean;
  refused: boolean;
}

export interface Flow {
  readonly states: readonly NodeState[];
  /** How many nodes are in each state. */
  readonly counts: Readonly<Record<NodeState, number>>;
  readonly readyCount: number;
  /** Every node has ended. */
  readonly done: boolean;
  /** Rejected once a node without out-edges was refused, or was a gate whose verdict ended the branch. */
  readonly outcome: 'completed' | 'rejected';
  /** A node was refused, or a gate rejected: what a container is by. */
  readonly refused: boolean;
  /** Of the ready nodes, those that were running when the snapshot was taken. */
  readonly begunCount: number;
  /** The next ready node, now running: those that had begun come first, then in document order. */
  start(): number | undefined;
  /**
   * Resolves the out-edges of a running node. Returns the nodes that were passed over in consequence, each before those
   * that depend on it. Throws on a node that is not running, and on an arm or action that the node does not have.
   */
  end(node: number, how: Ending): PassedOver[];
  /** Parks a running node. */
  fail(node: number): void;
  /** A parked node runs again, or is about to be ended by what a person gave. */
  revive(node: number): void;
  /** Does this ending lead back, and is a return left for it? */
  leadsBack(node: number, how: Ending): boolean;
  /** Would an ended node, had it ended like this, have led the same ways? */
  ledAs(node: number, how: Ending): boolean;
  /** Runs the body again, in a new pass. Only for an ending that leads back. */
  goBack(node: number, how: Ending): Return;
  /** Actions whose link back is used up: they are not offered. */
  usedUp(node: number): string[];
  /** Of the bodies around a node that run again, outer first: from where to where, and the pass counted from 1. */
  passes(node: number): { source: number; target: number; pass: number }[];
  snapshot(): FlowSnapshot;
}

type Resolution = 'live' | 'untaken' | 'refused';

/** With a snapshot, the flow goes on from there; what was running is ready again. */
export function followEdges(graph: FlowGraph, from?: FlowSnapshot): Flow {
  const { nodes, edges } = graph;
  const size = nodes.length;
  const outEdges: SkeletonEdge[][] = Array.from({ length: size }, () => []);
  const inEdges: SkeletonEdge[][] = Array.from({ length: size }, () => []);
  const open = new Uint32Array(size);
  const anyLive = new Uint8Array(size);
  const anyRefused = new Uint8Array(size);
  for (const edge of edges) {
    outEdges[edge.from]?.push(edge);
    if (edge.back !== undefined) continue;
    inEdges[edge.to]?.push(edge);
    open[edge.to] = (open[edge.to] ?? 0) + 1;
  }

  const loops = loopsOf(size, edges);
  const returns = new Map<Loop, number>();
  const closed = new Set<Loop>();
  const held = new Map<SkeletonEdge, Resolution>();
  const resolutions = new Map<SkeletonEdge, Resolution>();
  const states: NodeState[] = new Array<NodeState>(size).fill('waiting');
  const counts = { waiting: size, ready: 0, running: 0, failed: 0, committed: 0, bypassed: 0, skipped: 0, refused: 0 };
  const ready = inDocumentOrder();
  const begun = inDocumentOrder();
  let rejected = false;
  let refused = false;

  if (from === undefined) {
    for (let node = 0; node < size; node += 1) if (open[node] === 0) makeReady(node);
  } else restore(from);

  function move(node: number, to: NodeState): void {
    counts[states[node] as NodeState] -= 1;
    counts[to] += 1;
    states[node] = to;
    if (to === 'refused') refused = true;
  }

  function makeReady(node: number): void {
    move(node, 'ready');
    ready.put(node);
  }

  function mustBe(node: number, state: NodeState): void {
    if (states[node] !== state)
      throw new Error(`node ${node} is ${states[node] ?? 'not in the graph'}, expected ${state}`);
  }

  function count(edge: SkeletonEdge, resolution: Resolution): void {
    const { to } = edge;
    resolutions.set(edge, resolution);
    if (resolution === 'live') anyLive[to] = 1;
    if (resolution === 'refused') anyRefused[to] = 1;
    open[to] = (open[to] ?? 0) - 1;
  }

  function resolve(edge: SkeletonEdge, resolution: Resolution, passed: PassedOver[]): void {
    if (edge.back !== undefined) return;
    if (loops.heldBy(edge).some((loop) => !closed.has(loop))) {
      held.set(edge, resolution);
      return;
    }
    count(edge, resolution);
    const { to } = edge;
    if ((open[to] ?? 0) > 0) return;
    if (anyRefused[to]) passed.push({ node: to, as: 'refused' });
    else if (!anyLive[to]) passed.push({ node: to, as: 'skipped' });
    else makeReady(to);
  }

  /** Its source will send nobody back any more in this pass: what waited for that is delivered. */
  function closeLoopsOf(node: number, passed: PassedOver[]): void {
    const ended = loops.endingAt(node);
    for (const loop of ended) closed.add(loop);
    if (ended.length === 0) return;
    for (const edge of edges) {
      const resolution = held.get(edge);
      if (resolution === undefined || loops.heldBy(edge).some((loop) => !closed.has(loop))) continue;
      held.delete(edge);
      resolve(edge, resolution, passed);
    }
  }

  /** Ends a node and all that is decided by it, with a worklist rather than recursion: a chain may be long. */
  function settle(node: number, how: Ending): PassedOver[] {
    const passed: PassedOver[] = [];
    const resolutionOf = resolver(node, how);
    move(node, how.as);
    if (endsBranch(node, how)) refused = true;
    if (leadsNowhere(node) && (how.as === 'refused' || endsBranch(node, how))) rejected = true;
    for (const edge of outEdges[node] ?? []) resolve(edge, resolutionOf(edge), passed);
    closeLoopsOf(node, passed);
    for (let position = 0; position < passed.length; position += 1) {
      const { node: over, as } = passed[position] as PassedOver;
      move(over, as);
      if (leadsNowhere(over) && as === 'refused') rejected = true;
      for (const edge of outEdges[over] ?? []) resolve(edge, as === 'refused' ? 'refused' : 'untaken', passed);
      closeLoopsOf(over, passed);
    }
    return passed;
  }

  /** A gate whose verdict leads nowhere. */
  function endsBranch(node: number, how: Ending): boolean {
    if (how.as !== 'committed' || how.action === undefined) return false;
    const { action } = how;
    return nodes[node]?.actions?.[action] === 'end' && !outEdges[node]?.some((edge) => edge.action === action);
  }

  function leadsNowhere(node: number): boolean {
    return outEdges[node]?.every(({ back }) => back !== undefined) ?? true;
  }

  function resolver(node: number, how: Ending): (edge: SkeletonEdge) => Resolution {
    if (how.as === 'refused') return () => 'refused';
    // A bypass passes through: no arm, no action and no outcome was decided.
    if (how.as === 'bypassed') return (edge) => (isPlain(edge) ? 'live' : 'untaken');
    const { on } = how;
    if (on !== undefined) return (edge) => (edge.on === on ? 'live' : 'untaken');
    const { arms, actions } = nodes[node] ?? {};
    const out = outEdges[node] ?? [];
    if (arms !== undefined) {
      const { arm } = how;
      if (arm === undefined || arms[arm] === undefined) throw new Error(`node ${node} has no arm ${arm}`);
      const back = out.some((edge) => edge.arm === arm && edge.back !== undefined);
      return (edge) => (edge.arm === arm && (edge.on === 'used up') === back ? 'live' : 'untaken');
    }
    if (actions !== undefined) {
      const { action } = how;
      if (action === undefined || !Object.hasOwn(actions, action)) throw new Error(`node ${node} has no such action`);
      if (out.some((edge) => edge.action === action)) return (edge) => (edge.action === action ? 'live' : 'untaken');
      if (actions[action] === 'end') return () => 'refused';
    }
    return (edge) => (isPlain(edge) ? 'live' : 'untaken');
  }

  function loopOf(node: number, how: Ending): Loop | undefined {
    if (how.as !== 'committed' || how.on !== undefined || (how.arm === undefined && how.action === undefined)) return;
    return loops.endingAt(node).find(({ edge }) => {
      const back = edges[edge];
      return how.arm === undefined ? back?.action === how.action : back?.arm === how.arm;
    });
  }

  const isUsedUp = (loop: Loop): boolean => (returns.get(loop) ?? 0) >= loop.atMost;

  function goBack(node: number, how: Ending): Return {
    mustBe(node, 'running');
    const loop = loopOf(node, how);
    if (loop === undefined || isUsedUp(loop)) throw new Error(`node ${node} does not lead back`);
    returns.set(loop, (returns.get(loop) ?? 0) + 1);
    const body = new Set(loop.body);
    for (const inner of loops.all) {
      if (!body.has(inner.source)) continue;
      if (inner.size < loop.size) returns.delete(inner);
      closed.delete(inner);
    }
    for (const one of loop.body) {
      move(one, 'waiting');
      open[one] = 0;
      anyLive[one] = 0;
      anyRefused[one] = 0;
      for (const edge of outEdges[one] ?? []) held.delete(edge);
    }
    for (const one of loop.body) for (const edge of inEdges[one] ?? []) enterAgain(edge, body.has(edge.from));
    for (const one of loop.body) if (one === loop.target) makeReady(one);
    return { to: loop.target, body: loop.body };
  }

  /** Edges within the body are to be resolved again; those that enter it stay as they are. */
  function enterAgain(edge: SkeletonEdge, inner: boolean): void {
    open[edge.to] = (open[edge.to] ?? 0) + 1;
    const resolution = resolutions.get(edge);
    if (inner) resolutions.delete(edge);
    else if (resolution !== undefined) count(edge, resolution);
  }

  function restore(snapshot: FlowSnapshot): void {
    rejected = snapshot.rejected;
    edges.forEach((edge, index) => {
      const found = snapshot.edges[index];
      if (found === null || found === undefined) return;
      if (found.startsWith('held ')) held.set(edge, found.slice('held '.length) as Resolution);
      else count(edge, found as Resolution);
    });
    for (const loop of loops.all) {
      const made = snapshot.returns[loop.edge];
      if (made !== undefined) returns.set(loop, made);
      if (snapshot.closed.includes(loop.edge)) closed.add(loop);
    }
    snapshot.states.forEach((state, node) => {
      if (state === 'ready') makeReady(node);
      else if (state === 'running') {
        move(node, 'ready');
        begun.put(node);
      } else move(node, state);
    });
    refused = snapshot.refused;
  }

  return {
    states,
    counts,
    get readyCount() {
      return ready.size + begun.size;
    },
    get begunCount() {
      return begun.size;
    },
    get done() {
      return counts.waiting + counts.ready + counts.running + counts.failed === 0;
    },
    get outcome() {
      return rejected ? 'rejected' : 'completed';
    },
    get refused() {
      return refused;
    },
    start() {
      const node = begun.take() ?? ready.take();
      if (node !== undefined) move(node, 'running');
      return node;
    },
    end(node, how) {
      mustBe(node, 'running');
      return settle(node, how);
    },
    fail(node) {
      mustBe(node, 'running');
      move(node, 'failed');
    },
    revive(node) {
      mustBe(node, 'failed');
      move(node, 'running');
    },
    leadsBack(node, how) {
      const loop = loopOf(node, how);
      return loop !== undefined && !isUsedUp(loop);
    },
    ledAs(node, how) {
      const now = resolver(node, how);
      const forward = (outEdges[node] ?? []).filter(({ back }) => back === undefined);
      return forward.every((edge) => now(edge) === (resolutions.get(edge) ?? held.get(edge)));
    },
    goBack,
    usedUp(node) {
      const own = loops.endingAt(node).filter(isUsedUp);
      return own.flatMap(({ edge }) => edges[edge]?.action ?? []);
    },
    passes(node) {
      const passes: { source: number; target: number; pass: number }[] = [];
      for (const loop of loops.around(node)) {
        const { source, target } = loop;
        const made = returns.get(loop) ?? 0;
        // Two actions of one gate may lead back to one step: their returns are counted together.
        const same = passes.find((one) => one.source === source && one.target === target);
        if (same !== undefined) same.pass += made;
        else if (made > 0) passes.push({ source, target, pass: made + 1 });
      }
      return passes;
    },
    snapshot: () => ({
      states: [...states],
      edges: edges.map((edge) => {
        const waiting = held.get(edge);
        return waiting === undefined ? (resolutions.get(edge) ?? null) : (`held ${waiting}` as const);
      }),
      returns: Object.fromEntries([...returns].map(([loop, made]) => [loop.edge, made])),
      closed: [...closed].map(({ edge }) => edge),
      rejected,
      refused,
    }),
  };
}

const isPlain = (edge: SkeletonEdge): boolean =>
  edge.arm === undefined && edge.action === undefined && edge.on === undefined;
