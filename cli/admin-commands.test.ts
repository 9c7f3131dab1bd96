/** `waymark admin` against an API that is scripted. */
import { afterEach, expect, test } from 'vitest';
import type { ScriptedApi } from './testing/scripted-api.ts';
import { startScriptedApi } from './testing/scripted-api.ts';
import { runInProcess } from './testing/scripted-world.ts';

let api: ScriptedApi | undefined;
afterEach(() => api?.close());

test('the tenant is shown, and renamed where a name is given', async () => {
  api = await startScriptedApi({
    'GET /health': [{ body: { status: 'alive', practice: false } }],
    'GET /admin/tenant': [{ body: { id: 'acme', name: 'Acme' } }],
    'PATCH /admin/tenant': [{ body: { id: 'acme', name: 'Acme Europe' } }],
  });
  const env = { WAYMARK_API_URL: api.url, WAYMARK_TOKEN: 'tok' };
  const shown = await runInProcess(['admin', 'tenant'], { env });
  expect([shown.code, shown.stdout]).toEqual([0, 'Acme (acme)\n']);
  const renamed = await runInProcess(['admin', 'tenant', '--name', 'Acme Europe'], { env });
  expect([renamed.code, renamed.stdout]).toEqual([0, 'Acme Europe (acme)\n']);
  expect(api.received.find(({ route }) => route === 'PATCH /admin/tenant')?.body).toEqual({ name: 'Acme Europe' });
});
