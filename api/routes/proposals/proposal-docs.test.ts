import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OfflineApp } from '../../testing/offline-app.ts';
import { openOfflineApp } from '../../testing/offline-app.ts';

let offline: OfflineApp;
beforeAll(async () => {
  offline = await openOfflineApp();
});
afterAll(() => offline.app.close());

test.each([
  ['proposals.md', 10],
  ['sessions.md', 3],
])('every request that docs/%s shows has a route', async (file, least) => {
  const text = readFileSync(join(import.meta.dirname, '../../../docs', file), 'utf8');
  const shown = [...text.matchAll(/^curl (?:-N )?(?:-X (\w+) )?"?\$API(\/[^ "?]*)/gm)].map(
    ([, method = 'GET', path = '']) => ({
      method: method as 'GET',
      url: path.replace(/\$\w+/g, 'id'),
    }),
  );
  expect(shown.length).toBeGreaterThan(least);
  // Without a token: a route that is not there answers 404 to anybody.
  for (const { method, url } of shown) {
    const { statusCode } = await offline.app.inject({ method, url });
    expect([method, url, statusCode]).toEqual([method, url, 401]);
  }
});
