/**
 * What a run of a graph would do, from the graph alone: in which order, who is asked what, what it writes and who
 * guards that, how long it waits, and what it may cost. Nothing is run.
 */
import { approversText } from './approvers.ts';
import type { Graph, Node } from './graph.ts';
import type { Range } from './plan-costs.ts';
import { costOfAgent, timesAtMost } from './plan-costs.ts';
import type { Decided } from './plan-decisions.ts';
import { decisionsOf } from './plan-decisions.ts';
import { guardedBy } from './skeleton.ts';
import type { Surroundings } from './surroundings.ts';
import type { Json, Type } from './types.ts';
import { valueValidator } from './validate-value.ts';
import type { Violation } from './violations.ts';

export interface PlanOptions {
  /** Absent where none was given: then nothing is decided by it, and it is not validated. */
  input?: Json;
  surroundings?: Surroundings;
}

export interface Plan {
  document: string;
  title: string;
  input: { given: boolean; violations: Violation[] };
  /** Steps of one layer run beside each other; a layer starts when what its steps follow has ended. */
  layers: PlannedStep[][];
  prompts: PlannedPrompt[];
  tools: PlannedTool[];
  delegations: { agent: string; mayDelegateTo: string[] }[];
  writes: PlannedWrite[];
  waits: PlannedWait[];
  total: PlanTotal;
}

export interface PlannedStep {
  id: string;
  title: string;
  kind: Node['kind'];
  /** What there is to say of it besides: who decides, bounds, where branches lead. */
  notes: string[];
  /** Whether a run gets here and does it, as far as the input alone decides. */
  runs: Decided['runs'];
  /** Of a container: its steps. */
  layers?: PlannedStep[][];
}

export interface PlannedPrompt {
  step: string;
  agent: string;
  model: string;
  /** The agent's instruction and the step's. */
  instruction: string;
  /** Names of what is shown beside it. */
  blocks: string[];
  tokensIn: Range;
  tokensOut: Range;
  calls: Range;
  /** US dollars; absent where the model's price is not known. */
  usd?: Range;
}

export interface PlannedTool {
  agent: string;
  tool: string;
  effect: 'read' | 'write' | 'not known';
  /** Steps of the agent that may call it. */
  steps: string[];
}

export interface PlannedWrite {
  step: string;
  tools: string[];
  /** `false` where it is not known whether the tools write. */
  known: boolean;
  /** Gates before it, and its own approval. */
  guards: string[];
}

export interface PlannedWait {
  step: string;
  what: 'wait' | 'due' | 'reminder' | 'call';
  /** Absent for a moment that an expression gives. */
  ms?: number;
}

export interface PlanTotal {
  calls: Range;
  tokensIn: Range;
  tokensOut: Range;
  /** Absent where no price is known. */
  usd?: Range;
  /** Models whose price is not known. */
  unpriced: string[];
  /** Of the document: what parks a run. */
  budget?: Graph['budget'];
}

/** Expects a graph that compiled. Never throws. */
export function planOf(graph: Graph, { input, surroundings = {} }: PlanOptions = {}): Plan {
  const validated = input === undefined ? undefined : validate(graph, input);
  const value = validated?.ok ? validated.value : undefined;
  const decided = decisionsOf(graph, value);
  const prompts = promptsOf(graph, decided, value, surroundings);
  return {
    document: graph.id,
    title: graph.title,
    input: { given: input !== undefined, violations: validated && !validated.ok ? validated.violations : [] },
    layers: layersOf(graph, undefined, decided),
    prompts,
    tools: toolsOf(graph, surroundings),
    delegations: graph.agents
      .filter((agent) => agent.mayDelegateTo.length > 0)
      .map(({ id, mayDelegateTo }) => ({ agent: id, mayDelegateTo })),
    writes: writesOf(graph, surroundings),
    waits: graph.nodes.flatMap(waitsOf),
    total: totalOf(graph, prompts),
  };
}

function validate(graph: Graph, input: Json) {
  const type: Type = { kind: 'record', fields: graph.inputs };
  return valueValidator(type, graph.types).complete(input);
}

function layersOf(graph: Graph, parent: string | undefined, decided: ReadonlyMap<string, Decided>): PlannedStep[][] {
  const steps = graph.nodes.filter((node) => node.parent === parent);
  const layers: PlannedStep[][] = [];
  const depths = new Map<string, number>();
  for (const node of steps) {
    const before = graph.edges.filter((edge) => edge.to === node.id && !edge.back);
    const depth = Math.max(-1, ...before.map((edge) => depths.get(edge.from) ?? -1)) + 1;
    depths.set(node.id, depth);
    const inner = layersOf(graph, node.id, decided);
    const { id, title, kind } = node;
    const { runs = 'maybe', notes = [] } = decided.get(id) ?? {};
    const step: PlannedStep = { id, title, kind, notes: [...notesOf(graph, node), ...notes], runs };
    layers[depth] = [...(layers[depth] ?? []), inner.length > 0 ? { ...step, layers: inner } : step];
  }
  return layers;
}

