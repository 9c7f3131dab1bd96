/** The model that drafts documents: strict structured output, one call of the API for each question. */
import type { AskModel } from '../compiler/drafting/draft-document.ts';
import type { ModelAddress, ModelReply } from './ask-model.ts';
import { askModel, ModelProblem } from './ask-model.ts';

export interface DraftModel {
  address: ModelAddress;
  /** The model's own name. */
  model: string;
  /** Milliseconds for one answer. */
  timeoutMs: number;
  /** Aborting it ends the draft: what is asked then brings a failure, `timeout` where a clock aborted it and else `cancelled`. */
  signal: AbortSignal;
}

/** Of one answer: a model that runs on for ever is cut off here. */
const mostTokens = 4_000;

export function draftModel({ address, model, timeoutMs, signal }: DraftModel): AskModel {
  return async (messages, schema) => {
    const format = { name: 'parts', strict: true, schema };
    const body = {
      model,
      messages: messages.map(({ role, content }) => ({ role, content })),
      response_format: { type: 'json_schema' as const, json_schema: format },
      max_completion_tokens: mostTokens,
    };
    try {
      signal.throwIfAborted();
      return draftReply(await askModel(address, { body, timeoutMs, signal }));
    } catch (problem) {
      if (problem instanceof ModelProblem) return { failure: problem.failure };
      if (!signal.aborted) throw problem;
      const byClock = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
      return {
        failure: { class: byClock ? 'timeout' : 'cancelled', detail: 'The draft was ended before it was whole' },
      };
    }
  };
}

function draftReply({ content, refusal, finishReason, model, tokensIn, tokensOut }: ModelReply) {
  if (refusal !== null || finishReason === 'content_filter') {
    return { failure: { class: 'refusal', detail: refusal ?? 'The model server filtered the answer' } };
  }
  const cutOff = finishReason === 'length' && { cutOff: true as const };
  return { text: content ?? '', model, tokensIn, tokensOut, ...cutOff };
}
