/**
 * What an agent does until its answer is accepted: replies of its model, calls of tools, work handed to other agents. An
 * answer that is not accepted goes back to the model with the reason, as often as the step's `retry` allows.
 */
import { canonicalJson, sha256Hex } from '../compiler/canonical.ts';
import type { NodeOf } from '../compiler/graph.ts';
import type { Json, Type } from '../compiler/types.ts';
import { AgentConversation } from './agent-conversation.ts';
import type { Approval } from './approvals.ts';
import { holdForApproval } from './approvals.ts';
import { argumentsGiven } from './call-arguments.ts';
import type { Claim } from './claim.ts';
import type { StepInput } from './contract.ts';
import type { AgentChain } from './delegation.ts';
import { agentMeant, delegateFunction, delegatesOf, delegationProblem, readTask, speakerOf } from './delegation.ts';
import type { Dependencies } from './dependencies.ts';
import type { StepFailure } from './failures.ts';
import { chargeTry, failStep } from './failures.ts';
import { gateCheckFor } from './gates.ts';
import type { Usage } from './handoff.ts';
import type { Turn } from './journal.ts';
import { turnsOf } from './journal.ts';
import type { ModelReply, ToolCall } from './models/client.ts';
import { renderBlocks } from './models/context-blocks.ts';
import { toolNamed } from './models/function-names.ts';
import type { Prompt } from './models/prompt.ts';
import { delegatePrompt } from './models/prompt.ts';
import { readAnswer } from './models/structured-output.ts';
import { functionOf } from './models/tool-schemas.ts';
import { callReadTool, callWriteTool } from './tools/call-tool.ts';
import type { ToolDeclaration } from './tools/declarations.ts';
import type { Judgement } from './validate-output.ts';
import { feedbackOf } from './validate-output.ts';

/** Replies of the model in one conversation. A model that calls tools for ever meets this; the step then parks. */
export const mostReplies = 24;

/** Of a tool's or an agent's answer, in tokens: one answer must not fill the model's context. */
const answerWindowTokens = 8_000;

export interface WorkParts {
  deps: Dependencies;
  claim: Claim;
  input: StepInput;
  node: NodeOf<'agent'>;
  /** Who works, last, after those for whom. */
  chain: AgentChain;
  /** Empty for the step's own work; else names the delegation within the step. */
  delegation: string;
  /** Names the work. */
  memoKey: string;
  tools: readonly ToolDeclaration[];
  gives: Type;
  judge: (answer: Json) => Judgement;
  /** What is recorded of this work so far. */
  turns: Turn[];
  prompt: Prompt;
  /** What whoever works afresh is told of the writes that stand, where there are any. */
  before: string | undefined;
  signal: AbortSignal;
}

export function toldBefore(prompt: Prompt, before: string | undefined): Prompt {
  return before === undefined
    ? prompt
    : { ...prompt, messages: [...prompt.messages, { role: 'user', content: before }] };
}

/** Ends the step before its answer: a gate is open, or was refused. */
export type Held = Exclude<Approval, { status: 'approved' }>;

export interface Answered {
  output: Json;
  /** Of this conversation alone. */
  usage: Usage;
  firstScore: { met: number; of: number };
  corrections: number;
  /** It, or an agent that it handed work to, has called a write. */
  hasWritten: boolean;
}

type Answer = { source: string; value: Json } | { held: Held };

export class AgentWork {
  private readonly parts: WorkParts;
  private readonly conversation: AgentConversation;
  private corrections = 0;
  private firstScore: { met: number; of: number } | undefined;
  private hasWritten = false;

  constructor(parts: WorkParts) {
    this.parts = parts;
    const { claim, chain, tools, prompt } = parts;
    const functions = [...tools.map(functionOf), ...delegatesOf(claim.graph, chain).map(delegateFunction)];
    this.conversation = new AgentConversation({ ...parts, ...prompt, functions });
  }

  async run(): Promise<Answered | { held: Held }> {
    for (let replies = 0; replies < mostReplies; replies++) {
      this.parts.signal.throwIfAborted();
      const reply = await this.conversation.reply();
      if (reply.toolCalls.length > 0 && reply.finishReason !== 'length' && reply.refusal === null) {
        const held = await this.makeCalls(reply);
        if (held) return { held };
        continue;
      }
      const output = await this.acceptedOutput(reply);
      if (output === undefined) continue;
      const { firstScore = { met: 1, of: 1 }, corrections, hasWritten } = this;
      return { output, usage: this.conversation.usage, firstScore, corrections, hasWritten };
    }
    return this.fail({
      class: 'budget',
      detail: `Unexpected ${mostReplies} replies of the model without an answer that was accepted`,
    });
  }

  /** The output, or undefined when the reply was sent back to the model. */
  private async acceptedOutput(reply: ModelReply): Promise<Json | undefined> {
    const { gives, claim, judge } = this.parts;
    const read = readAnswer(reply, gives, claim.graph.types);
    if (!read.ok) {
      this.firstScore ??= { met: 0, of: 1 };
      if (read.feedback === undefined) return this.fail(read.failure);
      await this.sendBack(reply, read.failure, read.feedback);
      return undefined;
    }
    const judged = judge(read.value);
    this.firstScore ??= judged;
    if (judged.ok) return judged.output;
    await this.sendBack(reply, { class: judged.class, detail: judged.reasons.join('; ') }, feedbackOf(judged.reasons));
    return undefined;
  }

  private async sendBack(reply: ModelReply, failure: StepFailure, feedback: string): Promise<void> {
    await this.charge(failure);
    // Every call of the API must be answered, also one that was cut off in the middle.
    for (const call of reply.toolCalls)
      this.conversation.say({ role: 'tool', tool_call_id: call.id, content: 'not called' });
    this.conversation.say({ role: 'user', content: feedback });
  }

