/** What the passes hand on: the document as read, names resolved, everything still with its place. */
import type { Agent, Approvers, Node, Retry } from '../graph.ts';
import type { Span } from '../source-text.ts';
import type { Type } from '../types.ts';
import type { Code } from './phrases.ts';
import type { FieldDraft } from './read-rules.ts';
import type { Block } from './read-sections.ts';
import type { Setting } from './read-settings.ts';

export type StepKind = Node['kind'];

/** An expression as written. */
export interface ExpressionDraft {
  source: string;
  code: Code;
  span: Span;
}

/** A step named by a link. */
export interface StepLink {
  step: string;
  span: Span;
}

/** `[Step](#step)` reads the whole output of a step; inline code is an expression. */
export interface UseDraft {
  name: string;
  expr: string;
  code?: Code;
  /** By link: the step that is read. */
  step?: string;
  ifItRan?: true;
  span: Span;
}

export interface NamedExpression {
  name: string;
  nameSpan: Span;
  value: ExpressionDraft;
}

export interface ArmDraft {
  when?: ExpressionDraft;
  to?: StepLink;
  span: Span;
}

/** Everything that any kind of step may say. Which of it a kind reads is said by `step-settings.ts`. */
export interface StepValues {
  /** `complete` is false where a part of it could not be read. */
  after?: { steps: StepLink[]; complete: boolean };
  when?: ExpressionDraft;
  end?: true;
  agent?: string;
  tool?: string;
  approvers?: Approvers;
  arms?: ArmDraft[];
  /** A choose whose branches could not all be read: nothing is said about steps that it may lead to. */
  armsIncomplete?: true;
  values?: NamedExpression[];
  uses?: UseDraft[];
  with?: NamedExpression[];
  gives?: Type;
  checks?: ExpressionDraft[];
  retry?: Retry;
  timeoutMs?: number;
  tools?: { name: string; span: Span }[];
  requiresApproval?: Approvers;
  show?: UseDraft[];
  actions?: { name: string; effect: 'continue' | 'end' }[];
  notBy?: 'requester'[];
}

export interface StepDraft {
  id: string;
  title: string;
  /** Absent where the step says none, two, or one that is not built: nothing more is said about such a step. */
  kind?: StepKind;
  /** `gives` was written and could not be read: its output is not known. */
  outputUnknown: boolean;
  headingSpan: Span;
  block: Block;
  settings: ReadonlyMap<string, Setting>;
  values: StepValues;
  instruction: string;
}

export interface AgentDraft extends Agent {
  block: Block;
}

export interface TypeDraft {
  name: string;
  nameSpan: Span;
  block: Block;
  fields: FieldDraft[];
  complete: boolean;
}

export interface ResultDraft {
  name: string;
  type: Type;
  value: ExpressionDraft;
  span: Span;
}

export interface DocumentDraft {
  id: string;
  title: string;
  titleSpan: Span;
  inputs: FieldDraft[];
  /** Were all inputs read? If not, unknown names under `input` are not reported again. */
  inputsComplete: boolean;
  types: TypeDraft[];
  agents: AgentDraft[];
  steps: StepDraft[];
  result: ResultDraft[];
}

export interface EdgeDraft {
  from: string;
  to: string;
  arm?: number;
  /** The words that say it: a link, or the heading of a step that follows in document order. */
  span: Span;
}
