import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyAdminChain } from './admin-log.ts';
import { createKey, isSecretOf, keyTextOf, newKeyText, readKeyText, revokeKey } from './api-keys.ts';
import type { Tx } from './open.ts';
import type { PeopleResult, PersonChange } from './people.ts';
import { changePerson, createPerson, renameTenant, setGroupRoles } from './people.ts';
import { provision } from './provision.ts';
import type { StoreWorld } from './testing/store-world.ts';
import { acme, createStoreWorld, fillRun, globex, insertGate, startRun } from './testing/store-world.ts';

let world: StoreWorld;
beforeAll(async () => {
  world = await createStoreWorld();
});
afterAll(() => world.close());

const issuer = 'https://issuer.example';
let made = 0;
const nobody = () => {
  made += 1;
  const id = `p${made}`;
  return { id, name: id, email: `${id}@acme.test`, issuer, subject: id, roles: [], groups: [] as string[] };
};
const asAnn = <T>(work: (tx: Tx) => Promise<T>) => world.api.actAs(acme, work);
const rolesOf = async (subject: string) => (await world.api.before.identify(issuer, subject))?.roles;

class RolledBack extends Error {}
/** As a route does: what is refused leaves nothing. */
async function attempt(work: (tx: Tx) => Promise<PeopleResult>): Promise<PeopleResult> {
  let result: PeopleResult | undefined;
  await asAnn(async (tx) => {
    result = await work(tx);
    if ('refused' in result) throw new RolledBack();
  }).catch((error: unknown) => {
    if (!(error instanceof RolledBack)) throw error;
  });
  if (result === undefined) throw new Error('nothing was attempted');
  return result;
}
const change = (id: string, what: PersonChange) => attempt((tx) => changePerson(tx, 'acme', id, what));

test('a person is made with several roles and groups, and holds the roles of both, each once', async () => {
  await attempt((tx) => setGroupRoles(tx, 'acme', 'emea', ['buyer', 'clerk']));
  const bea = { ...nobody(), roles: ['manager', 'clerk'], groups: ['emea'] };
  expect(await attempt((tx) => createPerson(tx, 'acme', bea))).toEqual({ done: bea.id });
  expect(await rolesOf(bea.subject)).toEqual(['buyer', 'clerk', 'manager']);
});

test('a change of a group’s roles reaches its members at once, and leaves them their own', async () => {
  await attempt((tx) => setGroupRoles(tx, 'acme', 'apac', ['buyer', 'clerk']));
  const cho = { ...nobody(), roles: ['clerk'], groups: ['apac'] };
  await attempt((tx) => createPerson(tx, 'acme', cho));
  await attempt((tx) => setGroupRoles(tx, 'acme', 'apac', ['auditor']));
  expect(await rolesOf(cho.subject)).toEqual(['auditor', 'clerk']);
  await change(cho.id, { groups: [] });
  expect(await rolesOf(cho.subject)).toEqual(['clerk']);
  await change(cho.id, { roles: ['manager'] });
  expect(await rolesOf(cho.subject)).toEqual(['manager']);
});

test('an id, an address or a subject that is another’s is refused, also another tenant’s subject, and leaves no event', async () => {
  const dan = nobody();
  await attempt((tx) => createPerson(tx, 'acme', dan));
  const before = await world.asSuperuser('SELECT admin_seq FROM tenant ORDER BY id');
  for (const clash of [{ id: dan.id }, { email: dan.email }, { subject: dan.subject }, { subject: 'subject-of-gus' }]) {
    expect(await attempt((tx) => createPerson(tx, 'acme', { ...nobody(), ...clash }))).toEqual({ refused: 'taken' });
  }
  expect(await change(dan.id, { email: 'ann@example.com' })).toEqual({ refused: 'taken' });
  expect(await change('nobody', { name: 'x' })).toEqual({ refused: 'no such user' });
  expect(await change('gus', { name: 'x' })).toEqual({ refused: 'no such user' });
  expect(await change(dan.id, { groups: ['no such group'] })).toEqual({ refused: 'unknown group' });
  expect(await world.asSuperuser('SELECT admin_seq FROM tenant ORDER BY id')).toEqual(before);
});

test('the last active admin is neither deactivated nor demoted, also when two go at once', async () => {
  const [eve, fay] = [nobody(), nobody()];
  await attempt((tx) => setGroupRoles(tx, 'acme', 'admins', ['admin']));
  await attempt((tx) => createPerson(tx, 'acme', { ...eve, groups: ['admins'] }));
  expect(await change(eve.id, { active: false })).toEqual({ refused: 'last admin' });
  expect(await change(eve.id, { groups: [] })).toEqual({ refused: 'last admin' });
  expect(await attempt((tx) => setGroupRoles(tx, 'acme', 'admins', []))).toEqual({ refused: 'last admin' });
  await attempt((tx) => createPerson(tx, 'acme', { ...fay, roles: ['admin'] }));
  const both = await Promise.all([change(eve.id, { active: false }), change(fay.id, { roles: [] })]);
  expect(both.filter((one) => 'refused' in one)).toEqual([{ refused: 'last admin' }]);
});

