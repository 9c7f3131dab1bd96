import { z } from 'zod';
import { json } from '../../json-value.ts';
import { pageOf, pageQuery } from '../../pages.ts';

const id = z.string().min(1).max(64);

export const sessionParams = z.object({ id });
export const confirmationParams = z.object({ id, confirmation: id });

export const turnView = z.object({
  id: z.string(),
  number: z.int().describe('Its place in the session, from 1'),
  state: z.enum(['queued', 'running', 'done', 'failed', 'stopped']),
  stopping: z.boolean().describe('Whether its owner asked for it to stop'),
  untrusted: z.boolean().describe("Whether it has seen other people's text: its writes then ask the owner first"),
  failure: z
    .string()
    .optional()
    .describe('The class of what went wrong; the transcript says more where there is more to say'),
  answered: z
    .enum(['happened', 'did not happen'])
    .optional()
    .describe(
      'Where nobody knew what became of its write: what somebody says by now. Asked for again, it goes on from that',
    ),
  tokens: z.int().describe('What its replies were paid for so far, of both directions'),
  costUsd: z.number().describe('The same in US dollars, where the configuration has prices'),
  askedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
});

export const confirmationView = z.object({
  id: z.string(),
  turn: z.string(),
  deed: json.describe('What is done when the owner says yes, exactly'),
  state: z.enum(['open', 'confirmed', 'declined']),
  askedAt: z.iso.datetime(),
  answeredAt: z.iso.datetime().optional(),
});

export const sessionView = z.object({
  id: z.string(),
  proposal: z.string(),
  owner: z.string().describe('As whom its agent acts, always'),
  mayWrite: z.boolean().describe('Whether the caller is its owner'),
  messages: z.int().describe('Number of the last message'),
  turn: turnView.optional().describe('The last one'),
  asks: z.array(confirmationView).describe('What its agent waits to be told; shown to the owner'),
  createdAt: z.iso.datetime(),
});
export const sessionList = z.object({ items: z.array(sessionView) });

export const messageView = z.object({
  seq: z.int(),
  author: z.enum(['owner', 'agent']),
  kind: z
    .enum(['text', 'piece', 'action', 'asks', 'answer', 'turn'])
    .describe('A piece is of a text that is being written and follows whole; an action is what was done'),
  turn: z.string().optional(),
  text: z.string().optional().describe('Of a text and of a piece'),
  data: json.optional().describe('Of the others'),
  at: z.iso.datetime(),
});
export const messagesQuery = z.object(pageQuery);
export const messagesPage = pageOf(messageView);
export const sayBody = z.strictObject({ text: z.string().min(1).max(20_000) });
export const said = z.object({ message: messageView, turn: turnView });

export const answerBody = z.strictObject({ answer: z.enum(['yes', 'no']) });
export const answered = z.object({
  confirmation: confirmationView,
  outcome: json.optional().describe('Of a yes: what was done, or why nothing was'),
});
