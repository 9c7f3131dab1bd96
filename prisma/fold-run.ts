/**
 * The state of a run as its log tells it: a fold over the events in their order, and nothing else. What `foldRun` gives for
 * a log is where the run stands after its last event.
 */
import type { Json } from '../compiler/types.ts';
import type { EventType } from './run-log.ts';

export type FoldedStatus =
  | 'pending'
  | 'running'
  | 'validated'
  | 'waiting'
  | 'committed'
  | 'failed'
  | 'skipped'
  | 'refused';

export interface FoldedStep {
  step: string;
  /** Containers and links back with their passes; empty at the top level. */
  path: string;
  status: FoldedStatus;
  /** Of a step that failed: the failure class. */
  class?: string;
  attempt?: number;
  /** Id of the gate's verdict, of a step that waits for people or did. */
  gate?: string;
}

export interface FoldedGate {
  gate: string;
  step: string;
  purpose: string;
  status: 'open' | 'decided' | 'lapsed';
  verdict?: string;
}

export interface FoldedEffect {
  effect: string;
  step: string;
  tool: string;
  status: 'intent' | 'succeeded' | 'failed' | 'unknown';
  /** What a person said became of it. */
  answer?: string;
  /** What became of taking it back. */
  undone?: FoldedEffect['status'];
}

export interface FoldedRun {
  /** Of the last event. */
  seq: number;
  status: string;
  paused: boolean;
  /** In the order in which they were first heard of. */
  steps: FoldedStep[];
  gates: FoldedGate[];
  effects: FoldedEffect[];
}

/** An event of the log, its body parsed. */
export interface LoggedEvent {
  seq: number;
  type: string;
  node: string | null;
  body: { [field: string]: Json };
}

/** Expects the events of one run from the first on, in order. */
export function foldRun(events: Iterable<LoggedEvent>): FoldedRun {
  const fold = new Fold();
  for (const event of events) fold.take(event);
  return fold.run;
}

/** For events that are read from the store a page at a time. */
export class Fold {
  private seq = 0;
  private status = 'running';
  private paused = false;
  private readonly steps = new Map<string, FoldedStep>();
  /** By id of the execution. */
  private readonly executions = new Map<string, FoldedStep>();
  private readonly gates = new Map<string, FoldedGate>();
  private readonly effects = new Map<string, FoldedEffect>();

  get run(): FoldedRun {
    const { seq, status, paused } = this;
    const copies = <Of extends object>(of: Map<string, Of>): Of[] => [...of.values()].map((one) => ({ ...one }));
    return { seq, status, paused, steps: copies(this.steps), gates: copies(this.gates), effects: copies(this.effects) };
  }

  take({ seq, type, node, body }: LoggedEvent): void {
    this.seq = seq;
    const text = (field: string): string | undefined => (typeof body[field] === 'string' ? body[field] : undefined);
    const change = changes[type as EventType];
    change?.call(this, { node: node ?? '', body, text });
  }

  /** The step that the event is about: that of its execution, else of its place. */
  stepOf({ node, body, text }: About): FoldedStep {
    const known = this.executions.get(text('execution') ?? '');
    if (known !== undefined && body.path === undefined) return known;
    const path = text('path') ?? '';
    const key = `${node} ${path}`;
    const step = this.steps.get(key) ?? { step: node, path, status: 'pending' };
    this.steps.set(key, step);
    return step;
  }

  setRun(status: string | undefined, paused?: boolean): void {
    if (status !== undefined) this.status = status;
    if (paused !== undefined) this.paused = paused;
  }

  /** Of a run that has ended, no step is under way. */
  leaveNothingOpen(): void {
    for (const step of this.steps.values()) if (underWay.includes(step.status)) step.status = 'skipped';
  }

  /** Of this try; what was said of an earlier one is over. */
  setStep(about: About, status: FoldedStatus): void {
    const step = this.stepOf(about);
    const execution = about.text('execution');
    if (execution !== undefined) this.executions.set(execution, step);
    step.status = status;
    if (typeof about.body.attempt === 'number') step.attempt = about.body.attempt;
    const failureClass = status === 'failed' ? about.text('class') : undefined;
    if (failureClass === undefined) delete step.class;
    else step.class = failureClass;
  }

