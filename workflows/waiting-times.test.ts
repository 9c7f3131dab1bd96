import { expect, test } from 'vitest';
import { nextWake } from './waiting-times.ts';

test('without a due date and reminders there is nothing to wake for', () => {
  expect(nextWake({ opened: 0 }, 5)).toBeUndefined();
});

test('what comes first is next; of both at once the due date', () => {
  expect(nextWake({ opened: 100, due: 1000, remindEvery: 300 }, 100)).toEqual({ at: 400, for: 'reminder', nth: 1 });
  expect(nextWake({ opened: 100, due: 1000, remindEvery: 300, reminded: 2 }, 700)).toEqual({ at: 1000, for: 'due' });
  expect(nextWake({ opened: 0, due: 50 }, 80)).toEqual({ at: 50, for: 'due' });
});

test('reminders that were missed are made up for by one', () => {
  expect(nextWake({ opened: 0, remindEvery: 100, reminded: 1 }, 950)).toEqual({ at: 900, for: 'reminder', nth: 9 });
  expect(nextWake({ opened: 0, remindEvery: 100, reminded: 9 }, 950)).toEqual({ at: 1000, for: 'reminder', nth: 10 });
});
