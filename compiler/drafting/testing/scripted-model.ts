/** A model whose answers are written beforehand, in the order in which it is asked. */
import type { AskModel, DraftReply } from '../draft-document.ts';
import type { DraftParts } from '../draft-parts.ts';
import { noParts } from '../draft-parts.ts';
import type { DraftMessage } from '../draft-prompt.ts';

/** Parts, the text as it stands, a text that was cut off, or no answer. */
export type ScriptedAnswer =
  | { readonly [Name in keyof DraftParts]?: readonly unknown[] }
  | string
  | { cutOff: string }
  | Extract<DraftReply, { failure: unknown }>;

export interface ScriptedModel {
  ask: AskModel;
  /** What it was asked, in order. */
  asked: (readonly DraftMessage[])[];
}

/** Ten tokens in and five out for each answer. Asked once more than there are answers, it throws. */
export function scriptedModel(answers: readonly ScriptedAnswer[]): ScriptedModel {
  const asked: ScriptedModel['asked'] = [];
  const ask: AskModel = async (messages) => {
    const answer = answers[asked.length];
    asked.push(messages);
    if (answer === undefined) throw new Error('asked more often than there are answers');
    const by = { model: 'scripted-1', tokensIn: 10, tokensOut: 5 };
    if (typeof answer === 'string') return { ...by, text: answer };
    if ('failure' in answer) return answer;
    if ('cutOff' in answer) return { ...by, text: answer.cutOff, cutOff: true };
    return { ...by, text: JSON.stringify({ ...noParts, ...answer }) };
  };
  return { ask, asked };
}
