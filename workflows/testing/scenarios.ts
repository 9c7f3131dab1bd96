/** One run for every shape that a history can have, each driven to its end the same way every time. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Order } from '../../activities/contract.ts';
import { approval, draw } from './draw-skeleton.ts';
import type { Script, ScriptedRun } from './scripted-run.ts';
import { commit, failure, untilCancelled } from './scripted-run.ts';

/** What a scenario does to a run, on a server or in this process. */
export interface DrivenRun extends ScriptedRun {
  /** Rings for a row, as the relay or anybody else may. */
  ring(rung: unknown): Promise<void>;
  /** Temporal's own cancel. */
  cancelWorkflow(): Promise<void>;
}

export interface Scenario {
  script: Script;
  /** What people do; resolves when the run can end by itself. */
  drive?: (run: DrivenRun) => Promise<void>;
  ends: 'completed' | 'rejected' | 'cancelled' | 'canceled by Temporal' | 'aborted';
  /**
   * Steps of it run beside each other, or it goes by the clock: in which order things end, or whether a time has passed when
   * it is looked at, is not the same every time.
   */
  unordered?: true;
  /** Its history is recorded where 40 events are many: one of each execution. */
  inExecutions?: true;
}

async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds(); waited += 20) {
    if (waited > 20_000) throw new Error('what the scenario waits for did not happen in 20 seconds');
    await delay(20);
  }
}

async function decide(run: DrivenRun, gate: string, action: string): Promise<void> {
  const before = run.heard.length;
  run.decide(gate, action);
  await run.ring({ gate });
  await until(() => run.heard.length > before);
}

/** Rings until it is heard, as the relay does: a ring may fall between two executions. */
async function give(run: DrivenRun, order: Order): Promise<void> {
  run.order(order);
  const ringing = setInterval(() => void run.ring({ command: order.command }).catch(() => undefined), 1000);
  try {
    await run.ring({ command: order.command });
    await until(() => run.heard.includes(order.command));
  } finally {
    clearInterval(ringing);
  }
}

/** Rings for gates that are not there, until each was heard: all that they do is to make history longer. */
async function ringInVain(run: DrivenRun, from: number): Promise<void> {
  for (let rung = from; rung < from + 12; rung += 1) {
    const gate = `forged ${rung}`;
    for (let waited = 0; !run.heard.includes(gate); waited += 20) {
      if (waited % 1000 === 0) await run.ring({ gate });
      await delay(20);
    }
  }
}

const needsAttention = (run: DrivenRun, count: number) =>
  until(() => run.statuses.filter((status) => status === 'needs-attention').length === count);

async function cancel(run: DrivenRun): Promise<void> {
  run.cancel('command');
  await run.ring({ command: 'command' });
}

const nthWait = (run: DrivenRun, count: number) =>
  until(() => run.statuses.filter((status) => status === 'waiting').length === count);

/** The expense approval: read, choose by amount, ask a manager, pay. */
const expense = draw(
  [
    { id: 'read_the_receipt' },
    {
      id: 'is_it_large',
      kind: 'choose',
      arms: [{ when: 'read_the_receipt.amount > 500' }, {}],
      after: ['read_the_receipt'],
    },
    { id: 'manager_approves', ...approval, after: ['is_it_large/0'], reads: ['read_the_receipt'] },
    { id: 'pay', kind: 'tool', after: ['is_it_large/1', 'manager_approves'], reads: ['read_the_receipt'] },
  ],
  { resultReads: ['read_the_receipt', 'pay'] },
);
const amount = (value: number) => ({ views: { read_the_receipt: { values: { amount: value } } } });
const lapse = { status: 'lapsed', gateNode: 'ask' } as const;

