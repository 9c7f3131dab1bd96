import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import { openApiFixture, publishClaim, startClaim } from '../../testing/api-fixture.ts';

let fixture: ApiFixture;
beforeAll(async () => {
  fixture = await openApiFixture();
  await publishClaim(fixture);
});
afterAll(() => fixture.close());

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT';
const ask = async (method: Method, url: string, payload?: object, headers?: Record<string, string>) =>
  fixture.app.inject({
    method,
    url,
    headers: headers ?? (await fixture.as('ada', randomUUID())),
    ...(payload === undefined ? {} : { payload }),
  });
const bearer = (token: string, idempotencyKey = randomUUID()) => ({
  authorization: `Bearer ${token}`,
  'idempotency-key': idempotencyKey,
});
const addUser = async (id: string, more: object = {}) => {
  const payload = { id, displayName: id, email: `${id}@acme.test`, subject: id, ...more };
  const response = await ask('POST', '/admin/users', payload);
  expect(response.statusCode).toBe(201);
  return response.json();
};
const makeKey = async (scopes: string[], more: object = {}) => {
  const response = await ask('POST', '/admin/keys', { service: 'stock', scopes, ...more });
  expect(response.statusCode).toBe(201);
  return response.json() as { id: string; key: string; user: string };
};
const events = async (subject: string) =>
  fixture.store.actAs({ tenant: 'acme', user: 'ada' }, async (tx) =>
    (await tx.adminEvent.findMany({ where: { subject }, orderBy: { seq: 'asc' } })).map(({ actor, what }) => ({
      actor,
      what,
    })),
  );

describe('people', () => {
  test('who was added signs in at once, with the roles of their groups', async () => {
    expect((await ask('PUT', '/admin/groups/emea', { roles: ['buyer'] })).json()).toEqual({
      name: 'emea',
      roles: ['buyer'],
    });
    const kim = await addUser('kim', { displayName: 'Kim Lê', roles: ['manager'], groups: ['emea'] });
    expect(kim).toEqual({
      id: 'kim',
      displayName: 'Kim Lê',
      email: 'kim@acme.test',
      kind: 'person',
      subject: 'kim',
      active: true,
      roles: ['manager'],
      groups: ['emea'],
      allRoles: ['buyer', 'manager'],
    });
    const found = await ask('GET', '/people?q=KIM%20L', undefined, await fixture.as('kim'));
    expect(found.json()).toEqual({
      items: [{ id: 'kim', displayName: 'Kim Lê', roles: ['buyer', 'manager'] }],
    });
    expect(await events('kim')).toEqual([{ actor: 'ada', what: 'user.created' }]);
  });

  test('who is deactivated is refused from the next request on, and let in again when activated', async () => {
    await addUser('lou');
    const asLou = await fixture.as('lou');
    expect((await ask('GET', '/runs', undefined, asLou)).statusCode).toBe(200);
    expect((await ask('PATCH', '/admin/users/lou', { active: false })).json().active).toBe(false);
    expect((await ask('GET', '/runs', undefined, asLou)).statusCode).toBe(401);
    expect((await ask('GET', '/people?q=lou')).json()).toEqual({ items: [] });
    await ask('PATCH', '/admin/users/lou', { active: true });
    expect((await ask('GET', '/runs', undefined, asLou)).statusCode).toBe(200);
    expect((await events('lou')).map(({ what }) => what)).toEqual([
      'user.created',
      'user.deactivated',
      'user.activated',
    ]);
  });

  test('who is deactivated gets no event more on a stream that was open', async () => {
    await addUser('max');
    const address = await fixture.app.listen({ host: '127.0.0.1', port: 0 });
    const run = await startClaim(fixture);
    const stream = await fetch(`${address}/runs/${run}/events`, { headers: await fixture.as('max') });
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toContain('event: run.started');
    await ask('PATCH', '/admin/users/max', { active: false });
    await ask('POST', `/runs/${run}/cancel`, {}, await fixture.as('an', randomUUID()));
    expect(await reader?.read()).toEqual({ done: true, value: undefined });
  });

  test('roles that are taken away are gone with the next request', async () => {
    await addUser('ned', { roles: ['operator'] });
    const run = await startClaim(fixture);
    expect((await ask('PATCH', '/admin/users/ned', { roles: [] })).json().allRoles).toEqual([]);
    const headers = await fixture.as('ned', randomUUID());
    expect((await ask('POST', `/runs/${run}/cancel`, {}, headers)).statusCode).toBe(403);
  });

  test('nobody without the role changes people, not even themselves, and what is refused is no event', async () => {
    const asBo = await fixture.as('bo', randomUUID());
    expect((await ask('PATCH', '/admin/users/bo', { roles: ['admin'] }, asBo)).statusCode).toBe(403);
    expect((await ask('GET', '/admin/users', undefined, asBo)).statusCode).toBe(403);
    expect((await ask('PATCH', '/admin/users/gus', { active: false })).statusCode).toBe(404);
    const unknown = await ask('PATCH', '/admin/users/bo', { groups: ['nowhere'] });
    expect([unknown.statusCode, unknown.json().errors[0].at]).toEqual([400, '/groups']);
    expect(await events('bo')).toEqual([{ actor: 'database:owner', what: 'user.provisioned' }]);
  });

  test('the same request twice adds one person', async () => {
    const headers = await fixture.as('ada', 'add-oda');
    const payload = { displayName: 'Oda', email: 'oda@acme.test', subject: 'oda' };
    const [first, second] = [
      await ask('POST', '/admin/users', payload, headers),
      await ask('POST', '/admin/users', payload, headers),
    ];
    expect(second.body).toBe(first.body);
    expect((await ask('GET', '/people?q=oda@acme')).json().items).toHaveLength(1);
  });

  test('lists come in pages', async () => {
    const all: string[] = [];
    let cursor = '';
    do {
      const page = (await ask('GET', `/admin/users?limit=3${cursor}`)).json();
      all.push(...page.items.map(({ id }: { id: string }) => id));
      cursor = page.next === undefined ? '' : `&cursor=${page.next}`;
    } while (cursor !== '');
    expect(all).toEqual([...new Set(all)].sort());
    expect(all).toEqual(expect.arrayContaining(['ada', 'an', 'bo', 'mai']));
    const first = (await ask('GET', '/people?limit=2')).json();
    const second = (await ask('GET', `/people?limit=2&cursor=${first.next}`)).json();
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(['ada', 'an', 'bo', 'kim']);
    expect((await ask('GET', '/people?limit=51')).statusCode).toBe(400);
  });

  test('a search takes signs as they are', async () => {
    expect((await ask('GET', '/people?q=%25')).json()).toEqual({ items: [] });
    expect((await ask('GET', '/people?q=_')).json()).toEqual({ items: [] });
    expect((await ask('GET', '/people?q=globex')).json()).toEqual({ items: [] });
  });
});

