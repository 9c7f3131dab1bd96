/** Several people in each of two tenants, who have different things and were let into each other's. */
import type { Actor } from '../open.ts';
import { provision } from '../provision.ts';
import { askTurn, continueSession } from '../sessions.ts';
import type { StoreWorld } from './store-world.ts';
import { acme as ann, fillProposal, fillRun, fillSession, globex as gus, startRun } from './store-world.ts';

/** Ann, who granted Bob her transcript, and had granted it to Cyn. */
export const people: Actor[] = [ann, { tenant: 'acme', user: 'bob' }, { tenant: 'acme', user: 'cyn' }];
const foreigners: Actor[] = [gus, { tenant: 'globex', user: 'dan' }, { tenant: 'globex', user: 'eve' }];

export async function fillColleagues(world: StoreWorld): Promise<void> {
  const added = [...people, ...foreigners].filter((person) => person !== ann && person !== gus);
  const users = added.map(({ tenant, user }) => ({
    ...{ tenant, id: user, name: user, email: `${user}@example.com`, roles: user === 'bob' ? ['reader'] : [] },
    ...{ issuer: 'https://issuer.example', subject: `subject-of-${user}` },
  }));
  await provision(world.database.ownerUrl, { tenants: [], users });
  for (const [owner, granted, takenBack] of [people, foreigners] as [Actor, Actor, Actor][]) {
    await fillTenant(world, owner, granted, takenBack);
  }
}

/** Each has a row in every table; the owner's transcript on a proposal is one's to read, and no longer another's, who both talk there. */
async function fillTenant(world: StoreWorld, owner: Actor, granted: Actor, takenBack: Actor): Promise<void> {
  for (const person of [owner, granted, takenBack]) await fillRun(world, person);
  const tenantId = owner.tenant;
  const proposal = await fillProposal(world.api, owner, await startRun(world.api, owner));
  for (const person of [owner, granted, takenBack]) await fillSession(world, person, proposal);
  await world.api.actAs(owner, async (tx) => {
    for (const { user: granteeId } of [granted, takenBack]) {
      const id = `${proposal}-${granteeId}`;
      await tx.transcriptGrant.create({
        data: { tenantId, id, proposalId: proposal, ownerId: owner.user, granteeId, grantedAt: new Date() },
      });
    }
    const ended = { tenantId_id: { tenantId, id: `${proposal}-${takenBack.user}` } };
    await tx.transcriptGrant.update({ where: ended, data: { revokedAt: new Date() } });
  });
  // A session that has just begun, and one that was asked something just now.
  const asked = await fillProposal(world.api, owner, await startRun(world.api, owner));
  for (const person of [owner, granted]) {
    await world.api.actAs(person, async (tx) => {
      const { session } = await continueSession(tx, person, asked);
      if (person === owner) await askTurn(tx, person, session.id, 'And the costs?');
    });
  }
}
