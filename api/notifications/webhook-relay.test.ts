import { expect, test } from 'vitest';
import { defaultWebhookTimes, settlementOf } from './webhook-relay.ts';

const { pausesMs } = defaultWebhookTimes;
const [second, hour] = [1_000, 3_600_000];

test('ten attempts, with growing pauses from 5 seconds on, take a little less than a day', () => {
  const attempts = Array.from({ length: 10 }, (_, index) => settlementOf({ status: 500 }, index + 1, pausesMs));
  expect(attempts.at(-1)).toEqual({ is: 'dead', gone: false });
  const pauses = attempts.slice(0, -1).map((one) => (one.is === 'again' ? one.after : Number.NaN));
  expect(pauses[0]).toBe(5 * second);
  expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
  const all = pauses.reduce((sum, pause) => sum + pause, 0);
  expect([all > 22 * hour, all < 24 * hour]).toEqual([true, true]);
});

test('every 2xx is a success, 410 is the end, and all else is tried again', () => {
  for (const status of [200, 202, 204, 299]) expect(settlementOf({ status }, 1, pausesMs)).toEqual({ is: 'delivered' });
  expect(settlementOf({ status: 410 }, 1, pausesMs)).toEqual({ is: 'dead', gone: true });
  for (const answered of [{ status: 199 }, { status: 301 }, { status: 404 }, { status: 500 }, { failure: 'timeout' }]) {
    expect(settlementOf(answered, 2, pausesMs)).toEqual({ is: 'again', after: 30 * second });
  }
});

test('a receiver that asks to be left alone is, within a day', () => {
  const after = (retryAfterMs: number) => settlementOf({ status: 429, retryAfterMs }, 1, pausesMs);
  expect(after(1)).toEqual({ is: 'again', after: 5 * second });
  expect(after(60 * second)).toEqual({ is: 'again', after: 60 * second });
  expect(after(1_000 * hour)).toEqual({ is: 'again', after: 24 * hour });
});
