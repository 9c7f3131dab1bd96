/** One turn of an agent in a session, as the session's owner: replies, tools, and the transcript that tells of them. */
import { setTimeout as wait } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions';
import type { z } from 'zod';
import type { Json } from '../../compiler/types.ts';
import type { ModelReply, ToolCall } from '../../models/ask-model.ts';
import { ModelProblem } from '../../models/ask-model.ts';
import { storeTrouble } from '../../prisma/store-trouble.ts';
import { BreakerOpen } from '../breakers.ts';
import { usedUp } from '../budgets.ts';
import { recordGiven } from '../call-arguments.ts';
import type { Dependencies } from '../dependencies.ts';
import { functionNameOf } from '../models/function-names.ts';
import type { Performs, TurnClaim } from './claim-turn.ts';
import { claimTurn } from './claim-turn.ts';
import { CallUnsettled, makeCall } from './confirmed-call.ts';
import { askToCall, proposalTools } from './proposal-tools.ts';
import { readOutside } from './read-outside.ts';
import type { Replied } from './stream-reply.ts';
import { StoppedWriting, streamReply, waitAfter } from './stream-reply.ts';
import type { Done } from './tool-call.ts';
import { AccessLost, TurnJournal, TurnLost, TurnStopped } from './turn-journal.ts';
import { turnPrompt } from './turn-prompt.ts';

/** Replies in one turn. A model that calls tools for ever meets this. */
const mostReplies = 24;
/** Times that one reply is asked for, where the server is at fault. */
const mostTries = 4;

/** Nothing is left to pay another reply with. */
class BudgetSpent extends Error {
  override readonly name = 'BudgetSpent';
}

/**
 * Answers the turn. What an earlier attempt recorded is not asked or done again. A failure of the model ends the turn as
 * failed, which its owner may have answered again; trouble with the store is thrown, for the activity to be tried again.
 */
export async function runTurn(
  deps: Dependencies,
  input: { session: string; turn: string },
  signal: AbortSignal,
): Promise<{ state: string }> {
  const taken = await claimTurn(deps, input);
  if ('ended' in taken) return { state: taken.ended };
  const journal = new TurnJournal(deps, taken.claimed);
  try {
    const state = await answer(deps, taken.claimed, journal, signal);
    return { state };
  } catch (problem) {
    if (signal.aborted) throw problem;
    if (problem instanceof BudgetSpent || problem instanceof CallUnsettled) {
      const failure = problem instanceof BudgetSpent ? 'budget' : problem.failureClass;
      await journal.end({ state: 'failed', failure, detail: problem.message });
      return { state: 'failed' };
    }
    // Whoever took it over, or ended it, says what became of it.
    if (problem instanceof TurnLost) return { state: 'lost' };
    if (problem instanceof TurnStopped) {
      await journal.end({ state: 'stopped' }, problem instanceof StoppedWriting ? problem.written : '');
      return { state: 'stopped' };
    }
    const failure = problem instanceof AccessLost ? 'not-allowed' : failureOf(problem);
    if (failure === undefined) throw problem;
    await journal.end({ state: 'failed', failure });
    return { state: 'failed' };
  }
}

async function answer(
  deps: Dependencies,
  claim: TurnClaim,
  journal: TurnJournal,
  signal: AbortSignal,
): Promise<'done' | 'failed'> {
  const messages = turnPrompt(claim);
  if (claim.performs !== undefined) messages.push(...(await performed(deps, claim, claim.performs, journal, signal)));
  for (let nth = 0; nth < mostReplies; nth++) {
    const reply = await nextReply(deps, claim, journal, messages, nth, signal);
    messages.push(heard(reply));
    if (reply.toolCalls.length === 0) return 'done';
    for (const [index, call] of reply.toolCalls.entries()) {
      const response = await callTool(deps, claim, journal, call, { reply: nth, index }, signal);
      const content = typeof response === 'string' ? response : JSON.stringify(response);
      messages.push({ role: 'tool', tool_call_id: call.id, content });
    }
  }
  await journal.end({ state: 'failed', failure: 'too-many-replies' });
  return 'failed';
}

/** The call that the owner said yes to, as the model sees it: made by it, and answered. */
async function performed(
  deps: Dependencies,
  claim: TurnClaim,
  performs: Performs,
  journal: TurnJournal,
  signal: AbortSignal,
): Promise<ChatCompletionMessageParam[]> {
  const { confirmation, deed } = performs;
  const request = { performs: confirmation, tool: deed.tool, args: deed.arguments };
  const name = functionNameOf(deed.tool);
  const called = (answer: Json): ChatCompletionMessageParam[] => [
    {
      role: 'assistant',
      content: null,
      tool_calls: [
        { id: confirmation, type: 'function', function: { name, arguments: JSON.stringify(deed.arguments) } },
      ],
    },
    { role: 'tool', tool_call_id: confirmation, content: typeof answer === 'string' ? answer : JSON.stringify(answer) },
  ];
  const recorded = journal.recorded('tool', request);
  if (recorded !== undefined) return called(recorded);
  const started = performance.now();
  const made = await makeCall(deps, claim, performs, signal);
  claim.untrusted = true;
  const by = { source: deed.tool, latencyMs: performance.now() - started };
  // It is made, whatever its owner has asked for since.
  return called(await journal.record('tool', request, { ...by, evenIfStopping: true }, async () => made));
}