  openGate(about: About): void {
    const gate = about.text('gate') ?? '';
    const purpose = about.text('purpose') ?? 'step';
    // A run that goes on with another may find it decided.
    const verdict = about.text('action');
    const stands = verdict === undefined ? { status: 'open' as const } : { status: 'decided' as const, verdict };
    this.gates.set(gate, { gate, step: about.node, purpose, ...stands });
    const step = this.stepOf(about);
    if (verdict === undefined) step.status = 'waiting';
    else if (purpose !== 'approval') step.status = 'committed';
    step.gate = gate;
  }

  closeGate(about: About, status: 'decided' | 'lapsed'): void {
    const gate = this.gates.get(about.text('gate') ?? '');
    if (gate === undefined) return;
    const action = about.text('action');
    // A verdict that no longer stands was still given.
    if (gate.status !== 'lapsed') gate.status = status;
    if (action !== undefined) gate.verdict = action;
    const step = [...this.steps.values()].find((one) => one.gate === gate.gate);
    if (step === undefined) return;
    if (status === 'lapsed')
      step.status = step.status === 'waiting' || step.status === 'committed' ? 'pending' : step.status;
    else if (step.status === 'waiting') step.status = gate.purpose === 'approval' ? 'running' : 'committed';
  }

  setEffect(about: About, changed: Partial<FoldedEffect> & { status?: FoldedEffect['status'] }): void {
    const takenBack = this.effects.get(about.text('takesBack') ?? '');
    if (takenBack !== undefined && changed.status !== undefined) {
      takenBack.undone = changed.status;
      return;
    }
    const effect = about.text('effect') ?? '';
    const known = this.effects.get(effect) ?? {
      effect,
      step: about.node,
      tool: about.text('tool') ?? '',
      status: 'intent' as const,
    };
    this.effects.set(effect, { ...known, ...changed });
  }
}

const underWay: readonly FoldedStatus[] = ['pending', 'running', 'waiting'];

interface About {
  node: string;
  body: { [field: string]: Json };
  /** Of a field that is text. */
  text(field: string): string | undefined;
}

type Change = (this: Fold, about: About) => void;

const becomes = (status: FoldedStatus): Change =>
  function becomesIt(about) {
    this.setStep(about, status);
  };

/** By type of event; one that is not here changes nothing. */
const changes: Partial<Record<EventType, Change>> = {
  'run.started'() {
    this.setRun('running');
  },
  'run.status'({ text }) {
    this.setRun(text('status'));
  },
  'run.paused'({ body }) {
    this.setRun(undefined, body.paused === true);
  },
  'run.ended'({ text }) {
    this.setRun(text('status'));
    this.leaveNothingOpen();
  },
  'step.started': becomes('running'),
  'step.validated': becomes('validated'),
  'step.committed': becomes('committed'),
  'step.failed': becomes('failed'),
  'step.skipped': becomes('skipped'),
  'step.bypassed': becomes('skipped'),
  'step.refused': becomes('refused'),
  'step.chosen': becomes('committed'),
  'effect.intended'(about) {
    this.setEffect(about, { status: 'intent' });
  },
  'effect.settled'(about) {
    this.setEffect(about, { status: effectStatusOf(about.text('status')) });
  },
  'effect.answered'(about) {
    const answer = about.text('answer');
    const status = about.text('status');
    this.setEffect(about, {
      ...(answer === undefined ? {} : { answer }),
      ...(status === undefined ? {} : { status: effectStatusOf(status) }),
    });
  },
  'effect.undo-failed'(about) {
    // Sent, and no answer: it may have been taken back.
    this.setEffect(about, { undone: about.text('class') === 'outcome-unknown' ? 'unknown' : 'failed' });
  },
  'gate.opened'(about) {
    this.openGate(about);
  },
  'gate.decided'(about) {
    this.closeGate(about, 'decided');
  },
  'gate.lapsed'(about) {
    this.closeGate(about, 'lapsed');
  },
};

function effectStatusOf(text: string | undefined): FoldedEffect['status'] {
  return text === 'succeeded' || text === 'failed' || text === 'unknown' ? text : 'intent';
}
