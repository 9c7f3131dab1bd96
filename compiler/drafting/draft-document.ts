/**
 * Free prose to a document, by a model: the one way into the language that is not deterministic, so all it gives goes
 * through the same schema and passes as what a person writes, and nothing is published by it.
 */
import { sha256Hex } from '../canonical.ts';
import type { Diagnostic } from '../diagnostics.ts';
import type { Graph } from '../graph.ts';
import type { JsonSchema } from '../json-schema.ts';
import type { Surroundings } from '../surroundings.ts';
import type { CheckedDraft } from './check-draft.ts';
import { checkDraft } from './check-draft.ts';
import { draftPartsSchema, noParts } from './draft-parts.ts';
import type { DraftMessage } from './draft-prompt.ts';
import { questionMessages } from './draft-prompt.ts';
import type { DraftReceipt } from './draft-receipt.ts';
import type { Assembled } from './parts-to-graph.ts';
import { graphOfParts } from './parts-to-graph.ts';
import type { ProseSection } from './prose-sections.ts';
import { proseSections } from './prose-sections.ts';
import type { DraftAnswer } from './section-draft.ts';
import { SectionDraft } from './section-draft.ts';

/** Asks a model once. What brings no answer is a failure in words. */
export type AskModel = (messages: readonly DraftMessage[], schema: JsonSchema) => Promise<DraftReply>;

export type DraftReply = DraftAnswer | { failure: DraftFailure };

export interface DraftFailure {
  /** `refusal`, `timeout` and so on. */
  class: string;
  /** For the person who asked. */
  detail: string;
}

export interface DraftProgress {
  /** Of the section; empty for what stands before the first heading. */
  title: string;
  /** From 1, of all sections that are asked about. */
  number: number;
  of: number;
  /** From 1: how often it has been asked with this time. */
  round: number;
}

export interface DraftOptions {
  /** Of the draft before: what its sections gave stands, where their text is unchanged. */
  previous?: DraftReceipt;
  surroundings?: Surroundings;
  /** How often a section is asked at most: 4 unless said. */
  rounds?: number;
  /** What drafted agents name as their model: `small` unless said. */
  agentModel?: string;
  /** Called before each question. */
  onAsk?: (progress: DraftProgress) => void;
}

export interface DraftOfDocument {
  /** Canonical; the best attempt where `problems` are left. */
  markdown: string;
  /** What it compiles to; absent where problems are left. */
  graph?: Graph;
  /** Of `markdown`: mistakes where problems are left, else warnings. */
  diagnostics: Diagnostic[];
  /** What is wrong with the best attempt, in words. Empty for a document that compiles and that every section had a part in. */
  problems: string[];
  /** Why a section brought no answer; those after it were not asked. */
  failure?: DraftFailure;
  receipt: DraftReceipt;
}

const usualRounds = 4;

/**
 * Never throws. The sections that `previous` does not know are asked one by one, each told what the others gave, and again
 * where what they gave does not hold.
 */
export async function draftDocument(
  prose: string,
  ask: AskModel,
  options: DraftOptions = {},
): Promise<DraftOfDocument> {
  const { rounds: most = usualRounds, onAsk } = options;
  const read = proseSections(prose);
  if ('mistakes' in read) return unread(read.mistakes);
  const drafting = new Drafting(read.sections, options);
  const schema = draftPartsSchema();
  let failure: DraftFailure | undefined;
  let open = drafting.check();
  for (let round = 1; round <= most && open.length > 0 && !failure; round += 1) {
    drafting.rounds = round;
    for (const [index, one] of open.entries()) {
      onAsk?.({ title: one.section.title, number: index + 1, of: open.length, round });
      const reply = await replyOf(() => ask(one.messages(drafting.question(one)), schema));
      if ('failure' in reply) {
        failure = reply.failure;
        break;
      }
      drafting.take(one, reply);
    }
    open = drafting.check();
  }
  return { ...drafting.best(), ...(failure && { failure }) };
}

/** Of prose that is too large. */
function unread(diagnostics: Diagnostic[]): DraftOfDocument {
  const receipt = {
    schemaVersion: 1 as const,
    rounds: 0,
    tokensIn: 0,
    tokensOut: 0,
    document: sha256Hex(''),
    sections: [],
  };
  return { markdown: '', diagnostics, problems: diagnostics.map((one) => one.message), receipt };
}

async function replyOf(asking: () => Promise<DraftReply>): Promise<DraftReply> {
  try {
    return await asking();
  } catch (thrown) {
    return { failure: { class: 'bug', detail: thrown instanceof Error ? thrown.message : String(thrown) } };
  }
}

