/**
 * An agent step: the model is asked with the step's data, calls the tools the step allows, and answers in the declared
 * type. An answer that is not accepted goes back to it with the reason, as often as the step's `retry` allows.
 */
import { canonicalJson } from '../compiler/canonical.ts';
import { ExpressionError } from '../compiler/expressions/evaluate.ts';
import type { NodeOf } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import { AgentConversation } from './agent-conversation.ts';
import type { Approval } from './approvals.ts';
import { holdForApproval } from './approvals.ts';
import { attemptStep } from './attempt-step.ts';
import type { Claim } from './claim.ts';
import { commitStep } from './commit.ts';
import type { StepInput, StepOutcome } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { effectsBefore } from './effects-before.ts';
import type { StepFailure } from './failures.ts';
import { applicationFailure, chargeTry, failStep } from './failures.ts';
import { gateCheckFor } from './gates.ts';
import { turnsOf } from './journal.ts';
import type { Bindings } from './load-inputs.ts';
import { loadBindings } from './load-inputs.ts';
import type { ModelReply, ToolCall } from './models/client.ts';
import { renderBlocks } from './models/context-blocks.ts';
import { toolNamed } from './models/function-names.ts';
import { promptOf } from './models/prompt.ts';
import { readAnswer } from './models/structured-output.ts';
import { argumentProblem, callReadTool, callWriteTool, toolFor } from './tools/call-tool.ts';
import type { ToolDeclaration } from './tools/declarations.ts';
import { feedbackOf, judgeOutput, qualityOf } from './validate-output.ts';

/** Replies of the model in one step. A model that calls tools for ever meets this; the step then parks. */
export const mostReplies = 24;

/** Of a tool's answer, in tokens: one answer must not fill the model's context. */
const toolWindowTokens = 8_000;

export function runAgentStep(deps: Dependencies, input: StepInput, signal: AbortSignal): Promise<StepOutcome> {
  return attemptStep(deps, input, signal, async (claim) => {
    const { node } = claim;
    if (node.kind !== 'agent') throw applicationFailure(node.id, 'bug', { retry: false });
    const bindings = await loadBindings(deps, claim);
    const tools = await declaredTools(deps, claim, node);
    const conversation = await openConversation(deps, claim, node, bindings, tools, signal);
    return new AgentStep(deps, claim, input, node, bindings, tools, conversation, signal).run();
  });
}

async function declaredTools(deps: Dependencies, claim: Claim, node: NodeOf<'agent'>): Promise<ToolDeclaration[]> {
  const tools: ToolDeclaration[] = [];
  for (const name of node.tools) {
    const tool = toolFor(deps, claim, name);
    if (!tool) {
      await failStep(deps, claim, {
        class: 'not-allowed',
        detail: `Unexpected tool ${name}, expected one that the configuration declares`,
      });
    } else if (tool.effect === 'write' && !tool.callSlot) {
      await failStep(deps, claim, {
        class: 'not-allowed',
        detail: `Unexpected write ${name} without callSlot, expected its declaration to say which arguments name the effect`,
      });
    } else tools.push(tool);
  }
  return tools;
}

async function openConversation(
  deps: Dependencies,
  claim: Claim,
  node: NodeOf<'agent'>,
  bindings: Bindings,
  tools: ToolDeclaration[],
  signal: AbortSignal,
): Promise<AgentConversation> {
  const agent = claim.graph.agents.find(({ id }) => id === node.agent);
  if (!agent)
    return failStep(deps, claim, {
      class: 'bug',
      detail: `Unexpected agent ${node.agent}, expected one of the document`,
    });
  try {
    const { messages, blocks } = promptOf(claim.graph, agent, node, bindings);
    const before = await effectsBefore(deps, claim);
    if (before !== undefined) messages.push({ role: 'user', content: before });
    const turns = await turnsOf(deps, claim);
    return new AgentConversation({ deps, claim, node, agent, tools, turns, messages, blocks, signal });
  } catch (problem) {
    if (!(problem instanceof ExpressionError)) throw problem;
    return failStep(deps, claim, { class: 'bug', detail: `A value that the step uses: ${problem.message}` });
  }
}

/** Ends the step before its answer: a gate is open, or was refused. */
type Held = Exclude<Approval, { status: 'approved' }>;

class AgentStep {
  private readonly deps: Dependencies;
  private readonly claim: Claim;
  private readonly input: StepInput;
  private readonly node: NodeOf<'agent'>;
  private readonly bindings: Bindings;
  private readonly tools: readonly ToolDeclaration[];
  private readonly conversation: AgentConversation;
  private readonly signal: AbortSignal;
  private corrections = 0;
  private firstScore: { met: number; of: number } | undefined;
  private hasWritten = false;

  constructor(
    deps: Dependencies,
    claim: Claim,
    input: StepInput,
    node: NodeOf<'agent'>,
    bindings: Bindings,
    tools: readonly ToolDeclaration[],
    conversation: AgentConversation,
    signal: AbortSignal,
  ) {
    this.deps = deps;
    this.claim = claim;
    this.input = input;
    this.node = node;
    this.bindings = bindings;
    this.tools = tools;
    this.conversation = conversation;
    this.signal = signal;
  }

