/** What the practice model says in the shapes of the Chat Completions API: in one piece, or as it would be written. */
import { randomUUID } from 'node:crypto';
import type { Json } from '../../compiler/types.ts';
import { functionNameOf } from '../models/function-names.ts';
import type { ScriptedTurn } from './script.ts';

/** What every answer calls itself. */
export const practiceModel = 'practice';

/** `askedLength`: of the question in letters, for the tokens that are counted. */
export function completion(turn: ScriptedTurn, askedLength: number): Json {
  const choice = choiceOf(turn);
  return {
    ...headOf(),
    object: 'chat.completion',
    choices: [{ index: 0, ...choice, logprobs: null }],
    usage: usageOf(turn, choice.message, askedLength),
  };
}

/** The same for who asks for a stream: each word of a text by itself, then its calls, its end, and what it used. */
export function* completionChunks(turn: ScriptedTurn, askedLength: number): Generator<Json> {
  const head = { ...headOf(), object: 'chat.completion.chunk' };
  const { message, finish_reason } = choiceOf(turn);
  const chunk = (delta: Json, reason: string | null = null): Json => ({
    ...head,
    choices: [{ index: 0, delta, finish_reason: reason }],
  });
  for (const word of message.content?.match(/\s*\S+\s*/g) ?? []) yield chunk({ content: word });
  if (message.tool_calls) yield chunk({ tool_calls: message.tool_calls.map((call, index) => ({ index, ...call })) });
  yield chunk({}, finish_reason);
  yield { ...head, choices: [], usage: usageOf(turn, message, askedLength) };
}

/** What is said, as a choice of a completion holds it. */
function choiceOf(turn: ScriptedTurn) {
  const content = turn.text ?? (turn.content === undefined ? null : JSON.stringify(turn.content));
  const calls = turn.toolCalls?.map((call) => ({
    id: `call_${randomUUID()}`,
    type: 'function',
    function: {
      name: functionNameOf(call.name),
      arguments: typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments),
    },
  }));
  return {
    message: { role: 'assistant', content, refusal: turn.refusal ?? null, ...(calls ? { tool_calls: calls } : {}) },
    finish_reason: turn.finishReason ?? (calls ? 'tool_calls' : 'stop'),
  };
}

/** As real servers count, roughly: four characters a token. */
function usageOf(turn: ScriptedTurn, message: ReturnType<typeof choiceOf>['message'], askedLength: number) {
  const said = (message.content ?? message.refusal ?? JSON.stringify(message.tool_calls ?? '')).length;
  const tokensIn = turn.usage?.tokensIn ?? Math.ceil(askedLength / 4);
  const tokensOut = turn.usage?.tokensOut ?? Math.ceil(said / 4);
  return { prompt_tokens: tokensIn, completion_tokens: tokensOut, total_tokens: tokensIn + tokensOut };
}

function headOf() {
  return { id: `practice-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: practiceModel };
}
