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

test('every request that docs/proposals.md shows has a route', async () => {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/proposals.md'), 'utf8');
  const shown = [...text.matchAll(/^curl (?:-X (\w+) )?"?\$API(\/[^ "?]*)/gm)].map(([, method = 'GET', path = '']) => ({
    method: method as 'GET',
    url: path.replace(/\$\w+/g, 'id'),
  }));
  expect(shown.length).toBeGreaterThan(10);
  // Without a token: a route that is not there answers 404 to anybody.
  for (const { method, url } of shown) {
    const { statusCode } = await offline.app.inject({ method, url });
    expect([method, url, statusCode]).toEqual([method, url, 401]);
  }
});