describe('keys', () => {
  test('a key is shown once, is kept nowhere, and does what its scopes name and nothing else', async () => {
    const headers = await fixture.as('ada', 'one-key');
    const body = { service: 'billing', scopes: ['runs:write', 'runs:read'] };
    const first = (await ask('POST', '/admin/keys', body, headers)).json();
    expect(first).toMatchObject({ service: 'billing', user: 'service:billing', scopes: ['runs:read', 'runs:write'] });
    const { key, ...rest } = first;
    expect((await ask('POST', '/admin/keys', body, headers)).json()).toEqual(rest);
    expect((await ask('GET', '/admin/keys')).body).not.toContain(key.slice(-43));
    expect(fixture.lines.join('')).not.toContain(key.slice(-43));

    const started = await ask('POST', '/runs', { document: 'claim', input: { amount: 1, purpose: 'x' } }, bearer(key));
    expect([started.statusCode, started.json().requester]).toEqual([201, 'service:billing']);
    expect((await ask('GET', `/runs/${started.json().id}`, undefined, bearer(key))).statusCode).toBe(200);
    const refused = await ask('POST', '/documents', { markdown: '# x' }, bearer(key));
    expect([refused.statusCode, refused.json().detail]).toEqual([403, 'The API key lacks the scope documents:write.']);
    const execute = await ask('POST', '/workflows/execute', { document: 'claim' }, bearer(key));
    expect(execute.json().detail).toBe('The API key lacks the scope documents:write.');
    const listed = (await ask('GET', '/admin/keys')).json().items.find(({ id }: { id: string }) => id === first.id);
    expect(listed.lastUsedAt).toBeDefined();
  });

  test('a revoked key, an expired one, and one of a deactivated service are refused at once', async () => {
    const [one, two] = [await makeKey(['runs:read']), await makeKey(['runs:read'])];
    const soon = await makeKey(['runs:read'], { expiresAt: new Date(Date.now() + 1_000).toISOString() });
    const status = async ({ key }: { key: string }) => (await ask('GET', '/runs', undefined, bearer(key))).statusCode;
    expect([await status(one), await status(two), await status(soon)]).toEqual([200, 200, 200]);
    const revoked = await ask('POST', `/admin/keys/${one.id}/revoke`, {});
    expect([revoked.statusCode, typeof revoked.json().revokedAt]).toEqual([200, 'string']);
    expect([await status(one), await status(two)]).toEqual([401, 200]);
    await ask('PATCH', '/admin/users/service:stock', { active: false });
    expect(await status(two)).toBe(401);
    await ask('PATCH', '/admin/users/service:stock', { active: true });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect([await status(two), await status(soon)]).toEqual([200, 401]);
    const past = await ask('POST', '/admin/keys', {
      service: 'x',
      scopes: ['runs:read'],
      expiresAt: '2020-01-01T00:00:00Z',
    });
    expect([past.statusCode, past.json().errors[0].at]).toEqual([400, '/expiresAt']);
  });

  test('no key makes keys, reads the admin log, or makes anybody an admin; it may change people', async () => {
    const { key } = await makeKey(['people:admin', 'people:read', 'runs:write', 'runs:read', 'gates:read']);
    const body = { service: 'more', scopes: ['people:admin'] };
    expect((await ask('POST', '/admin/keys', body, bearer(key))).statusCode).toBe(403);
    expect((await ask('GET', '/admin/events', undefined, bearer(key))).statusCode).toBe(403);
    const pat = { id: 'pat', displayName: 'Pat', email: 'pat@acme.test', subject: 'pat' };
    expect((await ask('POST', '/admin/users', { ...pat, roles: ['admin'] }, bearer(key))).statusCode).toBe(403);
    expect((await ask('POST', '/admin/users', pat, bearer(key))).statusCode).toBe(201);
    expect((await ask('PATCH', '/admin/users/pat', { roles: ['admin'] }, bearer(key))).statusCode).toBe(403);
    await ask('PUT', '/admin/groups/bosses', { roles: ['admin'] });
    expect((await ask('PATCH', '/admin/users/pat', { groups: ['bosses'] }, bearer(key))).statusCode).toBe(403);
    await ask('PATCH', '/admin/users/pat', { roles: ['admin'], active: false });
    expect((await ask('PATCH', '/admin/users/pat', { active: true }, bearer(key))).statusCode).toBe(403);
    expect((await ask('PATCH', '/admin/users/pat', { displayName: 'Pat P.' }, bearer(key))).statusCode).toBe(200);
    expect((await events('pat')).at(-1)).toEqual({ actor: 'service:stock', what: 'user.changed' });
    expect((await ask('PATCH', '/admin/users/service:stock', { roles: ['manager'] })).statusCode).toBe(400);
  });

  test('another tenant’s key is not there to be revoked', async () => {
    const { id, key } = await makeKey(['runs:read']);
    await fixture.store.actAs(
      { tenant: 'globex', user: 'gus' },
      (tx) => tx.$executeRaw`SELECT set_memberships('gus', '{admin}', NULL)`,
    );
    const response = await ask('POST', `/admin/keys/${id}/revoke`, {}, await fixture.as('gus', randomUUID()));
    expect(response.statusCode).toBe(404);
    expect((await ask('GET', '/runs', undefined, bearer(key))).statusCode).toBe(200);
  });
});

