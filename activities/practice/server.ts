/**
 * The practice server: speaks the OpenAI Chat Completions API from a run's practice script, and plays the tools that the
 * script declares. Who asks for no run is a session, which has no script. It keeps no state that an answer depends on: which turn is wanted follows from the answers already in
 * the conversation, so it may be restarted at any time. Only the keys of practice writes are held, in memory.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Json } from '../../compiler/types.ts';
import { completion, completionChunks, practiceModel } from './completions.ts';
import type { Asked, PracticeScript, ScriptedTurn } from './script.ts';
import { parsePracticeScript, scriptedToolAnswer, scriptedTurn } from './script.ts';
import { sessionTurn } from './session-answers.ts';

export interface PracticeServerOptions {
  /** The script of a run, as stored with it; undefined when the run has none. */
  loadScript: (run: string) => Promise<string | undefined>;
  /** 0, the default, takes a free one. */
  port?: number;
  host?: string;
}

export interface PracticeRequest {
  method: string;
  path: string;
  run: string;
  asked: Asked;
  body: Json;
}

export interface PracticeServer {
  /** For models: ends in `/v1`. */
  baseUrl: string;
  /** Of the server: practice tools are at `tools/NAME` below it. */
  url: string;
  /** What was asked so far, oldest first; the last 1,000. */
  requests(): PracticeRequest[];
  close(): Promise<void>;
}

const heldRequests = 1000;
const mostBytes = 16 * 1024 * 1024;

export async function startPracticeServer(options: PracticeServerOptions): Promise<PracticeServer> {
  const requests: PracticeRequest[] = [];
  const outcomes = new Map<string, Json>();
  const closing = new AbortController();
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url ?? '/', 'http://practice').pathname;
    const body = await bodyOf(request);
    const asked = askedBy(request);
    const run = String(request.headers['x-waymark-run'] ?? '');
    requests.push({ method: request.method ?? '', path, run, asked, body });
    if (requests.length > heldRequests) requests.shift();

    const route = `${request.method} ${path}`;
    if (route === 'GET /v1/models') {
      return send(response, 200, {
        object: 'list',
        data: [{ id: practiceModel, object: 'model', created: 0, owned_by: 'waymark' }],
      });
    }
    const tool = /^\/tools\/([^/]+)(?:\/outcomes\/([^/]+))?$/.exec(path);
    if (route !== 'POST /v1/chat/completions' && !tool) {
      return send(
        response,
        404,
        problem(`Unexpected ${route}, expected POST /v1/chat/completions or a practice tool`, 'not_found'),
      );
    }
    const name = decodeURIComponent(tool?.[1] ?? '');
    if (tool?.[2] !== undefined) {
      const key = `${run} ${name} ${decodeURIComponent(tool[2])}`;
      const outcome = outcomes.get(key);
      return outcome === undefined
        ? send(response, 404, problem('No such outcome', 'not_found'))
        : send(response, 200, outcome);
    }
    if (run === '' && !tool) return answerSession(response, body, closing.signal);
    const script = await scriptOf(options, run);
    if ('problem' in script) return send(response, 400, problem(script.problem, 'practice_not_scripted'));
    if (tool)
      return answerTool({
        response,
        script: script.script,
        asked,
        run,
        name,
        args: body,
        key: keyOf(request),
        outcomes,
        signal: closing.signal,
      });
    return answerModel(response, script.script, asked, body, closing.signal);
  };

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
  });
  const origin = `http://${options.host ?? '127.0.0.1'}:${(server.address() as AddressInfo).port}`;
  return {
    baseUrl: `${origin}/v1`,
    url: origin,
    requests: () => [...requests],
    close: () => closeServer(server, closing),
  };
}

