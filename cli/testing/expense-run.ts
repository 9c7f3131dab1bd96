/** One run of an expense approval, as the API tells of it. */
import type { ApiEvent, ApiGate, ApiJournal, ApiRun, ApiScript, ApiStartedRun } from './scripted-api.ts';

export const at = (second: number): string => `2026-11-21T10:00:${String(second).padStart(2, '0')}.000Z`;
export const graphHash = 'ab12'.repeat(16);
export const gateId = '7f9c2ba4-e88f-427d-9e2e-1d4a2c1f0b11';

export const startedRun: ApiStartedRun = {
  id: 'run-1',
  document: 'expense-approval',
  graphHash,
  title: 'Expense approval',
  status: 'running',
  requester: 'an',
  practice: true,
  createdAt: at(0),
  workflowId: 'wf-1',
  webUi: 'http://127.0.0.1:8233/namespaces/default/workflows/wf-1',
};

export const waitingRun: ApiRun = {
  ...startedRun,
  status: 'waiting',
  lineage: { rootRun: 'run-1', runs: ['run-1'] },
  calls: [],
  steps: [
    { id: 'read', title: 'Read the receipt', kind: 'agent', state: 'committed', attempt: 1 },
    { id: 'large', title: 'Is it large?', kind: 'choose', state: 'committed', attempt: 0 },
    { id: 'manager', title: 'Manager approves', kind: 'approve', state: 'waiting', attempt: 0 },
    { id: 'pay', title: 'Pay', kind: 'tool', state: 'pending', attempt: 0 },
  ],
  waiting: [
    { gate: gateId, step: 'manager', title: 'Manager approves', approvers: ['manager'], people: ['bo'], since: at(4) },
  ],
};

export const completedRun: ApiRun = {
  ...waitingRun,
  status: 'completed',
  endedAt: at(9),
  waiting: [],
  result: { paid: { amount: 620 } },
};

export const counts = { mine: 1, claimed: 0, overdue: 0 };

export const openGate: ApiGate = {
  decisions: [],
  missing: [{ action: 'approve', needed: [{ roles: ['manager'], people: [], more: 1 }] }],
  delegations: [],
  messages: [],
  id: gateId,
  step: 'manager',
  title: 'Manager approves',
  question: 'Is this within policy?\n  Gate       forged line',
  purpose: 'step',
  status: 'open',
  run: {
    id: 'run-1',
    document: 'expense-approval',
    title: 'Expense approval',
    status: 'waiting',
    requester: 'an',
    practice: true,
  },
  subject: 'subject-1',
  shown: [
    { name: 'Read the receipt', digest: 'd1', value: { amount: 620, merchant: 'Metro\u001b[2J' } },
    { name: 'note', digest: 'd2', value: 'please\npay' },
  ],
  actions: [
    { name: 'approve', effect: 'continue' },
    { name: 'reject', effect: 'end' },
  ],
  approvers: ['manager'],
  people: [],
  need: 'any',
  notBy: ['requester'],
  mayDecide: true,
  overdue: false,
  openedAt: at(4),
};

export const events: ApiEvent[] = [
  { seq: 1, at: at(0), type: 'run.started', body: { graph: graphHash } },
  { seq: 2, at: at(1), type: 'step.started', step: 'read', body: { attempt: 1 } },
  {
    seq: 3,
    at: at(2),
    type: 'step.turn',
    step: 'read',
    body: { source: 'practice', tokensIn: 100, tokensOut: 20, latencyMs: 7 },
  },
  { seq: 4, at: at(3), type: 'step.committed', step: 'read', body: { qualityScore: 1 } },
  { seq: 5, at: at(3), type: 'step.chosen', step: 'large', body: { arm: '0' } },
  { seq: 6, at: at(4), type: 'gate.opened', step: 'manager', body: { gate: gateId } },
  { seq: 7, at: at(6), type: 'gate.decided', step: 'manager', body: { gate: gateId, action: 'approve', user: 'mai' } },
  { seq: 8, at: at(9), type: 'run.ended', body: { status: 'completed' } },
];

export const journal: ApiJournal = {
  run: 'run-1',
  status: 'completed',
  practice: true,
  traceId: 't',
  qualityScore: 1,
  totals: { tokensIn: 100, tokensOut: 20, costUsd: 0.00125 },
  rows: [
    { seq: 1, at: at(0), event: 'run.started', status: 'running', traceId: 't' },
    {
      seq: 3,
      at: at(2),
      event: 'step.turn',
      step: 'read',
      attempt: 1,
      agent: 'accountant',
      source: 'practice',
      tokensIn: 100,
      tokensOut: 20,
      costUsd: 0.00125,
      latencyMs: 7,
      traceId: 't',
    },
  ],
};

/** A run that is published, started, waits at its gate and completes. */
export const wholeRun: ApiScript = {
  'GET /health': [{ body: { status: 'alive', practice: true } }],
  'POST /documents': [{ status: 201, body: { document: 'expense-approval', title: 'Expense approval', graphHash } }],
  'POST /runs': [{ status: 201, body: startedRun }],
  'GET /runs/:id': [{ body: waitingRun }, { body: completedRun }],
  'GET /graphs/:id': [
    {
      body: {
        hash: graphHash,
        document: 'expense-approval',
        markdown: '',
        graph: {
          nodes: [
            { id: 'read', title: 'Read the receipt', kind: 'agent' },
            {
              id: 'large',
              title: 'Is it large?',
              kind: 'choose',
              arms: [{ when: 'read.amount > 500', to: 'manager' }, { to: 'pay' }],
            },
            { id: 'manager', title: 'Manager approves', kind: 'approve' },
            { id: 'pay', title: 'Pay', kind: 'tool' },
          ],
        },
        receipt: null,
        publishedBy: 'an',
        publishedAt: at(0),
      },
    },
  ],
  'GET /runs/:id/events': [{ events: events.slice(0, 5), breaks: true }, { events: events.slice(5) }, { events: [] }],
  'GET /runs/:id/journal': [{ body: journal }],
  'GET /gates': [{ body: { items: [openGate], counts } }],
  'GET /gates/:id': [{ body: openGate }],
  'POST /gates/:id/decisions': [
    { status: 201, body: { id: 'd-1', gate: gateId, run: 'run-1', action: 'approve', decidedAt: at(6), missing: [] } },
  ],
  'POST /runs/:id/cancel': [{ status: 202, body: { run: 'run-1', command: 'c-1' } }],
};
