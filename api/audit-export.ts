/**
 * The audit of a tenant as lines of JSON: every chain with its head, so that whoever has the file can compute each hash again.
 * The last line counts what came before it and has its digest; a file without it was cut off.
 */
import { createHash } from 'node:crypto';
import { auditFormat, auditLogs } from '../prisma/audit-chains.ts';
import type { AuditPage, AuditPlace, AuditRow } from '../prisma/audit-pages.ts';
import { auditStart, readAuditPage } from '../prisma/audit-pages.ts';
import type { Store } from '../prisma/open.ts';
import type { Caller } from './plugins/identity.ts';

/** Who asks is asked after before each page: the export of somebody who may not read it any more ends without its end. */
export async function* exportAudit(store: Store, caller: Caller, mayRead: MayRead): AsyncGenerator<string> {
  const { tenant, user } = caller.person;
  const digest = createHash('sha256');
  const count = { chains: 0, events: 0 };
  const line = (record: object): string => {
    const text = `${JSON.stringify(record)}\n`;
    digest.update(text, 'utf8');
    return text;
  };
  yield line({ record: 'start', format: auditFormat, tenant, at: new Date().toISOString() });
  for (const log of auditLogs) {
    let open: AuditRow['head'] | undefined;
    for (let after: AuditPlace | undefined = auditStart; after !== undefined; ) {
      const from: AuditPlace = after;
      if (!(await mayRead())) return;
      const page: AuditPage = await store.actAs({ tenant, user }, (tx) => readAuditPage(tx, tenant, log, from));
      let lines = '';
      for (const { head, event } of page.rows) {
        if (open !== undefined && open.thing !== head.thing) {
          lines += line(chainLine(open));
          count.chains += 1;
        }
        open = head;
        if (event === undefined) continue;
        const { tenant: _ofTheStart, ...rest } = event;
        lines += line({ record: 'event', ...rest });
        count.events += 1;
      }
      if (lines !== '') yield lines;
      after = page.next;
    }
    if (open === undefined) continue;
    yield line(chainLine(open));
    count.chains += 1;
  }
  yield `${JSON.stringify({ record: 'end', ...count, digest: digest.digest('hex') })}\n`;
}

export type MayRead = () => Promise<boolean>;

const chainLine = (head: AuditRow['head']) => ({ record: 'chain', ...head });
