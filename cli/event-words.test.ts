import { describe, expect, it } from 'vitest';
import { eventTypes } from '../prisma/run-log.ts';
import type { RunEvent } from './api-shapes.ts';
import { wordsOf } from './event-words.ts';

const graph = {
  nodes: [
    { id: 'read', title: 'Read the receipt', arms: [] },
    { id: 'large', title: 'Is it large?', arms: [{ when: 'read.amount > 500', to: 'read' }, { to: 'gone' }] },
  ],
};

function words(type: string, body: RunEvent['body'] = {}, step: string | undefined = 'read'): string | undefined {
  return wordsOf({ seq: 1, at: '2026-11-21T10:00:00.000Z', type, body, ...(step && { step }) }, graph)?.text;
}

describe('wordsOf', () => {
  it.each([
    ['step.started', { attempt: 1 }, 'Read the receipt: started'],
    ['step.started', { attempt: 3 }, 'Read the receipt: started (attempt 3)'],
    [
      'step.turn',
      { source: 'gpt', tokensIn: 3, tokensOut: 4, latencyMs: 9 },
      'Read the receipt: gpt answered (7 tokens, 9 ms)',
    ],
    ['step.turn', { source: 'policy.lookup', latencyMs: 9 }, 'Read the receipt: policy.lookup answered (9 ms)'],
    ['step.retrying', { class: 'transient', delayMs: 1500 }, 'Read the receipt: transient, tries again in 1.5 s'],
    ['step.retrying', { class: 'invalid-output', delayMs: 0 }, 'Read the receipt: invalid-output, tries again'],
    ['step.validated', {}, undefined],
    ['step.committed', { qualityScore: 0.666 }, 'Read the receipt: done (quality 0.67)'],
    ['step.failed', { class: 'refusal' }, 'Read the receipt: failed (refusal)'],
    ['effect.intended', { tool: 'payments.transfer', sends: 2 }, 'Read the receipt: calls payments.transfer again'],
    ['effect.settled', { status: 'unknown' }, 'Read the receipt: the call has an unknown outcome'],
    ['effect.answered', { user: 'olga', answer: 'happened' }, 'Read the receipt: olga says of the call: happened'],
    [
      'effect.undo-failed',
      { class: 'not-allowed' },
      'Read the receipt: the call could not be taken back (not-allowed)',
    ],
    ['gate.delegation-withdrawn', { from: 'mai', to: 'bo' }, 'Read the receipt: mai took their vote back from bo'],
    ['command.given', { user: 'olga', kind: 'retry' }, 'olga ordered: retry Read the receipt'],
    ['command.applied', { applied: false }, 'The order changed nothing'],
    ['command.applied', { applied: true }, undefined],
    ['run.paused', { paused: true }, 'The run is paused'],
    ['gate.opened', { gate: 'g1' }, 'Read the receipt: asks for a decision (gate g1)'],
    ['gate.opened', { gate: 'g1', action: 'approve' }, 'Read the receipt: decided before, approve'],
    ['gate.decided', { user: 'mai', action: 'approve' }, 'Read the receipt: mai decided approve'],
    [
      'gate.refused-decision',
      { user: 'an', reason: 'not-an-approver' },
      'Read the receipt: a decision of an was refused (not-an-approver)',
    ],
    ['run.status', { status: 'running' }, undefined],
    ['run.status', { status: 'waiting' }, 'The run waits for a decision'],
    ['run.ended', { status: 'rejected' }, 'The run ended: rejected'],
  ] as const)('says %s %j as %s', (type, body, text) => {
    expect(words(type, body)).toBe(text);
  });

  it('names the step that a choice leads to, and why', () => {
    expect(words('step.chosen', { arm: '0' }, 'large')).toBe(
      'Is it large?: on to Read the receipt (read.amount > 500)',
    );
    expect(words('step.chosen', { arm: '1' }, 'large')).toBe('Is it large?: on to gone (otherwise)');
  });

  it('shows an event of a later version by its type', () => {
    expect(words('step.danced')).toBe('Read the receipt: step.danced');
  });

  it('has its own words for everything that is logged today', () => {
    const unknown = eventTypes.filter((type) => words(type)?.endsWith(`: ${type}`));
    expect(unknown).toEqual([]);
  });
});
