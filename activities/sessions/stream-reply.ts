/** One reply of the model, shown in the transcript while it is written. */
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions';
import type { ModelReply } from '../../models/ask-model.ts';
import { ModelProblem, streamModel } from '../../models/ask-model.ts';
import { BreakerOpen } from '../breakers.ts';
import type { Dependencies } from '../dependencies.ts';
import { costOf, modelNamed } from '../models/pricing.ts';
import { functionOf } from '../models/tool-schemas.ts';
import type { TurnClaim } from './claim-turn.ts';
import { functionsOf } from './proposal-tools.ts';
import type { TurnJournal } from './turn-journal.ts';
import { TurnStopped } from './turn-journal.ts';

/** How often what has come is written, and the wish to stop is looked for, in milliseconds. */
const pieceEveryMs = 250;
const timeoutMs = 120_000;

export interface Replied {
  reply: ModelReply;
  latencyMs: number;
  costUsd: number;
}

/** What was written before it was stopped. */
export class StoppedWriting extends TurnStopped {
  readonly written: string;
  constructor(written: string) {
    super();
    this.written = written;
  }
}

/** @throws ModelProblem; BreakerOpen; TurnLost; StoppedWriting; what `signal` was aborted with */
export async function streamReply(
  deps: Dependencies,
  claim: TurnClaim,
  journal: TurnJournal,
  messages: ChatCompletionMessageParam[],
  signal: AbortSignal,
): Promise<Replied> {
  const alias = claim.agent?.model ?? Object.keys(deps.configuration.models)[0] ?? 'large';
  const model = modelNamed(deps.configuration, alias);
  const started = performance.now();
  const ending = new AbortController();
  let written = '';
  let waiting = '';
  let stopped = false;
  let trouble: unknown;
  const flush = async () => {
    const piece = waiting;
    waiting = '';
    const { stopping } = await journal.piece(piece);
    if (stopping) {
      stopped = true;
      ending.abort(new TurnStopped());
    }
  };
  // One after the other: pieces keep their order.
  let flushing = Promise.resolve();
  const timer = setInterval(() => {
    flushing = flushing.then(flush).catch((problem: unknown) => {
      trouble ??= problem;
      ending.abort(problem);
    });
  }, pieceEveryMs);
  try {
    const reply = await deps.breakers.run(`model:${model}`, () =>
      streamModel(
        deps.model,
        {
          body: { model, messages, tools: [...functionsOf(claim), ...claim.tools.map(functionOf)] },
          timeoutMs,
          signal: AbortSignal.any([signal, ending.signal]),
        },
        (piece) => {
          written += piece;
          waiting += piece;
        },
      ),
    );
    clearInterval(timer);
    await flushing;
    if (waiting !== '') await flush();
    if (stopped) throw new StoppedWriting(written);
    const { tokensIn, tokensOut } = reply;
    return {
      reply,
      latencyMs: performance.now() - started,
      costUsd: costOf(deps.configuration, alias, { tokensIn, tokensOut }),
    };
  } catch (problem) {
    clearInterval(timer);
    await flushing;
    if (stopped) throw new StoppedWriting(written);
    throw trouble ?? problem;
  } finally {
    clearInterval(timer);
  }
}

/** Milliseconds to wait before it is asked again; undefined for what asking again cannot cure. */
export function waitAfter(problem: unknown, tries: number): number | undefined {
  if (problem instanceof BreakerOpen) return problem.retryAfterMs;
  if (!(problem instanceof ModelProblem)) return undefined;
  const { class: failure, retryAfterMs } = problem.failure;
  if (failure !== 'transient' && failure !== 'timeout' && failure !== 'throttled') return undefined;
  return Math.min(retryAfterMs ?? 500 * 2 ** tries, 30_000);
}