test('a key is read back by its id with the hash of its secret, and belongs to a service without roles', async () => {
  const key = newKeyText();
  expect(readKeyText(keyTextOf(key))).toEqual(key);
  const expiresAt = new Date('2030-01-01T00:00:00Z');
  await asAnn((tx) =>
    createKey(tx, acme, key, { service: 'billing', scopes: ['runs:write', 'documents:read'], expiresAt }),
  );
  const found = await world.api.before.identifyKey(key.id);
  expect(found).toMatchObject({
    service: { tenant: 'acme', user: 'service:billing', name: 'billing', active: true, roles: [] },
    scopes: ['documents:read', 'runs:write'],
    expiresAt,
    revoked: false,
    lastUsedAt: null,
  });
  expect(isSecretOf(key.secret, found?.secretHash ?? '')).toBe(true);
  expect(isSecretOf(newKeyText().secret, found?.secretHash ?? '')).toBe(false);
  const stored = await world.asSuperuser('SELECT * FROM api_key');
  expect(JSON.stringify(stored)).not.toContain(key.secret);
  await world.api.before.noteKeyUse(key.id);
  expect((await world.api.before.identifyKey(key.id))?.lastUsedAt).toBeInstanceOf(Date);
});

test('a second key of a service is of the same account, and a revoked one stays revoked', async () => {
  const [first, second] = [newKeyText(), newKeyText()];
  for (const key of [first, second]) {
    await asAnn((tx) => createKey(tx, acme, key, { service: 'stock', scopes: ['runs:read'] }));
  }
  await asAnn((tx) => revokeKey(tx, 'acme', first.id));
  await asAnn((tx) => revokeKey(tx, 'acme', first.id));
  expect(await asAnn((tx) => revokeKey(tx, 'acme', '0000000000000000'))).toBeUndefined();
  expect((await world.api.before.identifyKey(first.id))?.revoked).toBe(true);
  expect(await world.api.before.identifyKey(second.id)).toMatchObject({
    revoked: false,
    service: { user: 'service:stock' },
  });
  await expect(asAnn((tx) => tx.$executeRaw`UPDATE api_key SET revoked_at = NULL`)).rejects.toThrow('stays so');
  const revocations = await asAnn((tx) => tx.adminEvent.count({ where: { what: 'key.revoked', subject: first.id } }));
  expect(revocations).toBe(1);
});

test('another tenant’s key is not found to be revoked', async () => {
  const key = newKeyText();
  await asAnn((tx) => createKey(tx, acme, key, { service: 'stock', scopes: ['runs:read'] }));
  expect(await world.api.actAs(globex, (tx) => revokeKey(tx, 'globex', key.id))).toBeUndefined();
});

test('a service has no roles, and its decision is refused by the database itself', async () => {
  const key = newKeyText();
  await asAnn((tx) => createKey(tx, acme, key, { service: 'decider', scopes: ['gates:read'] }));
  expect(await change('service:decider', { roles: ['manager'] })).toEqual({ refused: 'is a service' });
  expect(await change('service:decider', { active: false })).toEqual({ done: 'service:decider' });
  const gate = await insertGate(world.worker, acme, await startRun(world.api, acme));
  const decision = { tenantId: 'acme', id: 'd', gateId: gate, action: 'approve', comment: '', subject: 'subject' };
  await expect(
    asAnn((tx) => tx.decision.create({ data: { ...decision, userId: 'service:decider', decidedAt: new Date() } })),
  ).rejects.toThrow('a service cannot write to decision');
});

test('no token speaks for a service, whatever issuer it claims', async () => {
  const [row] = await world.asSuperuser(`SELECT issuer, subject FROM user_account WHERE kind = 'service' LIMIT 1`);
  expect(await world.api.before.identify(String(row?.issuer), String(row?.subject))).toBeUndefined();
});

