/**
 * One agent's conversation with its model, kept in the journal: what is recorded is replayed, and only what is not is
 * asked. Each reply is journaled before anything is done about it.
 */
import type { ChatCompletionFunctionTool, ChatCompletionMessageParam } from 'openai/resources/chat/completions';
import type { NodeOf } from '../compiler/graph.ts';
import type { Json, Type } from '../compiler/types.ts';
import { BreakerOpen } from './breakers.ts';
import { requireBudget } from './budgets.ts';
import type { Claim } from './claim.ts';
import type { AgentChain } from './delegation.ts';
import { speakerOf } from './delegation.ts';
import type { Dependencies } from './dependencies.ts';
import { failStep } from './failures.ts';
import type { Usage } from './handoff.ts';
import type { Turn } from './journal.ts';
import { recordTurn, requestDigestOf } from './journal.ts';
import type { ModelReply } from './models/client.ts';
import { askModel, ModelProblem } from './models/client.ts';
import type { BlockRecord } from './models/context-blocks.ts';
import { costOf, modelNamed } from './models/pricing.ts';
import { responseFormat } from './models/structured-output.ts';
import { thinkingOf } from './models/thinking.ts';
import { practiceHeaders } from './tools/requests.ts';

export interface ConversationParts {
  deps: Dependencies;
  claim: Claim;
  node: NodeOf<'agent'>;
  /** Who is asked, last, after those for whom. */
  chain: AgentChain;
  /** Empty for the step's own conversation; else names the delegation within the step (`Speaker`). */
  delegation: string;
  /** Names the work: the same key is never asked about twice. */
  memoKey: string;
  /** Of the answer. */
  gives: Type;
  /** What the model may call. */
  functions: readonly ChatCompletionFunctionTool[];
  /** What is recorded so far. */
  turns: Turn[];
  messages: ChatCompletionMessageParam[];
  /** Of the data shown at first: goes into the journal with the first reply. */
  blocks: BlockRecord[];
  signal: AbortSignal;
}

export class AgentConversation {
  private readonly parts: ConversationParts;
  private readonly messages: ChatCompletionMessageParam[];
  private position = 0;

  constructor(parts: ConversationParts) {
    this.parts = parts;
    this.messages = [...parts.messages];
  }

  /** Of all turns, whichever attempt paid for them. */
  get usage(): Usage {
    const sum = (of: (turn: Turn) => number) => this.parts.turns.reduce((total, turn) => total + of(turn), 0);
    return {
      tokensIn: sum((turn) => turn.tokensIn),
      tokensOut: sum((turn) => turn.tokensOut),
      costUsd: sum((turn) => turn.costUsd),
      latencyMs: Math.round(sum((turn) => turn.latencyMs)),
    };
  }

  /** Names the turn last taken for ever in this step. */
  get lastTurn(): string {
    return turnNamed(this.parts.delegation, this.position - 1);
  }

  /** The same of the turn that is next. */
  get nextTurn(): string {
    return turnNamed(this.parts.delegation, this.position);
  }

  /** The model's next reply, recorded or asked now. What goes wrong ends the attempt by its failure class. */
  async reply(): Promise<ModelReply> {
    const { deps, claim, turns } = this.parts;
    const seq = this.position;
    const requestDigest = requestDigestOf(claim, {
      memoKey: this.parts.memoKey,
      turn: seq,
      before: turns.slice(0, seq).map((turn) => turn.response),
    });
    const recorded = await this.recorded('model', requestDigest);
    if (recorded) {
      const reply = recorded.response as unknown as ModelReply;
      this.heard(reply);
      return reply;
    }
    await requireBudget(deps, claim, this.parts.chain);
    const started = performance.now();
    const reply = await this.ask();
    const usage = { tokensIn: reply.tokensIn, tokensOut: reply.tokensOut };
    await this.record({
      seq,
      kind: 'model',
      requestDigest,
      response: reply as unknown as Json,
      source: reply.model,
      latencyMs: performance.now() - started,
      ...usage,
      costUsd: costOf(deps.configuration, speakerOf(this.parts.chain).model, usage),
      ...(seq === 0 && this.parts.blocks.length > 0 ? { notes: { blocks: this.parts.blocks as unknown as Json } } : {}),
    });
    this.heard(reply);
    return reply;
  }

  /** The answer to one of the reply's calls, recorded or made now by `call`. */
  async toolTurn(name: string, args: Json, call: () => Promise<Json>): Promise<Json> {
    const requestDigest = requestDigestOf(this.parts.claim, { tool: name, args, turn: this.position });
    const recorded = await this.recorded('tool', requestDigest);
    if (recorded) return recorded.response;
    const started = performance.now();
    const response = await call();
    const latencyMs = performance.now() - started;
    await this.record({
      seq: this.position,
      kind: 'tool',
      requestDigest,
      response,
      source: name,
      latencyMs,
      tokensIn: 0,
      tokensOut: 0,
      costUsd: 0,
    });
    return response;
  }

  /** Says something to the model before its next reply. */
  say(message: ChatCompletionMessageParam): void {
    this.messages.push(message);
  }

  private heard(reply: ModelReply): void {
    const calls = reply.toolCalls.map((call) => ({
      id: call.id,
      type: 'function' as const,
      function: { name: call.name, arguments: call.arguments },
    }));
    this.messages.push({
      role: 'assistant',
      content: reply.content ?? (calls.length > 0 ? null : ''),
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
    });
  }

  private async recorded(kind: Turn['kind'], requestDigest: string): Promise<Turn | undefined> {
    const { deps, claim, turns } = this.parts;
    const turn = turns[this.position];
    if (!turn) return undefined;
    if (turn.kind !== kind || turn.requestDigest !== requestDigest) {
      return failStep(deps, claim, {
        class: 'bug',
        detail: `Turn ${this.position} of the journal was asked differently before, expected the same request`,
      });
    }
    this.position += 1;
    return turn;
  }

  private async record(turn: Turn): Promise<void> {
    const { deps, claim, turns, chain, delegation } = this.parts;
    await recordTurn(deps, claim, turn, { delegation, agents: chain.map(({ id }) => id) });
    turns.push(turn);
    this.position += 1;
  }

  private async ask(): Promise<ModelReply> {
    const { deps, claim, node, chain, delegation, gives, functions, signal } = this.parts;
    const agent = speakerOf(chain);
    const model = modelNamed(deps.configuration, agent.model);
    try {
      return await deps.breakers.run(
        `model:${model}`,
        () =>
          askModel(deps.model, {
            body: {
              model,
              messages: this.messages,
              response_format: responseFormat(gives, claim.graph.types),
              ...(functions.length > 0 ? { tools: [...functions] } : {}),
              ...(node.think ? thinkingOf(deps.configuration, agent.model) : {}),
            },
            timeoutMs: node.timeoutMs,
            signal,
            practiceHeaders: practiceHeaders(claim, delegation === '' ? undefined : agent.id),
          }),
        node.breaker,
      );
    } catch (problem) {
      if (problem instanceof ModelProblem) return failStep(deps, claim, problem.failure);
      if (problem instanceof BreakerOpen) {
        return failStep(deps, claim, {
          class: 'breaker-open',
          detail: problem.message,
          retryAfterMs: problem.retryAfterMs,
        });
      }
      throw problem;
    }
  }
}

const turnNamed = (delegation: string, turn: number): string =>
  delegation === '' ? String(turn) : `${delegation}.${turn}`;
