import { expect, test, vi } from 'vitest';
import { repeating } from './repeating.ts';

const never = 2 ** 31 - 1;

test('work is done again after its rest, also when it failed', async () => {
  const problems: unknown[] = [];
  let times = 0;
  const loop = repeating({
    everyMs: 1,
    work: async () => {
      times += 1;
      throw new Error(`${times}`);
    },
    failed: (error) => problems.push(error),
  });
  loop.start();
  await vi.waitFor(() => expect(problems.length).toBeGreaterThan(2));
  await loop.stop();
  expect(problems.slice(0, 2)).toEqual([new Error('1'), new Error('2')]);
});

test('who wakes it while it works, or while it rests, has it work once more; stopped, it works no more', async () => {
  const ends: (() => void)[] = [];
  const work = vi.fn(() => new Promise<boolean>((resolve) => ends.push(() => resolve(false))));
  const loop = repeating({ everyMs: never, work, failed: () => undefined });
  loop.start();
  loop.start();
  loop.wake();
  expect(work).toHaveBeenCalledTimes(1);
  ends[0]?.();
  await vi.waitFor(() => expect(work).toHaveBeenCalledTimes(2));
  ends[1]?.();
  await new Promise(setImmediate);
  expect(work).toHaveBeenCalledTimes(2);
  loop.wake();
  await vi.waitFor(() => expect(work).toHaveBeenCalledTimes(3));
  const stopped = loop.stop();
  loop.wake();
  ends[2]?.();
  await stopped;
  expect(work).toHaveBeenCalledTimes(3);
});

test('work of which there is more is done again without a rest, until it is stopped', async () => {
  const soon = () => new Promise(setImmediate);
  const work = vi.fn(async () => {
    await soon();
    return work.mock.calls.length !== 3;
  });
  const loop = repeating({ everyMs: never, work, failed: () => undefined });
  loop.start();
  await vi.waitFor(() => expect(work).toHaveBeenCalledTimes(3));
  await soon();
  await soon();
  expect(work).toHaveBeenCalledTimes(3);
  loop.wake();
  await vi.waitFor(() => expect(work.mock.calls.length).toBeGreaterThan(5));
  await loop.stop();
  const done = work.mock.calls.length;
  await soon();
  await soon();
  expect(work).toHaveBeenCalledTimes(done);
});
