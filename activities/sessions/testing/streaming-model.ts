/** A model behind a real Chat Completions server that streams what a test has it say. */
import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Json } from '../../../compiler/types.ts';
import { json, startToolServer } from '../../testing/tool-server.ts';

/** `pieces` come with a pause between them; `calls` are of tools; `cutOff` ends the connection in the middle of a text. */
export type Said =
  | string
  | { pieces: string[]; pauseMs: number }
  | { calls: { name: string; args: Json }[]; text?: string }
  | { cutOff: string }
  | { status: number };

export interface Told {
  messages: { role: string; content: string | null }[];
  /** Of the last message that is a tool's answer. */
  answer: string;
}

export interface StreamingModel {
  url: string;
  asked: Told[];
  /** Says what comes next; called with each request. */
  next: (told: Told) => Said | Promise<Said>;
  close(): Promise<void>;
}

export async function startStreamingModel(next: StreamingModel['next']): Promise<StreamingModel> {
  const server = await startToolServer();
  const model: StreamingModel = { url: `${server.url}/v1`, asked: [], next, close: () => server.close() };
  server.answer = ({ body }, response) => {
    const { messages } = body as unknown as Told;
    const last = messages.findLast(({ role }) => role === 'tool');
    const told = { messages, answer: last?.content ?? '' };
    model.asked.push(told);
    Promise.resolve(model.next(told))
      .then((said) => stream(response, said))
      .catch(() => response.destroy());
  };
  return model;
}

async function stream(response: ServerResponse, said: Said): Promise<void> {
  if (typeof said === 'object' && 'status' in said) {
    json(response, said.status, { error: { message: 'not now' } });
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (delta: Json, finish: string | null = null) =>
    response.write(
      `data: ${JSON.stringify({ model: 'scripted-1', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`,
    );
  if (typeof said === 'object' && 'cutOff' in said) {
    send({ content: said.cutOff });
    await wait(20);
    response.destroy();
    return;
  }
  if (typeof said === 'object' && 'calls' in said) {
    if (said.text !== undefined) send({ content: said.text });
    said.calls.forEach(({ name, args }, index) => {
      const text = JSON.stringify(args);
      send({ tool_calls: [{ index, id: `call-${index}`, function: { name, arguments: text.slice(0, 5) } }] });
      send({ tool_calls: [{ index, function: { arguments: text.slice(5) } }] });
    });
    send({}, 'tool_calls');
  } else {
    for (const piece of typeof said === 'string' ? [said] : said.pieces) {
      send({ content: piece });
      if (typeof said === 'object') await wait(said.pauseMs);
    }
    send({}, 'stop');
  }
  response.write(
    `data: ${JSON.stringify({ model: 'scripted-1', choices: [], usage: { prompt_tokens: 10, completion_tokens: 5 } })}\n\n`,
  );
  response.end('data: [DONE]\n\n');
}
