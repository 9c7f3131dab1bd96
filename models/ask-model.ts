/**
 * Asking a model: one call of the Chat Completions API at any base URL, bounded in time, with every way of failing
 * turned into a failure class. Retrying is not done here: whoever asks decides.
 */
import OpenAI, { APIConnectionError, APIConnectionTimeoutError, APIError } from 'openai';
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionCreateParamsNonStreaming,
} from 'openai/resources/chat/completions';
import { retryAfter } from './retry-after.ts';

export interface ModelAddress {
  baseUrl: string;
  apiKey: string;
}

/** From what is set: a server without an address is OpenAI's. */
export function modelAddress({ baseUrl, apiKey }: Partial<ModelAddress>): ModelAddress {
  // Servers of one's own often want no key, but the client insists on something.
  return { baseUrl: baseUrl ?? 'https://api.openai.com/v1', apiKey: apiKey ?? 'none' };
}

export interface ModelRequest {
  body: ChatCompletionCreateParamsNonStreaming;
  /** Milliseconds for the whole call, the last byte of the answer included. */
  timeoutMs: number;
  /** Aborting it ends the call; what it was aborted with is thrown. */
  signal: AbortSignal;
  /** Sent besides. */
  headers?: Record<string, string>;
}

export interface ToolCall {
  id: string;
  /** The function's name, as sent. */
  name: string;
  /** JSON text, as sent. */
  arguments: string;
}

/** What a model said, as it is journaled. */
export interface ModelReply {
  /** As the server names it. */
  model: string;
  content: string | null;
  refusal: string | null;
  toolCalls: ToolCall[];
  finishReason: string;
  tokensIn: number;
  tokensOut: number;
}

export interface ModelFailure {
  class: 'transient' | 'timeout' | 'throttled' | 'refusal' | 'budget' | 'not-allowed' | 'bug';
  /** What failed and what was expected; may hold content. */
  detail: string;
  /** From the server's own words. */
  retryAfterMs?: number;
}

/** A call that brought no reply. */
export class ModelProblem extends Error {
  readonly failure: ModelFailure;
  constructor(failure: ModelFailure) {
    super(failure.class);
    this.name = 'ModelProblem';
    this.failure = failure;
  }
}

/** What the breakers of models count: connections that failed, answers that did not come, servers in trouble. */
export function isModelUnavailable(error: unknown): boolean {
  return error instanceof ModelProblem && (error.failure.class === 'transient' || error.failure.class === 'timeout');
}

/** @throws ModelProblem, or what `signal` was aborted with */
export async function askModel(endpoint: ModelAddress, request: ModelRequest): Promise<ModelReply> {
  return withClient(endpoint, request, async (client, options) =>
    replyOf(await client.chat.completions.create(request.body, options)),
  );
}

/**
 * The same, told as it is written: `onText` is given each piece of the content as it comes. Aborting ends it at
 * the piece under way. @throws ModelProblem, or what `signal` was aborted with
 */
export async function streamModel(
  endpoint: ModelAddress,
  request: ModelRequest,
  onText: (piece: string) => void,
): Promise<ModelReply> {
  return withClient(endpoint, request, async (client, options) => {
    const body = { ...request.body, stream: true, stream_options: { include_usage: true } } as const;
    const written = createWritten(onText);
    for await (const chunk of await client.chat.completions.create(body, options)) written.add(chunk);
    return written.reply();
  });
}

type CallOptions = { signal: AbortSignal; headers: Record<string, string> };

async function withClient(
  endpoint: ModelAddress,
  request: ModelRequest,
  call: (client: OpenAI, options: CallOptions) => Promise<ModelReply>,
): Promise<ModelReply> {
  const client = new OpenAI({
    baseURL: endpoint.baseUrl,
    apiKey: endpoint.apiKey,
    // Nothing but what we are given: the client would otherwise read these from the environment.
    organization: null,
    project: null,
    logLevel: 'off',
    maxRetries: 0,
    // The client stops its clock at the first byte; ours runs to the last.
    timeout: request.timeoutMs + 1000,
  });
  const timer = AbortSignal.timeout(Math.max(1, Math.round(request.timeoutMs)));
  const signal = AbortSignal.any([timer, request.signal]);
  try {
    return await untilAborted(call(client, { signal, headers: request.headers ?? {} }), signal);
  } catch (problem) {
    if (request.signal.aborted) throw request.signal.reason;
    if (problem instanceof ModelProblem) throw problem;
    const seconds = request.timeoutMs / 1000;
    if (timer.aborted)
      throw new ModelProblem({ class: 'timeout', detail: `The model did not answer within ${seconds} s` });
    throw new ModelProblem(failureOf(problem));
  }
}

