/**
 * What the practice model says in sessions, which have no script: it does the one thing that a message asks for in fixed
 * words, by the tools it was given, and says so. Which reply is wanted follows from the conversation alone.
 */
import type { Json } from '../../compiler/types.ts';
import { functionNameOf } from '../models/function-names.ts';

export interface SessionTurn {
  text?: string;
  toolCalls?: { name: string; arguments: { [name: string]: Json } }[];
}

interface Message {
  role: string;
  content: string;
  calls: { id: string; name: string }[];
  answers?: string;
}

/** `base`: the digest of the part that is written is read first. */
interface Wish {
  tool: string;
  arguments: { [name: string]: Json };
  base?: { section: string };
}

/** In capitals what stands for something: persons are named by their ids, content is taken as JSON where it is that. */
export const wordsKnown = [
  'read',
  'write SECTION: CONTENT',
  'write state: JSON',
  'patch state: JSON PATCH',
  'suggest SECTION: CONTENT',
  'read the transcript of PERSON',
  'share with PERSON',
  'hand over to PERSON',
  'call TOOL with JSON',
];

export const practiceWords = [
  'PRACTICE: no real model is asked. I do what is asked in these words:',
  ...wordsKnown.map((words) => `- ${words}`),
].join('\n');

/** `asked`: the body of a Chat Completions request. */
export function sessionTurn(asked: Json): SessionTurn {
  const messages = messagesIn(asked);
  const last = messages.findLastIndex(({ role }) => role === 'user');
  const since = messages.slice(last + 1);
  const wish = wishIn(messages[last]?.content ?? '');
  const answerOf = (tool: string): string | undefined => {
    const calls = since.flatMap((message) => message.calls).filter(({ name }) => name === functionNameOf(tool));
    return since.find(({ answers }) => calls.some(({ id }) => id === answers))?.content;
  };
  if (wish === undefined) {
    const answer = since.findLast(({ role }) => role === 'tool');
    return { text: answer === undefined ? practiceWords : `PRACTICE: it was done and answered ${answer.content}` };
  }
  const done = answerOf(wish.tool);
  if (done !== undefined) return { text: `PRACTICE: ${wish.tool} answered ${done}` };
  if (wish.base === undefined) return { toolCalls: [{ name: wish.tool, arguments: wish.arguments }] };
  const read = answerOf('read_proposal');
  if (read === undefined) return { toolCalls: [{ name: 'read_proposal', arguments: {} }] };
  const base = digestIn(read, wish.base.section);
  return { toolCalls: [{ name: wish.tool, arguments: { ...wish.arguments, base } }] };
}

const wishes: readonly [RegExp, (one: string, two: string) => Wish | undefined][] = [
  [/^read$/i, () => ({ tool: 'read_proposal', arguments: {} })],
  [/^read the transcript of (\S+)$/i, (person) => ({ tool: 'read_transcript', arguments: { person } })],
  [/^share with (\S+)$/i, (person) => ({ tool: 'share', arguments: { person } })],
  [/^hand over to (\S+)$/i, (person) => ({ tool: 'hand_over', arguments: { person, sections: null } })],
  [
    /^write state: (.+)$/is,
    (content) => ({ tool: 'change_state', arguments: { content: jsonOrText(content) }, base: { section: '' } }),
  ],
  [
    /^patch state: (.+)$/is,
    (patch) => ({ tool: 'patch_state', arguments: { patch: jsonOrText(patch) }, base: { section: '' } }),
  ],
  [/^write ([^:]+): (.+)$/is, (section, content) => ofSection('edit_section', section, content)],
  [/^suggest ([^:]+): (.+)$/is, (section, content) => ofSection('suggest', section, content)],
  [
    /^call (\S+) with (.+)$/is,
    (tool, text) => {
      const args = jsonOrText(text);
      return isRecord(args) ? { tool, arguments: args } : undefined;
    },
  ],
];

function wishIn(text: string): Wish | undefined {
  for (const [words, wish] of wishes) {
    const said = words.exec(text.trim());
    if (said !== null) return wish(said[1] ?? '', said[2] ?? '');
  }
  return undefined;
}

function ofSection(tool: string, section: string, content: string): Wish {
  return { tool, arguments: { section, content: jsonOrText(content) }, base: { section } };
}

function jsonOrText(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** The first line of what is read of a proposal names its parts with their digests; the state has no name. */
function digestIn(read: string, section: string): Json {
  const parts = jsonOrText(read.split('\n')[0] ?? '');
  const found = Array.isArray(parts)
    ? parts.find((part) => isRecord(part) && (part['section'] ?? '') === section)
    : undefined;
  return isRecord(found) ? (found['digest'] ?? null) : null;
}

function messagesIn(asked: Json): Message[] {
  const messages = isRecord(asked) && Array.isArray(asked['messages']) ? asked['messages'] : [];
  return messages.filter(isRecord).map((message) => {
    const calls = Array.isArray(message['tool_calls']) ? message['tool_calls'].filter(isRecord) : [];
    const answers = message['tool_call_id'];
    return {
      role: String(message['role']),
      content: typeof message['content'] === 'string' ? message['content'] : '',
      calls: calls.map(({ id, function: called }) => ({
        id: String(id),
        name: isRecord(called) ? String(called['name']) : '',
      })),
      ...(typeof answers === 'string' ? { answers } : {}),
    };
  });
}

function isRecord(value: Json | undefined): value is { [name: string]: Json } {
  return value !== undefined && value !== null && typeof value === 'object' && !Array.isArray(value);
}