test('an admin renames their own tenant, by name and not by id', async () => {
  const renamed = await ask('PATCH', '/admin/tenant', { name: 'Acme Europe' });
  expect([renamed.statusCode, renamed.json()]).toEqual([200, { id: 'acme', name: 'Acme Europe' }]);
  expect((await ask('GET', '/admin/tenant')).json()).toEqual({ id: 'acme', name: 'Acme Europe' });
  expect(await events('acme')).toEqual([
    { actor: 'database:owner', what: 'tenant.provisioned' },
    { actor: 'ada', what: 'tenant.renamed' },
  ]);
  expect((await ask('PATCH', '/admin/tenant', { name: 'Ours', id: 'globex' })).statusCode).toBe(400);
  expect((await ask('PATCH', '/admin/tenant', { name: ' ' })).statusCode).toBe(400);
  expect((await ask('PATCH', '/admin/tenant', { name: 'Mine' }, await fixture.as('mai'))).statusCode).toBe(403);
});

test('the admin log is read by admins in order, and holds no name, address or secret', async () => {
  const first = (await ask('GET', '/admin/events?limit=2')).json();
  const second = (await ask('GET', `/admin/events?limit=100&cursor=${first.next}`)).json();
  const all = [...first.items, ...second.items];
  expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1));
  expect(all[1].prevHash).toBe(all[0].hash);
  expect(JSON.stringify(all)).not.toMatch(/@|Kim|waymark_/);
});
