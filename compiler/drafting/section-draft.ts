/** One section while a document is drafted: what was answered about it, and what is wrong with that. */
import type { z } from 'zod';
import { parsePlainJson } from '../plain-json.ts';
import type { DraftParts } from './draft-parts.ts';
import { draftParts, noParts } from './draft-parts.ts';
import type { DraftMessage } from './draft-prompt.ts';
import { correctionMessages, promptHash } from './draft-prompt.ts';
import type { DraftedSection } from './draft-receipt.ts';
import type { ProseSection } from './prose-sections.ts';

/** What a model said about a section. */
export interface DraftAnswer {
  text: string;
  /** As its server names it. */
  model: string;
  tokensIn: number;
  tokensOut: number;
  /** It ended because it was too long. */
  cutOff?: true;
}

export class SectionDraft {
  readonly section: ProseSection;
  /** Is it asked about in this draft? */
  readonly asked: boolean;
  /** Of the last answer that could be read. */
  parts: DraftParts | undefined;
  private by: DraftedSection['by'];
  private answer = '';
  private unread: string[] = [];
  private wrong: readonly string[] = [];

  /** `known` is what a draft before had of the same text. */
  constructor(section: ProseSection, known: DraftedSection | undefined) {
    this.section = section;
    this.by = known?.by;
    // Under a heading alone there is nothing to ask about.
    this.parts = known?.parts ?? (section.saysSomething ? undefined : noParts);
    this.asked = this.parts === undefined;
  }

  /** With the last answer: that it could not be read, else what is wrong with its parts. */
  get problems(): readonly string[] {
    return this.unread.length > 0 ? this.unread : this.wrong;
  }

  /** Is there still something to ask? */
  get isOpen(): boolean {
    return this.parts === undefined || this.wrong.length > 0;
  }

  /** What is put to the model: the question, and after an answer what is wrong with that. */
  messages(question: readonly DraftMessage[]): readonly DraftMessage[] {
    return this.answer === '' ? question : correctionMessages(question, this.answer, [...this.wrong, ...this.unread]);
  }

  take({ text, model, cutOff }: DraftAnswer): void {
    const read = readAnswer(text, cutOff === true);
    if ('problems' in read) {
      this.unread = read.problems;
      // An answer that could be read is worth more to go on from.
      if (this.parts === undefined) this.answer = text;
      return;
    }
    this.answer = text;
    this.unread = [];
    this.parts = read.parts;
    this.by = { model, prompt: promptHash() };
  }

  /** What the passes find wrong with its parts. */
  blame(problems: readonly string[]): void {
    this.wrong = problems;
  }

  /** For the receipt; undefined where there is nothing that holds. */
  held(): DraftedSection | undefined {
    const { section, asked, by, parts } = this;
    if (parts === undefined || this.wrong.length > 0) return undefined;
    return { title: section.title, hash: section.hash, asked, ...(by && { by }), parts };
  }
}

function readAnswer(text: string, cutOff: boolean): { parts: DraftParts } | { problems: string[] } {
  const json = parsePlainJson(insideFence(text));
  if (json === undefined) {
    const told = cutOff ? 'The answer was cut off by its length. Keep it shorter.' : 'The answer is not JSON.';
    return { problems: [`${told} Answer with JSON alone, after the schema given.`] };
  }
  const parsed = draftParts.safeParse(json);
  return parsed.success ? { parts: parsed.data } : { problems: shapeProblems(parsed.error) };
}

function shapeProblems(error: z.ZodError): string[] {
  return error.issues.map(({ path, message }) => `${path.map(String).join('.') || 'the answer'}: ${message}`);
}

/** Models whose decoding is not constrained like to write a fence around it. */
function insideFence(text: string): string {
  const trimmed = text.trim();
  return /^```(?:json)?\s*\n([\s\S]*?)\n?```$/.exec(trimmed)?.[1] ?? trimmed;
}
