/**
 * A model server of the test: speaks OpenAI chat completions over HTTP and answers what was scripted. A request belongs
 * to the script whose marker stands in its messages, so that several runs can be asked about at the same moment.
 */
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Json } from '../../compiler/types.ts';

export type ModelAnswer =
  /** JSON of the value, or the text as it stands. */
  | { says: Json; finishReason?: 'stop' | 'length' | 'content_filter' }
  | { text: string; finishReason?: 'stop' | 'length' | 'content_filter' }
  | { calls: { tool: string; arguments: Json }[] }
  | { refuses: string }
  | { status: number; headers?: Record<string, string>; error?: { message: string; code?: string } }
  /** No answer at all: the request stays open until the client or the test gives up. */
  | { silence: true };

export interface AskedModel {
  at: number;
  model: string;
  messages: { role: string; content: unknown }[];
}

export interface ScriptedModel {
  /** For OPENAI_BASE_URL. */
  url: string;
  /** Answers the requests that hold `marker`, one after the other; the last one for all that come after it. */
  script(marker: string, ...answers: ModelAnswer[]): void;
  /** The requests that held `marker`, oldest first. */
  asked(marker: string): AskedModel[];
  close(): Promise<void>;
}

export async function startScriptedModel(): Promise<ScriptedModel> {
  const scripts = new Map<string, ModelAnswer[]>();
  const requests: (AskedModel & { text: string })[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Pick<AskedModel, 'model' | 'messages'>;
    const text = JSON.stringify(body.messages);
    requests.push({ at: Date.now(), model: body.model, messages: body.messages, text });
    const marker = [...scripts.keys()].find((one) => text.includes(one));
    const script = marker === undefined ? undefined : scripts.get(marker);
    const answer = script && (script.length > 1 ? script.shift() : script[0]);
    send(response, body.model, answer ?? { status: 404, error: { message: 'no answer is scripted for this request' } });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    script: (marker, ...answers) => void scripts.set(marker, answers),
    asked: (marker) => requests.filter(({ text }) => text.includes(marker)),
    async close() {
      server.closeAllConnections();
      await Promise.race([new Promise((resolve) => server.close(resolve)), delay(1000)]);
    },
  };
}

function send(response: ServerResponse, model: string, answer: ModelAnswer): void {
  if ('silence' in answer) return;
  if ('status' in answer) {
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(JSON.stringify({ error: answer.error ?? { message: `status ${answer.status}` } }));
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(
    JSON.stringify({
      id: 'chatcmpl-scripted',
      object: 'chat.completion',
      created: 0,
      model,
      choices: [{ index: 0, logprobs: null, ...choiceOf(answer) }],
      usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 },
    }),
  );
}

function choiceOf(answer: Exclude<ModelAnswer, { silence: true } | { status: number }>) {
  if ('refuses' in answer) {
    return { finish_reason: 'stop', message: { role: 'assistant', content: null, refusal: answer.refuses } };
  }
  if ('calls' in answer) {
    const toolCalls = answer.calls.map((call, index) => ({
      id: `call_${index}`,
      type: 'function',
      function: { name: call.tool.replaceAll('.', '__'), arguments: JSON.stringify(call.arguments) },
    }));
    return {
      finish_reason: 'tool_calls',
      message: { role: 'assistant', content: null, refusal: null, tool_calls: toolCalls },
    };
  }
  const content = 'text' in answer ? answer.text : JSON.stringify(answer.says);
  return { finish_reason: answer.finishReason ?? 'stop', message: { role: 'assistant', content, refusal: null } };
}
