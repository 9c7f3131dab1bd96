/** Tenants and people, put in place by the owner: for development, tests, and installations without a directory. */
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';

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

/** The owner is bound by row-level security like everyone. */
async function actIn(client: Client, tenant: string): Promise<void> {
  await client.query(`SELECT set_config('app.tenant', $1, true)`, [tenant]);
}

async function upsertTenant(client: Client, tenant: ProvisionedTenant): Promise<void> {
  await actIn(client, tenant.id);
  await client.query(
    `INSERT INTO tenant (id, name, artifact_key) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET name = excluded.name`,
    [tenant.id, tenant.name, randomBytes(32)],
  );
}

async function upsertUser(client: Client, user: ProvisionedUser): Promise<void> {
  await actIn(client, user.tenant);
  await client.query(
    `INSERT INTO user_account (tenant_id, id, name, email, issuer, subject) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name, email = excluded.email, issuer = excluded.issuer, subject = excluded.subject`,
    [user.tenant, user.id, user.name, user.email, user.issuer, user.subject],
  );
  await client.query('DELETE FROM membership WHERE tenant_id = $1 AND user_id = $2 AND NOT role = ANY($3)', [
    user.tenant,
    user.id,
    user.roles,
  ]);
  await client.query(
    'INSERT INTO membership (tenant_id, user_id, role) SELECT $1, $2, unnest($3::text[]) ON CONFLICT DO NOTHING',
    [user.tenant, user.id, user.roles],
  );
}