function closeServer(server: Server, closing: AbortController): Promise<void> {
  closing.abort();
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function scriptOf(
  options: PracticeServerOptions,
  run: string,
): Promise<{ script: PracticeScript } | { problem: string }> {
  const text = await options.loadScript(run);
  if (text === undefined) {
    return {
      problem:
        'This run has no practice script, and no model is configured: start the run with a practice.json, or set OPENAI_API_KEY or OPENAI_BASE_URL',
    };
  }
  const parsed = parsePracticeScript(text);
  if (parsed.ok) return { script: parsed.script };
  return {
    problem: `The practice script is not valid: ${parsed.problems.map(({ path, message }) => `${path}: ${message}`).join('; ')}`,
  };
}

async function answerModel(
  response: ServerResponse,
  script: PracticeScript,
  asked: Asked,
  body: Json,
  signal: AbortSignal,
): Promise<void> {
  const messages = isRecord(body) && Array.isArray(body['messages']) ? body['messages'] : [];
  const answersBefore = messages.filter((message) => isRecord(message) && message['role'] === 'assistant').length;
  const found = scriptedTurn(script, asked, answersBefore);
  if (!found.ok) return send(response, 400, problem(found.problem, 'practice_not_scripted'));
  const turn = found.answer;
  if (turn.delayMs !== undefined) await wait(turn.delayMs, undefined, { signal });
  if (turn.status !== undefined) return misbehave(response, turn);
  if (turn.dropConnection || !isAnswer(turn)) {
    response.destroy();
    return;
  }
  send(response, 200, completion(turn, JSON.stringify(messages).length));
}

/** Between the words of an answer that is streamed, in milliseconds: so that it is seen to be written. */
const wordMs = 20;

async function answerSession(response: ServerResponse, body: Json, signal: AbortSignal): Promise<void> {
  const turn = sessionTurn(body);
  const askedLength = JSON.stringify(body).length;
  if (!isRecord(body) || body['stream'] !== true) return send(response, 200, completion(turn, askedLength));
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const chunk of completionChunks(turn, askedLength)) {
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    await wait(wordMs, undefined, { signal });
  }
  response.end('data: [DONE]\n\n');
}

interface ToolCallAsked {
  response: ServerResponse;
  script: PracticeScript;
  asked: Asked;
  run: string;
  name: string;
  args: Json;
  key: string | undefined;
  outcomes: Map<string, Json>;
  signal: AbortSignal;
}

async function answerTool({
  response,
  script,
  asked,
  run,
  name,
  args,
  key,
  outcomes,
  signal,
}: ToolCallAsked): Promise<void> {
  const held = key === undefined ? undefined : `${run} ${name} ${key}`;
  const before = held === undefined ? undefined : outcomes.get(held);
  if (before !== undefined) return send(response, 200, before);
  const found = scriptedToolAnswer(script, asked, name, args);
  if (!found.ok) return send(response, 400, problem(found.problem, 'practice_not_scripted'));
  const { answer } = found;
  if (answer.delayMs !== undefined) await wait(answer.delayMs, undefined, { signal });
  if (answer.status !== undefined) return misbehave(response, answer);
  if (answer.output !== undefined && held !== undefined) outcomes.set(held, answer.output);
  if (answer.dropConnection || answer.output === undefined) {
    response.destroy();
    return;
  }
  send(response, 200, answer.output);
}

function isAnswer(turn: ScriptedTurn): boolean {
  return [turn.content, turn.text, turn.toolCalls, turn.refusal, turn.finishReason].some((part) => part !== undefined);
}

function misbehave(
  response: ServerResponse,
  how: { status?: number | undefined; message?: string | undefined; retryAfter?: number | string | undefined },
): void {
  if (how.retryAfter !== undefined) response.setHeader('retry-after', String(how.retryAfter));
  send(response, how.status ?? 500, problem(how.message ?? `The practice script answers ${how.status} here`, null));
}

/** An error as the OpenAI API words it. */
function problem(message: string, code: string | null): Json {
  return { error: { message, type: 'practice_error', param: null, code } };
}

function send(response: ServerResponse, status: number, body: Json): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function askedBy(request: IncomingMessage): Asked {
  const counted = (name: string) => Math.max(1, Number(request.headers[name]) || 1);
  const delegate = request.headers['x-waymark-delegate'];
  return {
    step: String(request.headers['x-waymark-step'] ?? ''),
    pass: counted('x-waymark-pass'),
    attempt: counted('x-waymark-attempt'),
    ...(typeof delegate === 'string' ? { delegate } : {}),
  };
}

function keyOf(request: IncomingMessage): string | undefined {
  const key = request.headers['idempotency-key'];
  return typeof key === 'string' ? key : undefined;
}

async function bodyOf(request: IncomingMessage): Promise<Json> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > mostBytes) throw new Error(`Unexpected request of more than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  try {
    return text === '' ? null : (JSON.parse(text) as Json);
  } catch {
    return null;
  }
}

function isRecord(value: Json): value is { [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