export const scenarios: Record<string, Scenario> = {
  'chain-with-bypass': {
    script: {
      skeleton: draw(
        [
          { id: 'a' },
          { id: 'b', kind: 'tool', after: ['a'], reads: ['a'], when: 'input.wanted' },
          { id: 'c', kind: 'set', after: ['b'], reads: ['a'] },
        ],
        { resultReads: ['c'] },
      ),
      input: { values: { wanted: false } },
    },
    ends: 'completed',
  },
  'choose-untaken': { script: { skeleton: expense, ...amount(10) }, ends: 'completed' },
  'gate-approved': {
    script: { skeleton: expense, ...amount(600) },
    drive: async (run) => {
      await nthWait(run, 1);
      await decide(run, 'gate of manager_approves', 'approve');
    },
    ends: 'completed',
  },
  'gate-rejected': {
    script: { skeleton: expense, ...amount(600) },
    drive: async (run) => {
      await nthWait(run, 1);
      await decide(run, 'gate of manager_approves', 'reject');
    },
    ends: 'rejected',
  },
  'gate-decided-before-it-opens': {
    script: { skeleton: expense, ...amount(600), decided: { 'gate of manager_approves': 'approve' } },
    ends: 'completed',
  },
  'gate-beside-steps': {
    script: {
      skeleton: draw([
        { id: 'ask', ...approval },
        { id: 'a' },
        { id: 'b', after: ['a'] },
        { id: 'c', after: ['a'] },
        { id: 'join', after: ['ask', 'b', 'c'] },
      ]),
    },
    drive: async (run) => {
      await nthWait(run, 1);
      await run.ring({ gate: 'forged' });
      await decide(run, 'gate of ask', 'approve');
    },
    ends: 'completed',
    unordered: true,
  },
  'run-of-another-document': {
    script: {
      skeleton: draw([{ id: 'check', kind: 'run' }, { id: 'a' }, { id: 'pay', kind: 'tool', after: ['check'] }]),
      steps: { check: (call) => (call === 1 ? { status: 'called', run: 'called' } : commit('check')) },
    },
    drive: async (run) => {
      await until(() => run.calls.includes('runSubflow check'));
      run.end('called');
      await run.ring({ run: 'called' });
    },
    ends: 'completed',
    unordered: true,
  },
  'run-that-is-rejected': {
    script: {
      skeleton: draw([
        { id: 'check', kind: 'run' },
        { id: 'pay', kind: 'tool', after: ['check'] },
      ]),
      steps: { check: () => ({ status: 'refused' }) },
    },
    ends: 'rejected',
  },
  'approval-of-a-step': {
    script: {
      skeleton: draw([{ id: 'pay', kind: 'tool' }]),
      steps: {
        pay: (call) => (call === 1 ? { status: 'awaiting-approval', gate: 'g', waitsFor: 'finance' } : commit('pay')),
      },
    },
    drive: async (run) => {
      await nthWait(run, 1);
      await decide(run, 'g', 'approve');
    },
    ends: 'completed',
  },
  'approval-lapsed': {
    script: {
      skeleton: draw([
        { id: 'ask', ...approval },
        { id: 'pay', kind: 'tool', after: ['ask'], reads: ['ask'] },
      ]),
      gates: { ask: ['first', 'second'] },
      steps: { pay: (call) => (call === 1 ? lapse : commit('pay')) },
    },
    drive: async (run) => {
      await nthWait(run, 1);
      await decide(run, 'first', 'approve');
      await nthWait(run, 2);
      await decide(run, 'second', 'approve');
    },
    ends: 'completed',
  },
  'condition-by-activity': {
    script: {
      skeleton: draw([
        { id: 'a' },
        { id: 'long', kind: 'choose', arms: [{ when: 'size(a.lines) > 3' }, {}], after: ['a'], reads: ['a'] },
        { id: 'b', after: ['long/0'] },
        { id: 'c', after: ['long/1'] },
      ]),
      views: { a: { opaque: ['lines'] } },
      holds: { long: 0 },
    },
    ends: 'completed',
  },
  'failed-then-cancelled': {
    script: {
      skeleton: draw([
        { id: 'pay', kind: 'tool' },
        { id: 'tell', after: ['pay'] },
      ]),
      steps: { pay: () => Promise.reject(failure('effect-conflict')) },
    },
    drive: async (run) => {
      await until(() => run.statuses.includes('needs-attention'));
      await cancel(run);
    },
    ends: 'cancelled',
  },
  'cancelled-while-running': {
    script: {
      skeleton: draw([{ id: 'a' }, { id: 'b', after: ['a'] }, { id: 'ask', ...approval }]),
      steps: { a: untilCancelled },
    },
    drive: async (run) => {
      await nthWait(run, 1);
      await cancel(run);
    },
    ends: 'cancelled',
    unordered: true,
  },
  'cancelled-by-temporal': {
    script: { skeleton: expense, ...amount(600) },
    drive: async (run) => {
      await nthWait(run, 1);
      await run.cancelWorkflow();
    },
    ends: 'canceled by Temporal',
  },
  'containers-within-containers': {
    script: {
      skeleton: draw(
        [
          { id: 'claims', kind: 'for each', each: { item: 'claim', atOnce: 1 } },
          {
            id: 'improve',
            kind: 'repeat',
            repeat: { atMost: 2, until: 'review.good', ifNotReached: 'continue' },
            in: 'claims',
          },
          { id: 'write', in: 'improve', reads: ['claim', 'previous'] },
          { id: 'review', in: 'improve', after: ['write'], reads: ['write'] },
          { id: 'both', kind: 'steps', in: 'claims', after: ['improve'] },
          { id: 'file', in: 'both', reads: ['improve'] },
          { id: 'tell', kind: 'tool', in: 'both', after: ['file'] },
        ],
        { resultReads: ['claims'] },
      ),
      lists: { claims: [undefined, undefined, undefined, undefined] },
      steps: { review: (call) => commit('review', { values: { good: call % 3 === 0 } }) },
    },
    ends: 'completed',
  },
  'step-for-each-item': {
    script: {
      skeleton: draw([{ id: 'pay', kind: 'tool', each: { item: 'claim', atOnce: 2 }, ifItFails: 'skip' }]),
      lists: { pay: [undefined, undefined, undefined, undefined, undefined] },
      steps: {
        pay: (_, { path = '' }) => (path === 'pay[1]' ? Promise.reject(failure('tool-failed')) : commit(path)),
      },
    },
    ends: 'completed',
    unordered: true,
  },
  'sent-back-by-a-gate': {
    script: {
      skeleton: draw([
        { id: 'write', reads: ['feedback'], backFrom: ['ask:rework*2'] },
        { id: 'check', after: ['write'] },
        {
          id: 'ask',
          ...approval,
          actions: { approve: 'continue', reject: 'end', rework: 'continue' },
          after: ['check'],
        },
        { id: 'pay', kind: 'tool', after: ['ask'] },
      ]),
      gates: { ask: ['first', 'second'] },
    },
    drive: async (run) => {
      await nthWait(run, 1);
      await decide(run, 'first', 'rework');
      await nthWait(run, 2);
      await decide(run, 'second', 'approve');
    },
    ends: 'completed',
  },
  'sent-back-by-a-choose': {
    script: {
      skeleton: draw([
        { id: 'write', reads: ['feedback'], backFrom: ['good/0*1'] },
        { id: 'good', kind: 'choose', arms: [{ when: 'write.bad' }, {}], after: ['write'], reads: ['write'] },
        { id: 'ask', after: ['good/0!used up'] },
        { id: 'pay', kind: 'tool', after: ['good/1', 'ask'] },
      ]),
      views: { write: { values: { bad: true } } },
    },
    ends: 'completed',
  },
  'failure-that-leads-elsewhere': {
    script: {
      skeleton: draw([
        { id: 'pay', kind: 'tool', ifItFails: 'link' },
        { id: 'tell', after: ['pay'] },
        { id: 'mend', after: ['pay!failure'] },
      ]),
      steps: { pay: () => Promise.reject(failure('tool-failed')) },
    },
    ends: 'completed',
  },
  'gate-that-nobody-decides': {
    script: {
      skeleton: draw([
        { id: 'ask', ...approval, ifOverdue: 'link' },
        { id: 'pay', kind: 'tool', after: ['ask'] },
        { id: 'escalate', after: ['ask!overdue'] },
      ]),
      gateTimes: { ask: { due: 500, remindEvery: 200 } },
      overdue: { 'gate of ask': 'overdue' },
    },
    unordered: true,
    ends: 'completed',
  },
  'gate-that-asks-on': {
    script: {
      skeleton: draw([
        { id: 'ask', ...approval, asksOn: 'director' },
        { id: 'pay', kind: 'tool', after: ['ask'] },
      ]),
      gateTimes: { ask: { due: 100 } },
    },
    drive: async (run) => {
      await until(() => run.calls.includes('closeOverdue ask'));
      await decide(run, 'gate of ask', 'approve');
    },
    unordered: true,
    ends: 'completed',
  },
  'retried-then-supplied-beside-one-left-out': {
    script: {
      skeleton: draw([
        { id: 'read', kind: 'tool' },
        { id: 'pay', kind: 'tool', after: ['read'] },
        { id: 'tell', kind: 'tool', after: ['pay'], reads: ['pay'] },
      ]),
      steps: {
        read: () => Promise.reject(failure('tool-failed')),
        pay: (_, { order }) => (order === 'last' ? commit('pay') : Promise.reject(failure('outcome-unknown'))),
      },
    },
    drive: async (run) => {
      await needsAttention(run, 1);
      await give(run, { command: 'first', does: 'skip', node: 'read' });
      await needsAttention(run, 2);
      await give(run, { command: 'second', does: 'retry', node: 'pay' });
      await needsAttention(run, 3);
      await give(run, { command: 'last', does: 'supply', node: 'pay' });
    },
    ends: 'completed',
  },
  'paused-then-let-go-on': {
    script: {
      skeleton: draw([
        { id: 'ask', ...approval },
        { id: 'pay', kind: 'tool', after: ['ask'] },
      ]),
    },
    drive: async (run) => {
      await nthWait(run, 1);
      await give(run, { command: 'pause', does: 'pause' });
      await until(() => run.paused.length === 1);
      await decide(run, 'gate of ask', 'approve');
      await until(() => run.statuses.at(-1) === 'running');
      await give(run, { command: 'unpause', does: 'unpause' });
    },
    ends: 'completed',
  },
  'cancelled-and-taken-back': {
    script: {
      skeleton: draw([
        { id: 'pay', kind: 'tool', undo: true },
        { id: 'ask', ...approval, after: ['pay'] },
      ]),
      undo: [
        { effect: 'second write', node: 'pay' },
        { effect: 'first write', node: 'pay' },
      ],
      undoFails: ['second write'],
    },
    drive: async (run) => {
      await nthWait(run, 1);
      await cancel(run);
    },
    ends: 'cancelled',
  },
  'aborted-after-a-failure': {
    script: {
      skeleton: draw([
        { id: 'pay', kind: 'tool' },
        { id: 'tell', after: ['pay'] },
      ]),
      steps: { pay: () => Promise.reject(failure('tool-failed')) },
    },
    drive: async (run) => {
      await needsAttention(run, 1);
      await give(run, { command: 'stop', does: 'abort' });
    },
    ends: 'aborted',
  },
  'result-at-the-second-try': {
    script: { skeleton: draw([{ id: 'a' }], { resultReads: ['a'] }), resultFails: 'once' },
    drive: async (run) => {
      await needsAttention(run, 1);
      await give(run, { command: 'again', does: 'retry', node: 'Result' });
    },
    ends: 'completed',
  },
  'asked-again-over-several-executions': {
    script: {
      skeleton: draw([
        { id: 'claims', kind: 'for each', each: { item: 'claim', atOnce: 2 } },
        { id: 'look', in: 'claims' },
        { id: 'ask', ...approval, in: 'claims', guardsOutside: true, after: ['look'] },
        { id: 'write', backFrom: ['agree:rework*2'] },
        {
          id: 'agree',
          ...approval,
          actions: { approve: 'continue', rework: 'continue', reject: 'end' },
          after: ['write'],
        },
        { id: 'pay', kind: 'tool', after: ['claims', 'agree'] },
      ]),
      lists: { claims: [undefined, undefined, undefined] },
      gates: { ask: ['first', 'second', 'third', 'third again'], agree: ['draft', 'better draft'] },
      decided: { first: 'approve', second: 'approve' },
      steps: {
        // In each execution that finds the gate still open, too.
        pay: (_, __, isDecided) =>
          isDecided('third again') ? commit('pay') : { status: 'lapsed', gateNode: 'ask', gatePath: 'claims[2]' },
      },
    },
    drive: async (run) => {
      const opened = (gate: string, times: number) =>
        until(() => run.calls.filter((call) => call === `openGate ${gate}`).length === times);
      await opened('ask', 3);
      await opened('agree', 1);
      await ringInVain(run, 0);
      await decide(run, 'draft', 'rework');
      await opened('agree', 2);
      await ringInVain(run, 12);
      await decide(run, 'third', 'approve');
      await decide(run, 'better draft', 'approve');
      await opened('ask', 4);
      await ringInVain(run, 24);
      await decide(run, 'third again', 'approve');
    },
    unordered: true,
    inExecutions: true,
    ends: 'completed',
  },
  'gate-that-lapses-while-it-waits': {
    script: { skeleton: expense, ...amount(600), gates: { manager_approves: ['first', 'second'] } },
    drive: async (run) => {
      await nthWait(run, 1);
      run.lapse('first');
      await run.ring({ gate: 'first' });
      await nthWait(run, 2);
      await decide(run, 'second', 'approve');
    },
    ends: 'completed',
  },
  'resumed-after-steps-that-stand': {
    script: {
      skeleton: draw([
        { id: 'read_the_receipt' },
        { id: 'classify', after: ['read_the_receipt'], reads: ['read_the_receipt'] },
        { id: 'manager_approves', ...approval, after: ['classify'], reads: ['classify'] },
        { id: 'pay', kind: 'tool', after: ['manager_approves'], reads: ['classify'] },
      ]),
      recalled: [
        [{ node: 'read_the_receipt', read: {}, output: 'digest of read_the_receipt' }],
        [
          { node: 'classify', read: { read_the_receipt: 'digest of read_the_receipt' }, output: 'digest of classify' },
          { node: 'pay', read: { classify: 'digest of another class' }, output: 'digest of pay' },
        ],
      ],
    },
    drive: async (run) => {
      await nthWait(run, 1);
      await decide(run, 'gate of manager_approves', 'approve');
    },
    ends: 'completed',
  },
  'task-of-a-person': {
    script: {
      skeleton: draw([
        { id: 'fill', kind: 'person', waitsFor: 'clerk' },
        { id: 'pay', kind: 'tool', after: ['fill'], reads: ['fill'] },
      ]),
    },
    drive: async (run) => {
      await nthWait(run, 1);
      await decide(run, 'gate of fill', 'done');
    },
    ends: 'completed',
  },
  'waits-and-a-merge': {
    script: {
      skeleton: draw([
        { id: 'pause', kind: 'wait', waitMs: 50 },
        { id: 'until', kind: 'wait', after: ['pause'] },
        { id: 'both', kind: 'merge', after: ['until'] },
      ]),
    },
    ends: 'completed',
  },
};