/** Journaled, with what it says, before its calls are looked at; one without calls ends the turn in the same transaction. */
async function nextReply(
  deps: Dependencies,
  claim: TurnClaim,
  journal: TurnJournal,
  messages: ChatCompletionMessageParam[],
  nth: number,
  signal: AbortSignal,
): Promise<ModelReply> {
  const request = { reply: nth };
  const recorded = journal.recorded('model', request);
  if (recorded !== undefined) return recorded as unknown as ModelReply;
  const end = await usedUp(deps, claim.actor, claim.spender, claim.limits);
  if (end !== undefined)
    throw new BudgetSpent(`Of the budget of ${end.of}, ${end.used} are spent. No more is answered here.`);
  const { reply, latencyMs, costUsd } = await replyWithin(deps, claim, journal, messages, signal);
  const { model: source, tokensIn, tokensOut } = reply;
  const text = reply.content ?? reply.refusal ?? '';
  await journal.record('model', request, { source, latencyMs, tokensIn, tokensOut, costUsd }, async () => ({
    response: reply as unknown as Json,
    ...(text === '' ? {} : { say: { author: 'agent', kind: 'text', turn: claim.turn, body: text } }),
    done: reply.toolCalls.length === 0,
  }));
  return reply;
}

async function replyWithin(
  deps: Dependencies,
  claim: TurnClaim,
  journal: TurnJournal,
  messages: ChatCompletionMessageParam[],
  signal: AbortSignal,
): Promise<Replied> {
  for (let tries = 0; ; tries++) {
    await journal.goOn();
    try {
      return await streamReply(deps, claim, journal, messages, signal);
    } catch (problem) {
      const waitMs = tries + 1 < mostTries ? waitAfter(problem, tries) : undefined;
      if (waitMs === undefined) throw problem;
      await wait(waitMs, undefined, { signal });
    }
  }
}

async function callTool(
  deps: Dependencies,
  claim: TurnClaim,
  journal: TurnJournal,
  call: ToolCall,
  place: { reply: number; index: number },
  signal: AbortSignal,
): Promise<Json> {
  const request = { ...place, tool: call.name, args: call.arguments };
  const recorded = journal.recorded('tool', request);
  if (recorded !== undefined) return recorded;
  const outside = claim.tools.find(({ name }) => functionNameOf(name) === call.name);
  if (outside?.effect === 'read' && !Object.hasOwn(proposalTools, call.name)) {
    await journal.goOn();
    const started = performance.now();
    const done = await readOutside(deps, claim, outside, call.arguments, signal);
    claim.untrusted ||= done.untrusted === true;
    const by = { source: outside.name, latencyMs: performance.now() - started };
    return journal.record('tool', request, by, async () => done);
  }
  const tool = Object.hasOwn(proposalTools, call.name) ? proposalTools[call.name] : undefined;
  return journal.record('tool', request, { source: call.name.slice(0, 200), latencyMs: 0 }, async (tx) => {
    const done: Done = await (async () => {
      if (tool === undefined && outside !== undefined) return askToCall({ tx, deps, claim }, outside, call.arguments);
      if (tool === undefined) return { response: `There is no tool ${call.name}.` };
      const read = argumentsOf(tool.input, call.arguments);
      return 'problem' in read ? { response: read.problem } : tool.run({ tx, deps, claim }, read.args);
    })();
    // Before the model reads it: whatever it does from here on may come of it.
    if (done.untrusted === true) claim.untrusted = true;
    return done;
  });
}

function argumentsOf(input: z.ZodType, text: string): { args: unknown } | { problem: string } {
  const read = recordGiven(text);
  if ('problem' in read) return read;
  const { data: args, error } = input.safeParse(read.args);
  if (error === undefined) return { args };
  return {
    problem: error.issues.map(({ path, message }) => `${path.join('.') || 'arguments'}: ${message}`).join('; '),
  };
}

function heard(reply: ModelReply): ChatCompletionMessageParam {
  const calls = reply.toolCalls.map((call) => ({
    id: call.id,
    type: 'function' as const,
    function: { name: call.name, arguments: call.arguments },
  }));
  return {
    role: 'assistant',
    content: reply.content ?? (calls.length > 0 ? null : ''),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
}

/** The class under which the turn fails; undefined for what passes, and is tried again. */
function failureOf(problem: unknown): string | undefined {
  if (problem instanceof ModelProblem) return problem.failure.class;
  if (problem instanceof BreakerOpen) return 'breaker-open';
  // Left open, a turn that cannot be answered would hold up all that come after it.
  return storeTrouble(problem) || problem instanceof ApplicationFailure ? undefined : 'bug';
}