test('every change is one event in the actor’s name, without names or addresses, in a chain that holds', async () => {
  await fillRun(world, globex);
  const { events, tenant } = await world.api.actAs(globex, async (tx) => ({
    events: await tx.adminEvent.findMany({ orderBy: { seq: 'asc' } }),
    tenant: await tx.tenant.findUniqueOrThrow({ where: { id: 'globex' } }),
  }));
  expect(events.map(({ actor, what }) => [actor, what])).toEqual([
    ['database:owner', 'tenant.provisioned'],
    ['database:owner', 'user.provisioned'],
    ['gus', 'group.changed'],
    ['gus', 'user.changed'],
    ['gus', 'credential.connected'],
    ['gus', 'webhook.added'],
    ['gus', 'key.created'],
  ]);
  const head = { seq: tenant.adminSeq, headHash: tenant.adminHeadHash };
  expect(verifyAdminChain(events, head)).toEqual({ ok: true });
  const [first, ...rest] = events;
  const forged = [{ ...first, actor: 'ann' } as (typeof events)[number], ...rest];
  expect(verifyAdminChain(forged, head)).toMatchObject({ ok: false, seq: 1 });
  expect(verifyAdminChain(events.slice(0, -1), head)).toMatchObject({ ok: false, seq: 6 });
  expect(JSON.stringify(events)).not.toContain('example.com');
});

test('provisioning again is no event, and takes only a person’s own roles away', async () => {
  const gil = { tenant: 'acme', id: 'gil', name: 'Gil', email: 'gil@acme.test', issuer, subject: 'gil' };
  const again = (roles: string[]) =>
    provision(world.database.ownerUrl, { tenants: [], users: [{ ...gil, roles }] }).then(() => rolesOf('gil'));
  const count = () => asAnn((tx) => tx.adminEvent.count({ where: { subject: 'gil' } }));
  expect(await again(['b', 'a'])).toEqual(['a', 'b']);
  expect([await again(['a', 'b']), await count()]).toEqual([['a', 'b'], 1]);
  await attempt((tx) => setGroupRoles(tx, 'acme', 'amer', ['c']));
  await change('gil', { groups: ['amer'] });
  expect([await again(['b']), await count()]).toEqual([['b', 'c'], 3]);
});

test('a tenant that is made or renamed by provisioning says so in its admin log, and again changes nothing', async () => {
  const again = (name: string) => provision(world.database.ownerUrl, { tenants: [{ id: 'initech', name }], users: [] });
  for (const name of ['Initech', 'Initech', 'Initrode']) await again(name);
  const events = await world.api.actAs({ tenant: 'initech', user: 'peter' }, (tx) =>
    tx.adminEvent.findMany({ orderBy: { seq: 'asc' } }),
  );
  expect(events.map(({ actor, what, subject, detail }) => [actor, what, subject, detail])).toEqual([
    ['database:owner', 'tenant.provisioned', 'initech', '{}'],
    ['database:owner', 'tenant.provisioned', 'initech', '{}'],
  ]);
});

test('a tenant is renamed by its own people alone', async () => {
  await asAnn((tx) => renameTenant(tx, 'acme', 'Acme Europe'));
  await asAnn((tx) => renameTenant(tx, 'acme', 'Acme Europe'));
  await expect(asAnn((tx) => renameTenant(tx, 'globex', 'Ours'))).rejects.toThrow();
  expect((await asAnn((tx) => tx.tenant.updateMany({ where: { id: 'globex' }, data: { name: 'Ours' } }))).count).toBe(
    0,
  );
  const names = await world.asSuperuser(`SELECT name FROM tenant WHERE id IN ('acme', 'globex') ORDER BY id`);
  expect(names.map(({ name }) => name)).toEqual(['Acme Europe', expect.not.stringContaining('Ours')]);
  expect(await asAnn((tx) => tx.adminEvent.count({ where: { what: 'tenant.renamed', subject: 'acme' } }))).toBe(1);
});

test('the command provisions what a file says, and says what is wrong with one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'waymark-provision-'));
  const file = join(folder, 'people.json');
  const command = () =>
    new Promise<{ code: number; output: string }>((resolve) => {
      const env = { ...process.env, WAYMARK_OWNER_DATABASE_URL: world.database.ownerUrl };
      execFile(process.execPath, [join(import.meta.dirname, 'provision.ts'), file], { env }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
      );
    });
  const hal = { tenant: 'initech', id: 'hal', name: 'Hal', email: 'hal@initech.test', issuer, subject: 'hal' };
  const tenants = [{ id: 'initech', name: 'Initech' }];
  try {
    await writeFile(file, JSON.stringify({ tenants, users: [{ ...hal, roles: ['admin'] }] }));
    expect(await command()).toEqual({ code: 0, output: 'provision: 1 tenants and 1 users are as the file says\n' });
    expect(await world.api.before.identify(issuer, 'hal')).toMatchObject({ tenant: 'initech', roles: ['admin'] });
    await writeFile(file, JSON.stringify({ users: [hal] }));
    const wrong = await command();
    expect([wrong.code, wrong.output]).toEqual([1, expect.stringContaining('at users[0].roles')]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
