/**
 * An agent step: the model is asked with the step's data, calls the tools the step allows, hands work to the agents it may
 * delegate to, and answers in the declared type.
 */
import { ExpressionError } from '../compiler/expressions/evaluate.ts';
import type { Agent, NodeOf } from '../compiler/graph.ts';
import type { Answered, Held } from './agent-work.ts';
import { AgentWork, toldBefore } from './agent-work.ts';
import { holdForApproval } from './approvals.ts';
import { attemptStep } from './attempt-step.ts';
import type { Claim } from './claim.ts';
import { commitStep } from './commit.ts';
import type { StepInput, StepOutcome } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { effectsBefore } from './effects-before.ts';
import { applicationFailure, failStep } from './failures.ts';
import { turnsOf, usageOfDelegates } from './journal.ts';
import { loadBindings } from './load-inputs.ts';
import type { Prompt } from './models/prompt.ts';
import { promptOf } from './models/prompt.ts';
import type { ToolDeclaration } from './tools/call-tool.ts';
import { toolFor } from './tools/call-tool.ts';
import { judgeOutput, qualityOf } from './validate-output.ts';

export function runAgentStep(deps: Dependencies, input: StepInput, signal: AbortSignal): Promise<StepOutcome> {
  return attemptStep(deps, input, signal, async (claim) => {
    const { node, graph, loaded } = claim;
    if (node.kind !== 'agent') throw applicationFailure(node.id, 'bug', { retry: false });
    const bindings = await loadBindings(deps, claim);
    const tools = await declaredTools(deps, claim, node);
    const agent = graph.agents.find(({ id }) => id === node.agent);
    if (!agent) {
      return failStep(deps, claim, {
        class: 'bug',
        detail: `Unexpected agent ${node.agent}, expected one of the document`,
      });
    }
    const prompt = await promptFor(deps, claim, () => promptOf(graph, agent, node, bindings));
    const before = await effectsBefore(deps, claim);
    const work = new AgentWork({
      deps,
      claim,
      input,
      node,
      chain: [agent],
      delegation: '',
      memoKey: claim.memoKey,
      tools,
      gives: node.gives,
      judge: (answer) => judgeOutput(loaded, node, answer, bindings),
      turns: await turnsOf(deps, claim),
      prompt: toldBefore(prompt, before),
      before,
      signal,
    });
    const done = await work.run();
    return 'held' in done ? done.held : finish(deps, claim, input, agent, done);
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

async function promptFor(deps: Dependencies, claim: Claim, make: () => Prompt): Promise<Prompt> {
  try {
    return make();
  } catch (problem) {
    if (!(problem instanceof ExpressionError)) throw problem;
    return failStep(deps, claim, { class: 'bug', detail: `A value that the step uses: ${problem.message}` });
  }
}

async function finish(
  deps: Dependencies,
  claim: Claim,
  input: StepInput,
  agent: Agent,
  done: Answered,
): Promise<StepOutcome> {
  if (!done.hasWritten) {
    const approval: Held | { status: 'approved' } = await holdForApproval(deps, claim, input, {
      shown: [{ name: claim.node.title, value: done.output }],
      slot: 'output',
    });
    if (approval.status !== 'approved') return approval;
  }
  const others = agent.mayDelegateTo.length > 0 ? await usageOfDelegates(deps, claim) : undefined;
  const { usage } = done;
  return commitStep(deps, claim, {
    output: done.output,
    usage: others
      ? {
          ...usage,
          tokensIn: usage.tokensIn + others.tokensIn,
          tokensOut: usage.tokensOut + others.tokensOut,
          costUsd: usage.costUsd + others.costUsd,
        }
      : usage,
    quality: qualityOf(done.firstScore, done.corrections),
  });
}
