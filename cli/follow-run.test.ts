import { afterEach, expect, it } from 'vitest';
import type { Gate } from './api-shapes.ts';
import { createClient } from './client.ts';
import type { FollowOptions } from './follow-run.ts';
import { followRun } from './follow-run.ts';
import { at, completedRun, events, openGate, waitingRun, wholeRun } from './testing/expense-run.ts';
import type { ApiRun, ApiScript, ScriptedApi } from './testing/scripted-api.ts';
import { startScriptedApi } from './testing/scripted-api.ts';

let api: ScriptedApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

async function follow(script: ApiScript, options: Partial<FollowOptions> = {}) {
  api = await startScriptedApi({ ...wholeRun, ...script });
  const client = createClient({ apiUrl: api.url, token: 't', firstDelayMs: 1 });
  const lines: string[] = [];
  const run = await followRun(client, 'run-1', { print: (line) => lines.push(line), ...options });
  return { run, lines };
}

it('says each step in words, meets the open gate with all it shows, and gives the ended run', async () => {
  const met: Gate[] = [];
  const { run, lines } = await follow({}, { onGate: async (gate) => void met.push(gate) });
  expect(lines).toEqual([
    '10:00:00  The run started',
    '10:00:01  Read the receipt: started',
    '10:00:02  Read the receipt: practice answered (120 tokens, 7 ms)',
    '10:00:03  Read the receipt: done (quality 1)',
    '10:00:03  Is it large?: on to Manager approves (read.amount > 500)',
    '10:00:04  Manager approves: asks for a decision (gate 7f9c2ba4-e88f-427d-9e2e-1d4a2c1f0b11)',
    '10:00:06  Manager approves: mai decided approve',
    '10:00:09  The run ended: completed',
  ]);
  expect(met.map(({ id, subject }) => [id, subject])).toEqual([[openGate.id, 'subject-1']]);
  expect(run).toMatchObject({ status: 'completed', result: { paid: { amount: 620 } } });
});

it('does not meet a gate that was decided before it looked', async () => {
  const met: Gate[] = [];
  await follow(
    { 'GET /gates/:id': [{ body: { ...openGate, status: 'decided', verdict: 'approve' } }] },
    { onGate: async (gate) => void met.push(gate) },
  );
  expect(met).toEqual([]);
});

it('ends with what onGate throws', async () => {
  await expect(follow({}, { onGate: async () => Promise.reject(new Error('nobody answered')) })).rejects.toThrow(
    'nobody answered',
  );
});

const failing = [
  ...events.slice(0, 2),
  { seq: 3, at: at(2), type: 'step.failed', step: 'read', body: { class: 'refusal' } },
  { seq: 4, at: at(2), type: 'run.status', body: { status: 'needs-attention' } },
];
const parkedRun: ApiRun = {
  ...waitingRun,
  status: 'needs-attention',
  steps: [
    {
      id: 'read',
      title: 'Read the receipt',
      kind: 'agent',
      state: 'failed',
      attempt: 1,
      failure: { class: 'refusal', detail: 'The model refused:\nno' },
    },
  ],
};

it('tells why a step failed, and stops when nothing in the run can go on by itself', async () => {
  const { run, lines } = await follow(
    { 'GET /runs/:id': [{ body: parkedRun }], 'GET /runs/:id/events': [{ events: failing }, { raw: '', status: 503 }] },
    { quietMs: 20 },
  );
  expect(lines.slice(2)).toEqual([
    '10:00:02  Read the receipt: failed (refusal)',
    '          The model refused: no',
    '10:00:02  The run needs attention',
  ]);
  expect(run.status).toBe('needs-attention');
});

it('stops at a failed step beside a gate that was decided before', async () => {
  const found = {
    seq: 5,
    at: at(3),
    type: 'gate.opened',
    step: 'manager',
    body: { gate: openGate.id, action: 'approve' },
  };
  const { run, lines } = await follow(
    {
      'GET /runs/:id': [{ body: parkedRun }],
      'GET /runs/:id/events': [{ events: [...failing, found] }, { raw: '', status: 503 }],
    },
    { quietMs: 20 },
  );
  expect(lines.at(-1)).toBe('10:00:03  Manager approves: decided before, approve');
  expect(run.status).toBe('needs-attention');
});

it('goes on beside a failed step while a gate is open', async () => {
  const rest = [
    { seq: 5, at: at(4), type: 'gate.opened', step: 'manager', body: { gate: openGate.id } },
    { seq: 6, at: at(6), type: 'run.ended', body: { status: 'cancelled' } },
  ];
  const { run, lines } = await follow(
    {
      'GET /runs/:id': [{ body: parkedRun }, { body: parkedRun }, { body: { ...completedRun, status: 'cancelled' } }],
      'GET /runs/:id/events': [
        { events: [...failing, ...rest.slice(0, 1)] },
        { raw: '', status: 503 },
        { raw: '', status: 503 },
        { raw: '', status: 503 },
        { raw: '', status: 503 },
        { raw: '', status: 503 },
        { events: rest.slice(1) },
        { events: [] },
      ],
    },
    { quietMs: 5 },
  );
  expect(lines.at(-1)).toBe('10:00:06  The run ended: cancelled');
  expect(run.status).toBe('cancelled');
});
