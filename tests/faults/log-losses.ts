/** What a run has lost or done twice, in words: what was found compared with what had to be, and its log. */
import type { Store } from '../../prisma/open.ts';
import type { EventType, RunEventRow } from '../../prisma/run-log.ts';
import { verifyChain } from '../../prisma/run-log.ts';

const reader = { tenant: 'acme', user: 'reader' };

/** Nothing where both are the same. */
export function unlessEqual(what: string, found: unknown, expected: unknown): string[] {
  const [has, should] = [found, expected].map((one) => JSON.stringify(one));
  return has === should ? [] : [`${what} ${has}, expected ${should}`];
}

/** The log, oldest first, up to what its run says the last event is, also while it grows. */
export function logOf(store: Store, run: string) {
  return store.actAs(reader, async (tx) => {
    const head = await tx.run.findFirstOrThrow({ where: { id: run }, select: { seq: true, headHash: true } });
    const where = { runId: run, seq: { lte: head.seq } };
    return { head, log: await tx.runEvent.findMany({ where, orderBy: { seq: 'asc' } }) };
  });
}

/** How many events of this type are committed; also of a run that does not exist yet. */
export function countInLog(store: Store, run: string, type: EventType): Promise<number> {
  return store.actAs(reader, (tx) => tx.runEvent.count({ where: { runId: run, type } }));
}

/** Nothing of a log whose chain holds and in which each step committed once. */
export async function lossesOfLog(store: Store, run: string): Promise<string[]> {
  const { log, head } = await logOf(store, run);
  return [
    ...unlessEqual('the log holds:', verifyChain(log, head).ok, true),
    ...unlessEqual('steps that committed twice', committedTwice(log), []),
  ];
}

function committedTwice(log: readonly RunEventRow[]): string[] {
  const seen = new Set<string>();
  return log.flatMap(({ type, node, body }) => {
    if (type !== 'step.committed') return [];
    const execution = JSON.parse(body).execution as string;
    const isSecond = seen.has(execution);
    seen.add(execution);
    return isSecond ? [node ?? ''] : [];
  });
}
