/** What the passes hand on: the document as read, names resolved, everything still with its place. */
import type { Agent, Budget, Edge, Node, Retry } from '../graph.ts';
import type { Span } from '../source-text.ts';
import type { Type } from '../types.ts';
import type { OtherDocuments } from './other-documents.ts';
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

/** `[Step](#step) at most 2 times, then [Other](#other)`: with a bound it leads back. */
export interface BoundLink extends StepLink {
  atMost?: number;
  /** Where it leads when the bound is used up. */
  then?: StepLink;
}

/** A role, or a person by expression. */
export type ApproverDraft = { role: string; span: Span } | { person: ExpressionDraft; span: Span };

export interface ApproversDraft {
  need: 'any' | 'all';
  of: ApproverDraft[];
}

export interface ActionDraft {
  name: string;
  effect: 'continue' | 'end' | 'link';
  to?: BoundLink;
  span: Span;
}

export type IfOverdueDraft =
  | { do: 'ask'; approvers: ApproversDraft }
  | { do: 'continue' | 'reject' }
  | { do: 'link'; to: StepLink };

/** ``x in `list`, at most N at once``, and `key`. */
export interface EachDraft {
  item: string;
  itemSpan: Span;
  list: ExpressionDraft;
  atOnce?: number;
}

/** A word of the author with its place. */
export interface Named {
  name: string;
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
  to?: BoundLink;
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
  approvers?: ApproversDraft;
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
  tools?: Named[];
  requiresApproval?: ApproversDraft;
  show?: UseDraft[];
  actions?: ActionDraft[];
  notBy?: ('requester' | 'contributors')[];
  quorum?: number;
  ask?: Type;
  remindEveryMs?: number;
  dueMs?: number;
  ifOverdue?: IfOverdueDraft;
  share?: 'handoff' | 'reviewer';
  merge?: { join: 'names' | 'fields'; from: UseDraft[] };
  wait?: { ms: number } | { until: ExpressionDraft };
  /** Of `run`: the other document, as linked. */
  document?: {
    /** As written, up to the anchor. */
    file: string;
    anchor?: string;
    span: Span;
    /** Where it is known: its id and the hash of its graph. */
    id?: string;
    graph?: string;
  };
  repeat?: { atMost: number; until: ExpressionDraft };
  ifNotReached?: { do: 'continue' } | { do: 'link'; to: StepLink };
  each?: EachDraft;
  key?: ExpressionDraft;
  /** Of `steps`. */
  order?: 'parallel' | 'in order';
  /** Of `session`. */
  who?: 'assignee' | ApproversDraft;
  ifItFails?: { do: 'skip' } | { do: 'link'; to: StepLink };
  budget?: Budget;
  windowTokens?: number;
  think?: true;
  breaker?: { failures: number; forMs: number };
  acceptsUntrusted?: Named[];
  undo?: Named;
  section?: Named;
  /** The fields from the state down, and their place. */
  state?: { path: string[]; span: Span };
}

export interface StepDraft {
  id: string;
  title: string;
  /** Absent where the step says none, two, or one that is not built: nothing more is said about such a step. */
  kind?: StepKind;
  /** `gives` was written and could not be read: its output is not known. */
  outputUnknown: boolean;
  /** The id of the container it stands in. Containers come before their steps. */
  parent?: string;
  headingSpan: Span;
  block: Block;
  settings: ReadonlyMap<string, Setting>;
  values: StepValues;
  instruction: string;
}

export interface AgentDraft extends Agent {
  block: Block;
  settings: ReadonlyMap<string, Setting>;
  /** The agents of `mayDelegateTo`, with the places of the links. */
  delegates: Named[];
}

export interface TypeDraft {
  name: string;
  nameSpan: Span;
  block: Block;
  /** Of a record. */
  fields: FieldDraft[];
  type: Type;
  /** Was all of it read? If not, nothing is said of its values. */
  complete: boolean;
}

export interface ResultDraft {
  name: string;
  type: Type;
  value: ExpressionDraft;
  span: Span;
}

export type SectionDraft = FieldDraft & { owner?: ApproverDraft };

export interface ProposalDraft {
  block: Block;
  settings: ReadonlyMap<string, Setting>;
  state?: Type;
  owner?: ApproverDraft;
  sections: SectionDraft[];
  /** By their names as names compare. */
  sectionsByName: ReadonlyMap<string, SectionDraft>;
  /** Was all of it read? If not, its sections and its state are not all known. */
  complete: boolean;
}

export interface DocumentDraft {
  id: string;
  title: string;
  titleSpan: Span;
  owner?: ApproverDraft;
  budget?: Budget;
  /** The settings under the title, by name. */
  settings: ReadonlyMap<string, Setting>;
  inputs: FieldDraft[];
  /** Were all inputs read? If not, unknown names under `input` are not reported again. */
  inputsComplete: boolean;
  types: TypeDraft[];
  agents: AgentDraft[];
  proposal?: ProposalDraft;
  steps: StepDraft[];
  result: ResultDraft[];
  /** What links take from other documents. */
  others: OtherDocuments;
}

export interface EdgeDraft {
  from: string;
  to: string;
  arm?: number;
  action?: string;
  on?: NonNullable<Edge['on']>;
  back?: { atMost: number };
  /** The words that say it: a link, or the heading of a step that follows in document order. */
  span: Span;
}
