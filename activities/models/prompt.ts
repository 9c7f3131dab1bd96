/** What an agent is asked at first: its instruction and the step's as written, and the data apart from them. */
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions';
import { ExpressionError } from '../../compiler/expressions/evaluate.ts';
import type { Agent, Graph, NodeOf } from '../../compiler/graph.ts';
import { rootsOf } from '../input-digests.ts';
import type { Bindings } from '../load-inputs.ts';
import { valueGiven } from '../load-inputs.ts';
import type { Block, BlockRecord } from './context-blocks.ts';
import { blocksExplained, renderBlocks } from './context-blocks.ts';
import { isUntrusted } from './trust.ts';

export interface Prompt {
  messages: ChatCompletionMessageParam[];
  blocks: BlockRecord[];
}

/** @throws ExpressionError when a value the step requires has none */
export function promptOf(graph: Graph, agent: Agent, node: NodeOf<'agent'>, bindings: Bindings): Prompt {
  const blocks = node.uses.flatMap((use): Block[] => {
    try {
      const value = valueGiven(use.expr, bindings);
      return [{ name: use.name, source: use.expr, trusted: !isUntrusted(graph, use.expr), value }];
    } catch (problem) {
      if (use.ifItRan && problem instanceof ExpressionError && problem.code === 'absent') return [];
      throw problem;
    }
  });
  const { feedback } = bindings;
  // Who sends work back says why, whether or not the document names it among what the step reads.
  if (feedback !== undefined && !node.uses.some((use) => rootsOf(use.expr).includes('feedback')))
    blocks.push({ name: 'feedback', source: 'feedback', trusted: false, value: feedback });
  const rendered = renderBlocks(blocks, node.windowTokens);
  const instruction = [agent.instruction, node.instruction].filter((text) => text !== '').join('\n\n');
  return {
    messages: [
      { role: 'system', content: `${instruction}\n\n${blocksExplained}` },
      // Some servers refuse a conversation without a user's message.
      { role: 'user', content: rendered.text || 'This task comes without data.' },
    ],
    blocks: rendered.records,
  };
}

/** What an agent is asked at first that another one hands work to. The task is a model's words, and no instruction of ours. */
export function delegatePrompt(agent: Agent, from: Agent, task: string, windowTokens: number | undefined): Prompt {
  const block: Block = { name: 'task', source: `agent ${from.name}`, trusted: false, value: task };
  const rendered = renderBlocks([block], windowTokens);
  const explained = `The block \`task\` says what ${from.name} asks of you. Do that work, as far as what is said above allows it.`;
  const parts = [agent.instruction, blocksExplained, explained].filter((text) => text !== '');
  return {
    messages: [
      { role: 'system', content: parts.join('\n\n') },
      { role: 'user', content: rendered.text },
    ],
    blocks: rendered.records,
  };
}
