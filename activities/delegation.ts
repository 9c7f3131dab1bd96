/**
 * Work that one agent hands to another within a step: whom it may hand it to, and how a model is told and says so. What
 * the document allows is asked again here, whatever the model calls.
 */
import type { ChatCompletionFunctionTool } from 'openai/resources/chat/completions';
import type { Agent, Graph } from '../compiler/graph.ts';
import { recordGiven } from './call-arguments.ts';
import { functionNameOf } from './models/function-names.ts';

/** Agents below the one whose step it is. */
export const deepestDelegation = 3;

/** Whose turn it is: the agent, last, after those it works for; the first is the step's own. */
export type AgentChain = readonly [Agent, ...Agent[]];

export const speakerOf = (chain: AgentChain): Agent => chain.at(-1) ?? chain[0];

/** In the order of the document: those whom the last of these may hand work to now. */
export function delegatesOf(graph: Graph, chain: AgentChain): Agent[] {
  if (chain.length > deepestDelegation) return [];
  const { mayDelegateTo } = speakerOf(chain);
  return graph.agents.filter(({ id }) => mayDelegateTo.includes(id) && chain.every((one) => one.id !== id));
}

const functionOf = ({ id }: Agent): string => functionNameOf(`delegate-to-${id}`);

/** Delegation as a function that a model may call. */
export function delegateFunction(agent: Agent): ChatCompletionFunctionTool {
  return {
    type: 'function',
    function: {
      name: functionOf(agent),
      description: `Hands a piece of work to ${agent.name}, who sees nothing but what the task says, and gives back the answer`,
      parameters: {
        type: 'object',
        properties: { task: { type: 'string', description: 'What is to be done, with all that is needed for it' } },
        required: ['task'],
        additionalProperties: false,
      },
      strict: true,
    },
  };
}

/** The agent that a called function means, whether or not it may be handed work; undefined when it means none. */
export function agentMeant(graph: Graph, functionName: string): Agent | undefined {
  return graph.agents.find((agent) => functionOf(agent) === functionName);
}

/** Why the last of these may not hand work to that one; undefined when it may. */
export function delegationProblem(graph: Graph, chain: AgentChain, to: Agent): string | undefined {
  const allowed = delegatesOf(graph, chain);
  if (allowed.includes(to)) return undefined;
  const from = speakerOf(chain).name;
  if (chain.some(({ id }) => id === to.id)) {
    return `Unexpected delegation by ${from} to ${to.name}, expected none to an agent that waits for the answer`;
  }
  if (chain.length > deepestDelegation) {
    return `Unexpected delegation by ${from} to ${to.name}, expected agents to hand work on at most ${deepestDelegation} times`;
  }
  const names = allowed.map(({ name }) => name).join(', ') || 'nobody';
  return `Unexpected delegation by ${from} to ${to.name}, expected an agent that it may delegate to: ${names}`;
}

export type ReadTask = { ok: true; task: string } | { ok: false; problem: string };

export function readTask(text: string): ReadTask {
  const read = recordGiven(text);
  if ('problem' in read) return { ok: false, problem: read.problem };
  const { task } = read.args;
  if (typeof task === 'string' && task.trim() !== '') return { ok: true, task };
  return {
    ok: false,
    problem: 'Arguments: Unexpected record without a task, expected `task` to say what is to be done',
  };
}
