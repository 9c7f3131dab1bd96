/**
 * Tenants and people, put in place by the owner of the database: for development, tests, and the first admin of a tenant,
 * who adds the others. `WAYMARK_OWNER_DATABASE_URL=... node prisma/provision.ts FILE` reads them from a JSON file
 * (docs/people.md).
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Client } from 'pg';
import { z } from 'zod';

export interface ProvisionedTenant {
  id: string;
  name: string;
}

export interface ProvisionedUser {
  tenant: string;
  id: string;
  name: string;
  email: string;
  /** Of the token that identifies this person. */
  issuer: string;
  subject: string;
  roles: string[];
}

const id = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
const provisionSchema = z.strictObject({
  tenants: z.array(z.strictObject({ id, name: z.string().min(1) })).default([]),
  users: z
    .array(
      z.strictObject({
        tenant: id,
        id,
        name: z.string().min(1),
        email: z.email(),
        issuer: z.string().min(1),
        subject: z.string().min(1),
        roles: z.array(z.string().min(1)),
      }),
    )
    .default([]),
});

/**
 * Makes the tenants and users be as given, in one transaction: again changes nothing. Roles not listed are taken away from a listed
 * user; tenants and users not listed are left alone. A tenant's artifact key is made once and kept.
 */
export async function provision(
  ownerUrl: string,
  data: { tenants: ProvisionedTenant[]; users: ProvisionedUser[] },
): Promise<void> {
  const client = new Client({ connectionString: ownerUrl, application_name: 'waymark-provision' });
  await client.connect();
  try {
    await client.query('BEGIN');
    for (const tenant of data.tenants) await upsertTenant(client, tenant);
    for (const user of data.users) await upsertUser(client, user);
    await client.query('COMMIT');
  } finally {
    // Ending the session rolls back what was not committed.
    await client.end();
  }
}

/** The owner is bound by row-level security like everyone, and is in the admin log under this name. */
async function actIn(client: Client, tenant: string): Promise<void> {
  await client.query(`SELECT set_config('app.tenant', $1, true), set_config('app.user', 'database:owner', true)`, [
    tenant,
  ]);
}

async function upsertTenant(client: Client, tenant: ProvisionedTenant): Promise<void> {
  await actIn(client, tenant.id);
  const written = await client.query(
    `INSERT INTO tenant AS t (id, name, artifact_key) VALUES ($1, $2, $3)
     ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE t.name <> excluded.name`,
    [tenant.id, tenant.name, randomBytes(32)],
  );
  if (written.rowCount === 0) return;
  await client.query(`SELECT append_admin_event('tenant.provisioned', $1, '{}')`, [tenant.id]);
}

async function upsertUser(client: Client, user: ProvisionedUser): Promise<void> {
  await actIn(client, user.tenant);
  const written = await client.query(
    `INSERT INTO user_account AS u (tenant_id, id, name, email, issuer, subject) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name, email = excluded.email, issuer = excluded.issuer, subject = excluded.subject
       WHERE (u.name, u.email, u.issuer, u.subject) IS DISTINCT FROM (excluded.name, excluded.email, excluded.issuer, excluded.subject)`,
    [user.tenant, user.id, user.name, user.email, user.issuer, user.subject],
  );
  const { rows } = await client.query<{ roles: string[] }>(
    `SELECT ARRAY(SELECT role FROM membership WHERE tenant_id = $1 AND user_id = $2 AND via = '' ORDER BY role COLLATE "C") AS roles`,
    [user.tenant, user.id],
  );
  const roles = [...new Set(user.roles)].sort();
  if (written.rowCount === 0 && JSON.stringify(rows[0]?.roles) === JSON.stringify(roles)) return;
  await client.query('SELECT set_memberships($1, $2, NULL)', [user.id, roles]);
  await client.query(`SELECT append_admin_event('user.provisioned', $1, $2)`, [user.id, JSON.stringify({ roles })]);
}

if (import.meta.main) {
  const ownerUrl = process.env.WAYMARK_OWNER_DATABASE_URL ?? process.env.DATABASE_URL;
  const file = process.argv[2];
  if (!ownerUrl || file === undefined) {
    console.error(
      'provision: expected a JSON file of tenants and users, and the owner’s address in WAYMARK_OWNER_DATABASE_URL or DATABASE_URL',
    );
    process.exit(2);
  }
  try {
    const data = provisionSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    await provision(ownerUrl, data);
    console.log(`provision: ${data.tenants.length} tenants and ${data.users.length} users are as the file says`);
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : error instanceof Error ? error.message : error;
    console.error(`provision: ${file}: ${why}`);
    process.exit(1);
  }
}
