/**
 * The audit: who read, shared, decided and changed what, of all the tenant's logs. For the roles admin and auditor, and for
 * keys with the scope audit:read. Reading it is noted in it.
 */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { listAuditEntries } from '../../../prisma/audit-entries.ts';
import type { Identity } from '../../../prisma/open.ts';
import { adminRole } from '../../../prisma/people.ts';
import { auditThing } from '../../../prisma/read-log.ts';
import { exportAudit } from '../../audit-export.ts';
import { cursorOf, keyOf, viewOfEntry } from '../../audit-view.ts';
import { Problem } from '../../errors.ts';
import { errorFacts } from '../../log-lines.ts';
import { page } from '../../pages.ts';
import { callerOf, personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import { auditPage, listAuditQuery } from './schemas.ts';

/** May read the audit and nothing besides. */
export const auditorRole = 'auditor';

const mayAudit = ({ roles }: Identity): boolean => roles.includes(adminRole) || roles.includes(auditorRole);

export const auditRoutes: FastifyPluginAsyncZod = async (app) => {
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort());
  // The key of a service has been held against its scopes before it comes here.
  app.addHook('onRequest', async (request) => {
    const { person, scopes } = callerOf(request);
    if (scopes !== undefined || mayAudit(person)) return;
    throw new Problem('not-permitted', { detail: `This is for the roles ${adminRole} and ${auditorRole}.` });
  });

  app.get(
    '/audit',
    {
      schema: {
        summary: 'Who did what, when, and to what, of all logs of the tenant, newest first',
        tags: ['audit'],
        querystring: listAuditQuery,
        response: responses({ 200: auditPage }, ['invalid-request', 'not-permitted']),
      },
    },
    async (request) => {
      const { limit, cursor, ...said } = request.query;
      const { tenant } = personOf(request);
      const filter = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
      const rows = await request.readAs({ what: 'audit.read', thing: auditThing }, (tx) =>
        listAuditEntries(tx, tenant, filter, limit + 1, keyOf(cursor)),
      );
      return page(rows, limit, cursorOf, viewOfEntry);
    },
  );

  app.get(
    '/audit/export',
    {
      schema: {
        summary: 'All logs of the tenant as lines of JSON, which `waymark audit verify` verifies without a server',
        description:
          'One line for each event, chain by chain, with all that its hash is over; after the events of a chain its head; at the end what there is of both, and the SHA-256 of the lines before. An export without its last line was cut off.',
        tags: ['audit'],
        response: {
          ...responses({}, ['not-permitted']),
          200: { description: 'The export', content: { 'application/x-ndjson': { schema: z.string() } } },
        },
      },
    },
    async (request, reply) => {
      await request.readAs({ what: 'audit.exported', thing: auditThing }, async () => undefined);
      const caller = callerOf(request);
      const lines = Readable.from(
        exportAudit(app.store, caller, async () => {
          // An export does not keep the process from ending.
          const stands = !closing.signal.aborted && caller.expiresAt.getTime() > Date.now();
          const person = stands ? await caller.again() : undefined;
          return person?.tenant === caller.person.tenant && (caller.scopes !== undefined || mayAudit(person));
        }),
      );
      lines.on('error', (error: unknown) => {
        // The status has been sent: whoever reads misses the last line.
        request.log.error({ event: 'export.failed', requestId: request.id, ...errorFacts(error) });
      });
      return sendLines(reply, lines);
    },
  );
};

function sendLines(reply: FastifyReply, lines: Readable): FastifyReply {
  reply.header('content-disposition', 'attachment; filename="audit.ndjson"').header('cache-control', 'no-store');
  return reply.type('application/x-ndjson; charset=utf-8').send(lines);
}
