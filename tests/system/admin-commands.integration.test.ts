import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiFixture } from '../../api/testing/api-fixture.ts';
import { openApiFixture } from '../../api/testing/api-fixture.ts';
import { expense, publishGraph, startProposalOf } from '../../api/testing/proposal-documents.ts';
import { runInProcess } from '../../cli/testing/scripted-world.ts';

let fixture: ApiFixture;
let apiUrl: string;
beforeAll(async () => {
  fixture = await openApiFixture();
  apiUrl = await fixture.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => fixture.close());

async function admin(args: string[], as = 'ada') {
  const env = { WAYMARK_API_URL: apiUrl, WAYMARK_TOKEN: await fixture.issuer.sign(as) };
  return runInProcess(['admin', ...args], { env });
}
const statusOf = async (token: string) =>
  (await fetch(`${apiUrl}/runs`, { headers: { authorization: `Bearer ${token}` } })).status;

test('an admin adds a person, gives them roles and groups, and deactivates them by their address', async () => {
  expect((await admin(['groups', 'set', 'emea', 'buyer'])).stdout).toBe('Group emea gives its members: buyer\n');
  const added = await admin([
    'users',
    'add',
    'kim@acme.test',
    '--name',
    'Kim Lê',
    '--subject',
    'kim',
    '--role',
    'clerk',
  ]);
  expect([added.code, added.stdout]).toEqual([0, expect.stringMatching(/^Added Kim Lê \(.+\): clerk\n$/)]);
  const token = await fixture.issuer.sign('kim');
  expect(await statusOf(token)).toBe(200);
  expect((await admin(['users', 'set-roles', 'kim@acme.test', 'manager', 'clerk'])).stdout).toContain(
    ': clerk, manager\n',
  );
  expect((await admin(['users', 'set-groups', 'kim@acme.test', 'emea'])).stdout).toContain(': buyer, clerk, manager\n');
  expect((await admin(['users', 'deactivate', 'KIM@acme.test'])).stdout).toContain(': inactive\n');
  expect(await statusOf(token)).toBe(401);
  const listed = (await admin(['users', 'list'])).stdout.split('\n').find((line) => line.includes('Kim'));
  expect(listed).toMatch(/Kim Lê +kim@acme\.test +buyer, clerk, manager +emea +inactive$/);
  expect((await admin(['users', 'activate', 'kim@acme.test'])).code).toBe(0);
  expect(await statusOf(token)).toBe(200);
});

test('a key is alone on stdout, signs a service in, and is revoked', async () => {
  const made = await admin([
    'keys',
    'create',
    'billing',
    '--scope',
    'runs:read',
    'gates:read',
    '--expires',
    '2099-01-31',
  ]);
  expect(made.stdout).toMatch(/^waymark_[0-9a-f]{16}_[\w-]{43}\n$/);
  const key = made.stdout.trim();
  expect(made.stderr).toContain('of billing, for runs:read, gates:read. It is shown this once:');
  expect(await statusOf(key)).toBe(200);
  const [listed] = JSON.parse((await admin(['keys', 'list', '--json'])).stdout);
  expect(listed).toMatchObject({ service: 'billing', expiresAt: '2099-01-31T00:00:00.000Z' });
  expect((await admin(['keys', 'revoke', listed.id])).stdout).toBe(`Revoked key ${listed.id} of billing.\n`);
  expect(await statusOf(key)).toBe(401);
  expect((await admin(['keys', 'list'])).stdout).toMatch(/billing +runs:read, gates:read .* revoked /);
});

test('what cannot be done says why and exits 1, and wrong usage exits 2', async () => {
  const refused = await admin(['users', 'list'], 'bo');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('This is for the role admin.')]);
  const unknown = await admin(['users', 'deactivate', 'nobody@acme.test']);
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('Nobody has the id or address')]);
  const last = await admin(['users', 'deactivate', 'ada']);
  expect([last.code, last.stderr]).toEqual([1, expect.stringContaining('left without an admin')]);
  expect((await admin(['keys', 'create', 'x'])).code).toBe(2);
  expect((await admin(['keys', 'create', 'x', '--scope', 'runs:read', '--expires', 'soon'])).code).toBe(2);
});

test('what somebody leaves behind is listed, and given to another', async () => {
  await publishGraph(fixture, expense);
  const proposal = await startProposalOf(fixture, 'expense-report', 'an');
  const reassign = () => admin(['proposals', 'reassign', proposal, 'BO@acme.test']);
  expect((await admin(['proposals', 'list'])).stdout).toBe('There are none.\n');
  expect(await reassign()).toMatchObject({ code: 1, stderr: expect.stringContaining('they hand it over') });
  await admin(['users', 'deactivate', 'an']);
  expect((await admin(['proposals', 'list'])).stdout).toContain(`${proposal}  `);
  expect((await reassign()).stdout).toMatch(/ is bo's from now on\.\n$/);
  await admin(['users', 'activate', 'an']);
  expect((await admin(['proposals', 'list'])).stdout).toBe('There are none.\n');
});
