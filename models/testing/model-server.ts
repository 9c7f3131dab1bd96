/** A model behind a real Chat Completions server, whose answers are written beforehand in the order in which it is asked. */
import { json as sendJson, startToolServer } from '../../activities/testing/tool-server.ts';
import type { Json } from '../../compiler/types.ts';

/** The text of an answer, or a whole response. `hang` never answers. */
export type ScriptedCompletion =
  | string
  | { refusal: string }
  | { cutOff: string }
  | { status: number; body: Json }
  | { hang: true };

export interface ModelServer {
  /** What `OPENAI_BASE_URL` is set to. */
  url: string;
  /** The bodies of the requests, in order. */
  asked: { [key: string]: Json }[];
  /** Of the last request. */
  authorization(): string | undefined;
  close(): Promise<void>;
}

/** Ten tokens in and five out for each answer. Asked once more than there are answers, it answers with status 500. */
export async function startModelServer(answers: readonly ScriptedCompletion[]): Promise<ModelServer> {
  const server = await startToolServer();
  server.answer = (_, response) => {
    const answer = answers[server.asked.length - 1] ?? { status: 500, body: { error: { message: 'no answer left' } } };
    if (typeof answer === 'object' && 'hang' in answer) return;
    if (typeof answer === 'object' && 'status' in answer) sendJson(response, answer.status, answer.body);
    else sendJson(response, 200, completion(answer));
  };
  return {
    url: `${server.url}/v1`,
    get asked() {
      return server.asked.map(({ body }) => body as { [key: string]: Json });
    },
    authorization: () => server.asked.at(-1)?.headers.authorization,
    close: () => server.close(),
  };
}

function completion(answer: string | { refusal: string } | { cutOff: string }): Json {
  const [content, refusal, finish] =
    typeof answer === 'string'
      ? [answer, null, 'stop']
      : 'refusal' in answer
        ? [null, answer.refusal, 'stop']
        : [answer.cutOff, null, 'length'];
  return {
    model: 'scripted-1',
    choices: [{ index: 0, finish_reason: finish, message: { role: 'assistant', content, refusal } }],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  };
}