  /** Charges a try for the turn last taken, once however often it is replayed. Parks the step when none is left. */
  private async charge(failure: StepFailure): Promise<void> {
    const per = `turn:${this.conversation.lastTurn}`;
    const left = await chargeTry(this.parts.deps, this.parts.claim, failure, per);
    if (!left) await this.fail({ ...failure, per });
    this.corrections += 1;
  }

  private async makeCalls(reply: ModelReply): Promise<Held | undefined> {
    for (const call of reply.toolCalls) {
      const answer = await this.makeCall(call);
      if ('held' in answer) return answer.held;
      const block = { name: call.name, source: answer.source, trusted: false, value: answer.value };
      const { text } = renderBlocks([block], answerWindowTokens);
      this.conversation.say({ role: 'tool', tool_call_id: call.id, content: text });
    }
    return undefined;
  }

  private async makeCall(call: ToolCall): Promise<Answer> {
    const { deps, claim, tools, signal } = this.parts;
    const names = tools.map((one) => one.name);
    const name = toolNamed(call.name, names);
    const tool = tools.find((one) => one.name === name);
    if (!tool) return this.delegate(call, names);
    const read = argumentsGiven(tool, call.arguments);
    if ('problem' in read) return this.wrongCall(call, `tool ${tool.name}`, tool.name, read.problem);
    const { args } = read;
    if (tool.effect === 'write') return this.write(tool, args);
    const value = await this.conversation.toolTurn(tool.name, args, () =>
      callReadTool(deps, claim, tool, args, signal),
    );
    return { source: `tool ${tool.name}`, value };
  }

  private async wrongCall(call: ToolCall, source: string, name: string, problem: string): Promise<Answer> {
    const value = await this.conversation.toolTurn(name, call.arguments, async () => ({ error: problem }));
    await this.charge({ class: 'invalid-output', detail: problem });
    return { source, value };
  }

  private async notAllowed(call: ToolCall, detail: string): Promise<never> {
    await this.conversation.toolTurn(call.name, call.arguments, async () => ({ notAllowed: call.name }));
    return this.fail({ class: 'not-allowed', detail });
  }

  /** A call that is none of a tool: another agent's work, journaled apart, whose answer is this call's. */
  private async delegate(call: ToolCall, tools: readonly string[]): Promise<Answer> {
    const { deps, claim, chain, memoKey, node } = this.parts;
    const to = agentMeant(claim.graph, call.name);
    if (!to) {
      const expected = `expected one of the step's tools: ${tools.join(', ') || 'none'}`;
      return this.notAllowed(call, `Unexpected call of ${call.name}, ${expected}`);
    }
    const problem = delegationProblem(claim.graph, chain, to);
    if (problem !== undefined) return this.notAllowed(call, problem);
    const source = `agent ${to.name}`;
    const read = readTask(call.arguments);
    if (!read.ok) return this.wrongCall(call, source, call.name, read.problem);
    const { task } = read;
    const delegation = this.conversation.nextTurn;
    let held: Held | undefined;
    const value = await this.conversation
      .toolTurn(call.name, { task }, async () => {
        const work = new AgentWork({
          ...this.parts,
          chain: [...chain, to],
          delegation,
          memoKey: sha256Hex(canonicalJson(['delegation', memoKey, delegation, to.id, task])),
          tools: this.parts.tools.filter(({ name }) => to.tools.includes(name)),
          gives: { kind: 'text' },
          judge: (answer) => ({ ok: true, output: answer, met: 1, of: 1 }),
          turns: await turnsOf(deps, claim, delegation),
          prompt: toldBefore(delegatePrompt(to, speakerOf(chain), task, node.windowTokens), this.parts.before),
        });
        const done = await work.run();
        if ('held' in done) {
          held = done.held;
          throw new NotApprovedYet();
        }
        return { answer: done.output, hasWritten: done.hasWritten };
      })
      .catch(unlessHeld(() => held));
    if (held) return { held };
    const { answer = null, hasWritten } = value as { answer?: Json; hasWritten?: Json };
    if (hasWritten === true) this.hasWritten = true;
    return { source, value: answer };
  }

  private async write(tool: ToolDeclaration, args: { [name: string]: Json }): Promise<Answer> {
    const { deps, claim, input, signal } = this.parts;
    const slot = slotOf(tool, args);
    let held: Held | undefined;
    const value = await this.conversation
      .toolTurn(tool.name, args, async () => {
        const approval = await holdForApproval(deps, claim, input, {
          shown: [{ name: tool.name, value: args }],
          slot,
        });
        if (approval.status !== 'approved') {
          held = approval;
          throw new NotApprovedYet();
        }
        return callWriteTool(deps, claim, tool, slot, args, gateCheckFor(deps, claim), signal);
      })
      .catch(unlessHeld(() => held));
    if (held) return { held };
    this.hasWritten = true;
    return { source: `tool ${tool.name}`, value };
  }

  private fail(failure: StepFailure): Promise<never> {
    return failStep(this.parts.deps, this.parts.claim, failure);
  }
}

/** Leaves a turn without recording it: the call was not made. */
class NotApprovedYet extends Error {}

function unlessHeld(held: () => Held | undefined): (problem: unknown) => null {
  return (problem) => {
    if (held() && problem instanceof NotApprovedYet) return null;
    throw problem;
  };
}

/** Names the effect among the step's: the tool, and the arguments it declares for that. */
function slotOf(tool: ToolDeclaration, args: { [name: string]: Json }): string {
  return canonicalJson([tool.name, ...(tool.callSlot ?? []).map((field) => args[field] ?? null)]);
}
