/** The people of a development stack: one tenant that works, and one person of another who may see none of it. */
import type { DevelopmentIssuer } from '../api/development-issuer.ts';
import { provision } from '../prisma/provision.ts';
import type { StackFacts } from './stack-facts.ts';

const tenants = [
  { id: 'acme', name: 'Acme' },
  { id: 'globex', name: 'Globex' },
];

const people = [
  { id: 'an', name: 'An Nguyen', tenant: 'acme', roles: ['employee'] },
  { id: 'mai', name: 'Mai Tran', tenant: 'acme', roles: ['manager'] },
  { id: 'minh', name: 'Minh Pham', tenant: 'acme', roles: ['manager'] },
  { id: 'finn', name: 'Finn Olsen', tenant: 'acme', roles: ['finance-director'] },
  { id: 'olga', name: 'Olga Petrova', tenant: 'acme', roles: ['operator'] },
  { id: 'ada', name: 'Ada Okafor', tenant: 'acme', roles: ['admin'] },
  { id: 'gus', name: 'Gus Grant', tenant: 'globex', roles: ['manager'] },
];

/** Puts them in place and signs a token for each. The first is who starts runs unless another is named. */
export async function provisionPeople(ownerUrl: string, issuer: DevelopmentIssuer): Promise<StackFacts['users']> {
  const users = people.map((person) => ({
    ...person,
    email: `${person.id}@${person.tenant}.example`,
    issuer: issuer.issuer,
    subject: person.id,
  }));
  await provision(ownerUrl, { tenants, users });
  return Promise.all(
    users.map(async ({ name, email, roles, tenant, subject }) => {
      return { name, email, roles, tenant, token: await issuer.sign(subject) };
    }),
  );
}
