/** Which turn of a session is to be answered now. */
import type { Dependencies } from '../dependencies.ts';

/** The first that waits, or that a worker left unfinished: there is one workflow for each session, so nobody else is at it. */
export async function nextTurn(deps: Dependencies, { session }: { session: string }): Promise<{ turn?: string }> {
  const scope = await deps.store.before.sessionScope(session);
  if (!scope) return {};
  const row = await deps.store.actAs({ tenant: scope.tenant, user: scope.owner }, (tx) =>
    tx.sessionTurn.findFirst({
      where: { tenantId: scope.tenant, sessionId: session, state: { in: ['queued', 'running'] } },
      orderBy: { number: 'asc' },
      select: { id: true },
    }),
  );
  return row ? { turn: row.id } : {};
}
