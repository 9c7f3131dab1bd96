/** What an agent asks its session's owner, as the worker writes it. */
import type { Deed } from '../../prisma/session-deeds.ts';
import { askOwner } from '../../prisma/session-deeds.ts';
import type { ApiFixture } from './api-fixture.ts';

/** In a session in which something was said; gives the confirmation's id. */
export async function askOwnerOf(fixture: ApiFixture, session: string, deed: Deed, user: string): Promise<string> {
  const owner = { tenant: 'acme', user };
  return fixture.worker.actAs(owner, async (tx) => {
    const { id: turn } = await tx.sessionTurn.findFirstOrThrow({
      where: { sessionId: session },
      orderBy: { number: 'desc' },
    });
    return askOwner(tx, owner, { session, turn }, deed);
  });
}

/** Whether An wants to share with Minh. */
export const askAn = (fixture: ApiFixture, session: string): Promise<string> =>
  askOwnerOf(fixture, session, { does: 'share', person: 'minh' }, 'an');
