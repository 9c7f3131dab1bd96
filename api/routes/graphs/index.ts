/** Graphs: the versions that runs are pinned to. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { notFound } from '../../errors.ts';
import { personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import { graphParams, graphVersion } from './schemas.ts';

export const graphRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/graphs/:hash',
    {
      schema: {
        summary: 'A graph with its receipt and the document it was compiled from',
        tags: ['documents'],
        params: graphParams,
        response: responses({ 200: graphVersion }, ['invalid-request', 'not-found']),
      },
    },
    async (request) => {
      const { tenant } = personOf(request);
      const row = await request.actAs((tx) =>
        tx.graphVersion.findUnique({ where: { tenantId_hash: { tenantId: tenant, hash: request.params.hash } } }),
      );
      if (row === null) throw notFound('graph');
      return {
        hash: row.hash,
        document: row.documentId,
        markdown: row.markdown,
        graph: JSON.parse(row.graph),
        receipt: JSON.parse(row.receipt),
        publishedBy: row.publishedBy,
        publishedAt: row.publishedAt.toISOString(),
      };
    },
  );
};