function notesOf(graph: Graph, node: Node): string[] {
  const title = (id: string): string => graph.nodes.find((one) => one.id === id)?.title ?? id;
  const notes: string[] = [];
  switch (node.kind) {
    case 'approve':
    case 'person':
      notes.push(`decided by ${approversText(node.approvers)}`);
      if (node.kind === 'approve' && node.quorum !== undefined) notes.push(`${node.quorum} people`);
      if (node.notBy.length > 0) notes.push(`not by ${node.notBy.join(', ')}`);
      break;
    case 'session':
      notes.push(`with ${node.who === 'assignee' ? 'the assignee' : approversText(node.who)}`);
      break;
    case 'repeat':
      notes.push(`at most ${node.atMost} passes until ${node.until}`);
      break;
    case 'run':
      notes.push(`runs ${node.document.file}`);
      break;
    default:
  }
  if ('each' in node && node.each) {
    const atOnce = node.each.atOnce === undefined ? '' : `, ${node.each.atOnce} at once`;
    notes.push(`for each ${node.each.item} in ${node.each.list}${atOnce}`);
  }
  if ('requiresApproval' in node && node.requiresApproval) {
    notes.push(`needs approval of ${approversText(node.requiresApproval)}`);
  }
  for (const { from, to, back } of graph.edges) {
    if (from === node.id && back)
      notes.push(`back to ${title(to)} at most ${back.atMost} ${back.atMost === 1 ? 'time' : 'times'}`);
  }
  return notes;
}

function promptsOf(
  graph: Graph,
  decided: ReadonlyMap<string, Decided>,
  input: Json | undefined,
  surroundings: Surroundings,
): PlannedPrompt[] {
  return graph.nodes.flatMap((node) => {
    if (node.kind !== 'agent' && node.kind !== 'session') return [];
    const agent = graph.agents.find((one) => one.id === node.agent);
    const runs = decided.get(node.id)?.runs ?? 'maybe';
    const times = { once: runs === 'no' ? 0 : 1, most: runs === 'no' ? 0 : timesAtMost(graph, node, input) };
    return [
      {
        step: node.id,
        agent: node.agent,
        model: agent?.model ?? 'not known',
        instruction: [agent?.instruction ?? '', node.instruction].filter((text) => text !== '').join('\n\n'),
        blocks: node.uses.map((use) => use.name),
        ...costOfAgent(graph, node, agent, times, input, surroundings.models),
      },
    ];
  });
}

function effectOf(tool: string, { tools }: Surroundings): PlannedTool['effect'] {
  return tools?.get(tool)?.effect ?? 'not known';
}

function toolsOf(graph: Graph, surroundings: Surroundings): PlannedTool[] {
  return graph.agents.flatMap((agent) =>
    agent.tools.map((tool) => ({
      agent: agent.id,
      tool,
      effect: effectOf(tool, surroundings),
      steps: graph.nodes.flatMap((node) =>
        'agent' in node && node.agent === agent.id && node.tools.includes(tool) ? [node.id] : [],
      ),
    })),
  );
}

function writesOf(graph: Graph, surroundings: Surroundings): PlannedWrite[] {
  const gates = graph.nodes.filter((node) => node.kind === 'approve');
  const guarded = gates.map((gate) => ({ gate: gate.id, steps: guardedBy(graph, gate.id).map((one) => one.id) }));
  return graph.nodes.flatMap((node): PlannedWrite[] => {
    if (node.kind !== 'tool' && node.kind !== 'agent') return [];
    const tools = node.kind === 'tool' ? [node.tool] : node.tools;
    const writing = tools.filter((tool) => effectOf(tool, surroundings) !== 'read');
    if (writing.length === 0) return [];
    const own = node.requiresApproval ? [`approval of ${approversText(node.requiresApproval)}`] : [];
    const before = guarded.flatMap(({ gate, steps }) => (steps.includes(node.id) ? [gate] : []));
    const known = writing.every((tool) => effectOf(tool, surroundings) === 'write');
    return [{ step: node.id, tools: writing, known, guards: [...before, ...own] }];
  });
}

function waitsOf(node: Node): PlannedWait[] {
  const waits: PlannedWait[] = [];
  if (node.kind === 'wait') {
    waits.push({ step: node.id, what: 'wait', ...('ms' in node.until && { ms: node.until.ms }) });
  }
  if ('dueMs' in node && node.dueMs !== undefined) waits.push({ step: node.id, what: 'due', ms: node.dueMs });
  if ('remindEveryMs' in node && node.remindEveryMs !== undefined) {
    waits.push({ step: node.id, what: 'reminder', ms: node.remindEveryMs });
  }
  if (node.kind === 'agent' || node.kind === 'tool') waits.push({ step: node.id, what: 'call', ms: node.timeoutMs });
  return waits;
}

function totalOf(graph: Graph, prompts: readonly PlannedPrompt[]): PlanTotal {
  const sum = (of: (prompt: PlannedPrompt) => Range | undefined): Range => ({
    once: prompts.reduce((total, one) => total + (of(one)?.once ?? 0), 0),
    most: prompts.reduce((total: number | null, one) => addBound(total, of(one)), 0),
  });
  const unpriced = [...new Set(prompts.filter((one) => !one.usd).map((one) => one.model))];
  const priced = prompts.some((one) => one.usd);
  return {
    calls: sum((one) => one.calls),
    tokensIn: sum((one) => one.tokensIn),
    tokensOut: sum((one) => one.tokensOut),
    ...(priced && { usd: sum((one) => one.usd) }),
    unpriced,
    ...(graph.budget && { budget: graph.budget }),
  };
}

function addBound(total: number | null, range: Range | undefined): number | null {
  if (range === undefined) return total;
  return total === null || range.most === null ? null : total + range.most;
}