  async run(): Promise<StepOutcome> {
    for (let replies = 0; replies < mostReplies; replies++) {
      this.signal.throwIfAborted();
      const reply = await this.conversation.reply();
      if (reply.toolCalls.length > 0 && reply.finishReason !== 'length' && reply.refusal === null) {
        const held = await this.makeCalls(reply);
        if (held) return held;
        continue;
      }
      const output = await this.acceptedOutput(reply);
      if (output !== undefined) return this.finish(output);
    }
    return this.fail({
      class: 'budget',
      detail: `Unexpected ${mostReplies} replies of the model without an answer that was accepted`,
    });
  }

  /** The output, or undefined when the reply was sent back to the model. */
  private async acceptedOutput(reply: ModelReply): Promise<Json | undefined> {
    const read = readAnswer(reply, this.node.gives, this.claim.graph.types);
    if (!read.ok) {
      this.firstScore ??= { met: 0, of: 1 };
      if (read.feedback === undefined) return this.fail(read.failure);
      await this.sendBack(reply, read.failure, read.feedback);
      return undefined;
    }
    const judged = judgeOutput(this.claim.loaded, this.node, read.value, this.bindings);
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
    const left = await chargeTry(this.deps, this.claim, failure, per);
    if (!left) await this.fail({ ...failure, per });
    this.corrections += 1;
  }

  private async makeCalls(reply: ModelReply): Promise<Held | undefined> {
    for (const call of reply.toolCalls) {
      const answer = await this.makeCall(call);
      if ('held' in answer) return answer.held;
      const block = { name: call.name, source: `tool ${answer.tool}`, trusted: false, value: answer.value };
      const { text } = renderBlocks([block], toolWindowTokens);
      this.conversation.say({ role: 'tool', tool_call_id: call.id, content: text });
    }
    return undefined;
  }

  private async makeCall(call: ToolCall): Promise<{ tool: string; value: Json } | { held: Held }> {
    const name = toolNamed(call.name, this.node.tools);
    const tool = this.tools.find((one) => one.name === name);
    if (!tool) {
      await this.conversation.toolTurn(call.name, call.arguments, async () => ({ notAllowed: call.name }));
      return this.fail({
        class: 'not-allowed',
        detail: `Unexpected call of ${call.name}, expected one of the step's tools: ${this.node.tools.join(', ') || 'none'}`,
      });
    }
    const read = readArguments(tool, call.arguments);
    if (!read.ok) {
      const value = await this.conversation.toolTurn(tool.name, call.arguments, async () => ({ error: read.problem }));
      await this.charge({ class: 'invalid-output', detail: read.problem });
      return { tool: tool.name, value };
    }
    const { args } = read;
    if (tool.effect === 'read') {
      const value = await this.conversation.toolTurn(tool.name, args, () =>
        callReadTool(this.deps, this.claim, tool, args, this.signal),
      );
      return { tool: tool.name, value };
    }
    return this.write(tool, args);
  }

  private async write(
    tool: ToolDeclaration,
    args: { [name: string]: Json },
  ): Promise<{ tool: string; value: Json } | { held: Held }> {
    const slot = slotOf(tool, args);
    let held: Held | undefined;
    const value = await this.conversation
      .toolTurn(tool.name, args, async () => {
        const approval = await holdForApproval(this.deps, this.claim, this.input, {
          shown: [{ name: tool.name, value: args }],
          slot,
        });
        if (approval.status !== 'approved') {
          held = approval;
          throw new NotApprovedYet();
        }
        return callWriteTool(this.deps, this.claim, tool, slot, args, gateCheckFor(this.deps, this.claim), this.signal);
      })
      .catch((problem: unknown) => {
        if (held && problem instanceof NotApprovedYet) return null;
        throw problem;
      });
    if (held) return { held };
    this.hasWritten = true;
    return { tool: tool.name, value };
  }

  private async finish(output: Json): Promise<StepOutcome> {
    const { deps, claim, node } = this;
    if (!this.hasWritten) {
      const approval = await holdForApproval(deps, claim, this.input, {
        shown: [{ name: node.title, value: output }],
        slot: 'output',
      });
      if (approval.status !== 'approved') return approval;
    }
    return commitStep(deps, claim, {
      output,
      usage: this.conversation.usage,
      quality: qualityOf(this.firstScore ?? { met: 1, of: 1 }, this.corrections),
    });
  }

  private fail(failure: StepFailure): Promise<never> {
    return failStep(this.deps, this.claim, failure);
  }
}

/** Leaves a tool's turn without recording it: the call was not made. */
class NotApprovedYet extends Error {}

type ReadArguments = { ok: true; args: { [name: string]: Json } } | { ok: false; problem: string };

function readArguments(tool: ToolDeclaration, text: string): ReadArguments {
  let args: Json;
  try {
    args = JSON.parse(text === '' ? '{}' : text) as Json;
  } catch {
    return { ok: false, problem: `Arguments of ${tool.name}: Unexpected text that is not JSON, expected a record` };
  }
  if (args === null || typeof args !== 'object' || Array.isArray(args)) {
    return { ok: false, problem: `Arguments of ${tool.name}: Unexpected value, expected a record` };
  }
  const problem = argumentProblem(tool, args);
  return problem === undefined ? { ok: true, args } : { ok: false, problem };
}

/** Names the effect among the step's: the tool, and the arguments it declares for that. */
function slotOf(tool: ToolDeclaration, args: { [name: string]: Json }): string {
  return canonicalJson([tool.name, ...(tool.callSlot ?? []).map((field) => args[field] ?? null)]);
}