/** What a stream has brought so far. */
function createWritten(onText: (piece: string) => void) {
  let model = '';
  let content = '';
  let refusal = '';
  let finishReason: string | undefined;
  let usage = { prompt_tokens: 0, completion_tokens: 0 };
  const calls = new Map<number, ToolCall>();
  return {
    add(chunk: ChatCompletionChunk): void {
      model = chunk.model || model;
      usage = chunk.usage ?? usage;
      const choice = chunk.choices?.[0];
      if (!choice) return;
      finishReason = choice.finish_reason ?? finishReason;
      const { delta } = choice;
      if (delta?.content) {
        content += delta.content;
        onText(delta.content);
      }
      refusal += delta?.refusal ?? '';
      for (const { index, id, function: part } of delta?.tool_calls ?? []) {
        const call = calls.get(index) ?? { id: '', name: '', arguments: '' };
        calls.set(index, {
          id: id ?? call.id,
          name: call.name + (part?.name ?? ''),
          arguments: call.arguments + (part?.arguments ?? ''),
        });
      }
    },
    reply(): ModelReply {
      if (finishReason === undefined) {
        throw new ModelProblem({
          class: 'transient',
          detail: 'Unexpected end of the answer of the model server, expected a reason why it ended',
        });
      }
      return {
        model,
        content: content === '' ? null : content,
        refusal: refusal === '' ? null : refusal,
        toolCalls: [...calls].sort(([one], [other]) => one - other).map(([, call]) => call),
        finishReason,
        tokensIn: usage.prompt_tokens,
        tokensOut: usage.completion_tokens,
      };
    },
  };
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(new Error('aborted'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function replyOf(completion: ChatCompletion): ModelReply {
  const choice = completion.choices?.[0];
  if (!choice?.message) {
    throw new ModelProblem({
      class: 'transient',
      detail: 'Unexpected answer of the model server without choices, expected one',
    });
  }
  const { message } = choice;
  return {
    model: completion.model,
    content: message.content ?? null,
    refusal: message.refusal ?? null,
    toolCalls: (message.tool_calls ?? []).flatMap((call) =>
      call.type === 'function' ? [{ id: call.id, name: call.function.name, arguments: call.function.arguments }] : [],
    ),
    finishReason: choice.finish_reason,
    tokensIn: completion.usage?.prompt_tokens ?? 0,
    tokensOut: completion.usage?.completion_tokens ?? 0,
  };
}

const refusalCodes = new Set(['content_filter', 'content_policy_violation']);

function failureOf(problem: unknown): ModelFailure {
  if (problem instanceof APIConnectionTimeoutError)
    return { class: 'timeout', detail: 'The model server did not answer in time' };
  if (problem instanceof APIConnectionError) {
    return { class: 'transient', detail: 'The model server could not be reached, or closed the connection' };
  }
  if (!(problem instanceof APIError) || problem.status === undefined) {
    return {
      class: 'transient',
      detail: 'Unexpected answer of the model server that is not JSON, expected a chat completion',
    };
  }
  const status: number = problem.status;
  const detail = `The model server answered ${String(problem.message).slice(0, 500)}`;
  const after = problem.headers ? retryAfter(problem.headers) : undefined;
  const wait = after === undefined ? {} : { retryAfterMs: after };
  if (refusalCodes.has(problem.code ?? '')) return { class: 'refusal', detail };
  if (status === 429) {
    // Waiting does not bring money back.
    if (problem.code === 'insufficient_quota') return { class: 'budget', detail };
    return { class: 'throttled', detail, ...wait };
  }
  if (status === 401 || status === 403) return { class: 'not-allowed', detail };
  if (status === 408) return { class: 'timeout', detail };
  if (status === 409 || status === 425 || status >= 500) return { class: 'transient', detail, ...wait };
  if (status === 404) {
    return {
      class: 'bug',
      detail: `${detail}. Expected models in the configuration to say which one an alias stands for`,
    };
  }
  return { class: 'bug', detail };
}
