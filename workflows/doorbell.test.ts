import { expect, test } from 'vitest';
import { createDoorbell } from './doorbell.ts';

function drain(notes: unknown[]): unknown[] {
  const bell = createDoorbell();
  for (const ring of notes) bell.note(ring);
  return Array.from({ length: bell.size }, () => bell.next());
}

test('a row that rings again before it was looked into is noted once, in the order of the first ring', () => {
  expect(drain([{ gate: 'g1' }, { command: 'g1' }, { gate: 'g2' }, { gate: 'g1' }])).toEqual([
    { gate: 'g1' },
    { command: 'g1' },
    { gate: 'g2' },
  ]);
});

test('a row that rings again after it was looked into is looked into again', () => {
  const bell = createDoorbell();
  bell.note({ gate: 'g1' });
  expect(bell.next()).toEqual({ gate: 'g1' });
  expect(bell.next()).toBeUndefined();
  bell.note({ gate: 'g1' });
  expect(bell.next()).toEqual({ gate: 'g1' });
});

test('one ring about a gate and a command is two, and carries nothing else along', () => {
  expect(drain([{ gate: 'g1', command: 'c1', verdict: 'approve' }])).toEqual([{ gate: 'g1' }, { command: 'c1' }]);
});

test('what names no row is passed over', () => {
  const junk = [undefined, null, 7, 'gate', [], {}, { gate: 7 }, { gate: '' }, { gate: 'x'.repeat(201) }];
  expect(drain(junk)).toEqual([]);
});

test('of a flood 1,000 rows are noted', () => {
  expect(drain(Array.from({ length: 5000 }, (_, index) => ({ gate: `g${index}` })))).toHaveLength(1000);
});
