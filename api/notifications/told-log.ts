/** What a person is told, as a stream reads it. It never ends by itself. */

import { toldChannel } from '../../prisma/notifications.ts';
import type { Tx } from '../../prisma/open.ts';
import type { ReadLog } from '../event-stream.ts';
import { eventText, logPageSize } from '../event-stream.ts';
import type { Caller } from '../plugins/identity.ts';
import { viewOfNotification } from './notification-view.ts';

/** What the stream is read by, and woken by. */
export const toldLogOf = ({ person }: Pick<Caller, 'person'>): string => toldChannel(person);

/** The number of what the person was told last; 0 where that is nothing. In the person's own transaction. */
export async function lastTold(tx: Tx, of: { tenantId: string; userId: string }): Promise<number> {
  await numberTold(tx);
  return (await tx.notification.aggregate({ where: of, _max: { seq: true } }))._max.seq ?? 0;
}

/** Whatever was told since gets its number now. */
const numberTold = (tx: Tx) => tx.$executeRaw`SELECT number_notifications()`;

export const readTold: ReadLog = async (store, { tenant, user }, _log, after) =>
  store.actAs({ tenant, user }, async (tx) => {
    await numberTold(tx);
    const rows = await tx.notification.findMany({
      where: { tenantId: tenant, userId: user, seq: { gt: Math.min(after, 2 ** 31 - 1) } },
      orderBy: { seq: 'asc' },
      take: logPageSize,
    });
    return {
      ended: false,
      events: rows.map((row) => {
        const seq = row.seq ?? 0;
        return { seq, text: eventText(seq, row.kind, viewOfNotification(row)) };
      }),
    };
  });