class Drafting {
  rounds = 0;
  private readonly surroundings: Surroundings;
  private readonly sections: readonly SectionDraft[];
  private readonly title: string;
  private readonly agentModel: string;
  private readonly questions = new Map<SectionDraft, DraftMessage[]>();
  private readonly used = { tokensIn: 0, tokensOut: 0 };
  private found: Attempt | undefined;

  constructor(sections: readonly ProseSection[], { previous, surroundings = {}, agentModel = 'small' }: DraftOptions) {
    const known = new Map(previous?.sections.map((one) => [one.hash, one]));
    this.sections = sections.map((section) => new SectionDraft(section, known.get(section.hash)));
    this.title = sections.find((one) => one.title !== '')?.title ?? 'Procedure';
    this.surroundings = surroundings;
    this.agentModel = agentModel;
  }

  /** Told what the other sections had given when it was asked first. */
  question(section: SectionDraft): DraftMessage[] {
    const asked = this.questions.get(section);
    if (asked) return asked;
    const { graph } = this.assemble(this.sections.filter((one) => one !== section));
    const question = questionMessages(section.section, graph, this.surroundings);
    this.questions.set(section, question);
    return question;
  }

  take(section: SectionDraft, answer: DraftAnswer): void {
    this.used.tokensIn += answer.tokensIn;
    this.used.tokensOut += answer.tokensOut;
    section.take(answer);
  }

  /** The sections to ask, each with what is wrong with it. */
  check(): SectionDraft[] {
    const checked = checkDraft(this.assemble(this.sections), this.surroundings);
    const { faults } = checked;
    for (const [index, section] of this.sections.entries()) {
      section.blame(faults.filter((one) => one.section === index).map((one) => one.message));
    }
    const asked = this.sections.filter((one) => one.asked);
    if (faults.length > 0 && !asked.some((one) => one.isOpen)) {
      // What is wrong elsewhere, or everywhere, is for those that may still change.
      for (const section of asked) section.blame(faults.map((one) => one.message));
    }
    this.keep(checked);
    return asked.filter((one) => one.isOpen);
  }

  best(): Omit<DraftOfDocument, 'failure'> {
    const { unanswered: _, ...found } =
      this.found ?? this.attempt(checkDraft(this.assemble(this.sections), this.surroundings));
    // What the attempts after it took is to be told too.
    return { ...found, receipt: { ...found.receipt, rounds: this.rounds, ...this.used } };
  }

  private assemble(sections: readonly SectionDraft[]): Assembled {
    const parts = sections.map((one) => one.parts ?? noParts);
    return graphOfParts(parts, { title: this.title, model: this.agentModel });
  }

  private keep(checked: CheckedDraft): void {
    const now = this.attempt(checked);
    if (!this.found || !isBetter(this.found, now)) this.found = now;
  }

  private attempt({ markdown, compiled, diagnostics, faults }: CheckedDraft): Attempt {
    const unanswered = this.sections.filter((one) => one.parts === undefined);
    // What a document lacks as a whole may be what these would have given.
    const told = unanswered.length === 0 ? faults : faults.filter((one) => one.section !== undefined);
    const problems = [...unanswered.flatMap(unansweredText), ...told.map((one) => one.message)];
    const whole = problems.length === 0 ? compiled : undefined;
    const receipt: DraftReceipt = {
      schemaVersion: 1,
      rounds: this.rounds,
      ...this.used,
      document: sha256Hex(markdown),
      ...(whole && { graph: whole.hash }),
      sections: this.sections.flatMap((one) => one.held() ?? []),
    };
    const found = { markdown, ...(whole && { graph: whole.graph }), diagnostics, problems, receipt };
    return { ...found, unanswered: unanswered.length };
  }
}

interface Attempt extends Omit<DraftOfDocument, 'failure'> {
  /** Sections without parts. */
  unanswered: number;
}

/** Of equals the later one is taken. */
function isBetter(one: Attempt, later: Attempt): boolean {
  return (
    one.unanswered < later.unanswered ||
    (one.unanswered === later.unanswered && one.problems.length < later.problems.length)
  );
}

function unansweredText({ section, problems }: SectionDraft): string[] {
  const name = section.title === '' ? 'the beginning' : `section ${section.title}`;
  return (problems.length > 0 ? problems : ['It was not answered.']).map((problem) => `${name}: ${problem}`);
}
