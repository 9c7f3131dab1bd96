/** Which agent of the document talks in a session, and what it may call and spend there. */
import { z } from 'zod';
import type { Agent, NodeOf } from '../../compiler/graph.ts';
import type { Actor, Tx } from '../../prisma/open.ts';
import type { HeldProposal } from '../../prisma/proposals.ts';
import type { CallDeed } from '../../prisma/session-deeds.ts';
import type { Limit } from '../budgets.ts';
import { limitsOf } from '../budgets.ts';
import type { Dependencies } from '../dependencies.ts';
import type { GateRow } from '../gate-rows.ts';
import type { ToolDeclaration } from '../tools/declarations.ts';
import { findTool } from '../tools/declarations.ts';
import { graphNow } from './graph-now.ts';
import { mayDo, openTaskOf } from './open-task.ts';

export interface SessionAgent {
  /** Of the document that the proposal is of; absent where it has none. */
  agent?: Agent;
  /** In which that agent talks with people; absent where the document has none. */
  step?: NodeOf<'session'>;
  /** Budgets that the replies draw on. */
  limits: Limit[];
  /** Tools of the configuration that the document gives this agent; writes only while `at` is there. */
  tools: ToolDeclaration[];
  /** The task of the step, while it is open and the owner's to do: where a write is asked for. */
  at?: CallDeed['at'];
  /** What that step uses, as its task shows it; absent where it is not the owner's to do. */
  given?: Given;
}

export interface Given {
  /** The task, and the run that it is of. */
  gate: string;
  run: string;
  shown: { name: string; digest: string }[];
}

const shownSchema = z.array(z.object({ name: z.string(), digest: z.string() }));

/**
 * The agent by which the step that waits for people talks with them, else the first such step of the document, else its first
 * agent; what it may spend, and what it may call. A write belongs to a step, which has to be open and the owner's to do:
 * what comes after a gate is not written before it.
 */
export async function agentFor(
  tx: Tx,
  deps: Dependencies,
  actor: Actor,
  proposal: HeldProposal,
): Promise<SessionAgent> {
  const none = { limits: [], tools: [] };
  const graph = await graphNow(tx, deps, proposal);
  if (graph === undefined) return none;
  const task = await openTaskOf(tx, graph, proposal);
  const step = task?.step ?? graph.nodes.find((node) => node.kind === 'session');
  const agent = graph.agents.find(({ id }) => id === step?.agent) ?? graph.agents[0];
  if (agent === undefined) return { ...none, limits: limitsOf(graph, undefined, []) };
  const names = step?.tools ?? agent.tools;
  const declared = names.flatMap((name) => findTool(deps.configuration, undefined, name) ?? []);
  const isTheirs = task !== undefined && (await mayDo(tx, actor, task, proposal));
  return {
    agent,
    ...(step === undefined ? {} : { step }),
    limits: limitsOf(graph, step, [agent]),
    tools: declared.filter(({ effect }) => effect === 'read' || isTheirs),
    ...(isTheirs ? { at: { step: task.step.id, path: task.gate.path }, given: givenBy(task.gate) } : {}),
  };
}

const givenBy = ({ id, runId, shown }: GateRow): Given => ({
  gate: id,
  run: runId,
  shown: shownSchema.parse(JSON.parse(shown)),
});
