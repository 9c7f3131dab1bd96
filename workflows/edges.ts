/**
 * Which steps run, and which are passed over: edges, joins, skipping and refusal. Pure: no clock, no Temporal.
 *
 * Joins count edges, not nodes. Every edge resolves once, as live, untaken or refused; a node whose in-edges have all
 * resolved is refused if any is refused, else ready if any is live, else skipped. A node without in-edges is ready at
 * the start. Building is linear in the graph, each resolution in the edges it touches.
 */
import type { Skeleton, SkeletonEdge } from '../compiler/skeleton.ts';
import { inDocumentOrder } from './document-order.ts';

/** `waiting` has unresolved in-edges; `failed` is parked: it has resolved nothing, and what depends on it waits. */
export type NodeState = 'waiting' | 'ready' | 'running' | 'failed' | Ended;

type Ended = 'committed' | 'bypassed' | 'skipped' | 'refused';

/** How a running node ended. `arm` is the one a choose took, `action` the verdict of a gate. */
export type Ending = { as: 'committed'; arm?: number; action?: string } | { as: 'bypassed' } | { as: 'refused' };

/** A node that was decided without running. */
export interface PassedOver {
  node: number;
  as: 'skipped' | 'refused';
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
  /** The next ready node in document order, now running. */
  start(): number | undefined;
  /**
   * Resolves the out-edges of a running node. Returns the nodes that were passed over in consequence, each before those
   * that depend on it. Throws on a node that is not running, and on an arm or action that the node does not have.
   */
  end(node: number, how: Ending): PassedOver[];
  /** Parks a running node. */
  fail(node: number): void;
}

type Resolution = 'live' | 'untaken' | 'refused';

export function followEdges(skeleton: Pick<Skeleton, 'nodes' | 'edges'>): Flow {
  const size = skeleton.nodes.length;
  const outEdges: SkeletonEdge[][] = Array.from({ length: size }, () => []);
  const open = new Uint32Array(size);
  const anyLive = new Uint8Array(size);
  const anyRefused = new Uint8Array(size);
  for (const edge of skeleton.edges) {
    outEdges[edge.from]?.push(edge);
    open[edge.to] = (open[edge.to] ?? 0) + 1;
  }

  const states: NodeState[] = new Array<NodeState>(size).fill('waiting');
  const counts = { waiting: size, ready: 0, running: 0, failed: 0, committed: 0, bypassed: 0, skipped: 0, refused: 0 };
  const ready = inDocumentOrder();
  let rejected = false;

  for (let node = 0; node < size; node += 1) if (open[node] === 0) makeReady(node);

  function move(node: number, to: NodeState): void {
    counts[states[node] as NodeState] -= 1;
    counts[to] += 1;
    states[node] = to;
  }

  function makeReady(node: number): void {
    move(node, 'ready');
    ready.put(node);
  }

  function mustRun(node: number): void {
    if (states[node] !== 'running')
      throw new Error(`node ${node} is ${states[node] ?? 'not in the graph'}, expected running`);
  }

  function resolve(edge: SkeletonEdge, resolution: Resolution): PassedOver | undefined {
    const { to } = edge;
    if (resolution === 'live') anyLive[to] = 1;
    if (resolution === 'refused') anyRefused[to] = 1;
    const left = (open[to] ?? 0) - 1;
    open[to] = left;
    if (left > 0) return undefined;
    if (anyRefused[to]) return { node: to, as: 'refused' };
    if (!anyLive[to]) return { node: to, as: 'skipped' };
    makeReady(to);
    return undefined;
  }

  /** Ends a node and all that is decided by it, with a worklist rather than recursion: a chain may be long. */
  function settle(node: number, how: Ending): PassedOver[] {
    const passed: PassedOver[] = [];
    const resolutionOf = resolver(skeleton, node, outEdges[node] ?? [], how);
    move(node, how.as);
    if (outEdges[node]?.length === 0 && (how.as === 'refused' || endsBranch(skeleton, node, how))) rejected = true;
    for (const edge of outEdges[node] ?? []) {
      const next = resolve(edge, resolutionOf(edge));
      if (next !== undefined) passed.push(next);
    }
    for (let position = 0; position < passed.length; position += 1) {
      const { node: over, as } = passed[position] as PassedOver;
      move(over, as);
      if (outEdges[over]?.length === 0 && as === 'refused') rejected = true;
      for (const edge of outEdges[over] ?? []) {
        const next = resolve(edge, as === 'refused' ? 'refused' : 'untaken');
        if (next !== undefined) passed.push(next);
      }
    }
    return passed;
  }

  return {
    states,
    counts,
    get readyCount() {
      return ready.size;
    },
    get done() {
      return counts.waiting + counts.ready + counts.running + counts.failed === 0;
    },
    get outcome() {
      return rejected ? 'rejected' : 'completed';
    },
    start() {
      const node = ready.take();
      if (node !== undefined) move(node, 'running');
      return node;
    },
    end(node, how) {
      mustRun(node);
      return settle(node, how);
    },
    fail(node) {
      mustRun(node);
      move(node, 'failed');
    },
  };
}

const isPlain = (edge: SkeletonEdge): boolean => edge.arm === undefined && edge.action === undefined;

function resolver(
  skeleton: Pick<Skeleton, 'nodes' | 'edges'>,
  node: number,
  out: SkeletonEdge[],
  how: Ending,
): (edge: SkeletonEdge) => Resolution {
  if (how.as === 'refused') return () => 'refused';
  // A bypass passes through: no arm and no action was decided.
  if (how.as === 'bypassed') return (edge) => (isPlain(edge) ? 'live' : 'untaken');
  const { arms, actions } = skeleton.nodes[node] ?? {};
  if (arms !== undefined) {
    const { arm } = how;
    if (arm === undefined || arms[arm] === undefined) throw new Error(`node ${node} has no arm ${arm}`);
    return (edge) => (edge.arm === arm ? 'live' : 'untaken');
  }
  if (actions !== undefined) {
    const { action } = how;
    if (action === undefined || !Object.hasOwn(actions, action)) throw new Error(`node ${node} has no such action`);
    if (out.some((edge) => edge.action === action)) return (edge) => (edge.action === action ? 'live' : 'untaken');
    if (actions[action] === 'end') return () => 'refused';
  }
  return (edge) => (isPlain(edge) ? 'live' : 'untaken');
}

/** A gate whose verdict leads nowhere. */
function endsBranch(skeleton: Pick<Skeleton, 'nodes'>, node: number, how: Ending): boolean {
  const actions = skeleton.nodes[node]?.actions;
  return how.as === 'committed' && how.action !== undefined && actions?.[how.action] === 'end';
}
