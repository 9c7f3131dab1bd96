import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BreakerOpen, createBreakers } from './breakers.ts';

class Unreachable extends Error {}
class WrongRequest extends Error {}

const failing = (error: Error) => async () => {
  throw error;
};

describe('breakers', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 0, toFake: ['Date'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const withChanges = () => {
    const changes: string[] = [];
    const breakers = createBreakers({
      counts: (error) => error instanceof Unreachable,
      onChange: (key, state) => changes.push(`${key} ${state}`),
    });
    return { breakers, changes };
  };

  test('after five failures in a row calls are turned away for a minute, then one probe closes it', async () => {
    const { breakers, changes } = withChanges();
    for (let i = 0; i < 5; i++) {
      await expect(breakers.run('model:m', failing(new Unreachable('down')))).rejects.toThrow('down');
    }
    vi.setSystemTime(20_000);
    const operation = vi.fn(async () => 'answer');
    await expect(breakers.run('model:m', operation)).rejects.toMatchObject({
      name: 'BreakerOpen',
      key: 'model:m',
      retryAfterMs: 40_000,
    });
    expect(operation).not.toHaveBeenCalled();

    vi.setSystemTime(60_000);
    await expect(breakers.run('model:m', operation)).resolves.toBe('answer');
    await expect(breakers.run('model:m', operation)).resolves.toBe('answer');
    expect(changes).toEqual(['model:m open', 'model:m closed']);
  });

  test('a failed probe opens it for another minute', async () => {
    const { breakers } = withChanges();
    for (let i = 0; i < 5; i++) {
      await expect(breakers.run('tool:t', failing(new Unreachable('down')))).rejects.toThrow('down');
    }
    vi.setSystemTime(60_000);
    await expect(breakers.run('tool:t', failing(new Unreachable('still down')))).rejects.toThrow('still down');
    vi.setSystemTime(119_000);
    await expect(breakers.run('tool:t', async () => 1)).rejects.toMatchObject({ retryAfterMs: 1_000 });
  });

  test('while the probe is under way others are turned away, not queued', async () => {
    const { breakers } = withChanges();
    for (let i = 0; i < 5; i++) {
      await expect(breakers.run('tool:t', failing(new Unreachable('down')))).rejects.toThrow('down');
    }
    vi.setSystemTime(60_000);
    const probe = Promise.withResolvers<string>();
    const probing = breakers.run('tool:t', () => probe.promise);
    await expect(breakers.run('tool:t', async () => 'second')).rejects.toBeInstanceOf(BreakerOpen);
    probe.resolve('up');
    await expect(probing).resolves.toBe('up');
    await expect(breakers.run('tool:t', async () => 'third')).resolves.toBe('third');
  });

  test("failures that are the caller's own do not open it, and each key has a breaker of its own", async () => {
    const { breakers } = withChanges();
    for (let i = 0; i < 9; i++) {
      await expect(breakers.run('model:a', failing(new WrongRequest('400')))).rejects.toThrow('400');
      await expect(breakers.run('model:b', failing(new Unreachable('down')))).rejects.toThrow();
    }
    await expect(breakers.run('model:a', async () => 'fine')).resolves.toBe('fine');
    await expect(breakers.run('model:b', async () => 'fine')).rejects.toBeInstanceOf(BreakerOpen);
  });

  test('a setting of its own counts and waits as it says, shared by those who say the same', async () => {
    const { breakers, changes } = withChanges();
    const setting = { failures: 2, forMs: 5_000 };
    const fail = failing(new Unreachable('down'));
    for (const said of [setting, { ...setting }])
      await expect(breakers.run('tool:t', fail, said)).rejects.toThrow('down');
    await expect(breakers.run('tool:t', async () => 1, { ...setting })).rejects.toMatchObject({
      key: 'tool:t',
      retryAfterMs: 5_000,
    });
    await expect(breakers.run('tool:t', async () => 'usual')).resolves.toBe('usual');
    await expect(breakers.run('tool:t', async () => 'other', { failures: 3, forMs: 5_000 })).resolves.toBe('other');
    vi.setSystemTime(5_000);
    await expect(breakers.run('tool:t', async () => 'up', setting)).resolves.toBe('up');
    expect(changes).toEqual(['tool:t open', 'tool:t closed']);
  });
});
