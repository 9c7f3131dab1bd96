/** Documents: any member of a tenant publishes and reads them. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { Declared } from '../../../compiler/declared-tools.ts';
import { notFound } from '../../errors.ts';
import { page } from '../../pages.ts';
import { answer, idempotencyKeyRequired, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { publish, versionOfGraph, versionOfMarkdown } from '../../publish.ts';
import { responses } from '../../responses.ts';
import { surroundingsFor } from '../../surroundings.ts';
import { document, documentParams, documentsPage, listDocumentsQuery, publishBody, published } from './schemas.ts';

export interface DocumentSettings {
  /** What documents are checked against besides each other. */
  declared: Declared;
}

export const documentRoutes: FastifyPluginAsyncZod<DocumentSettings> = async (app, { declared }) => {
  app.post(
    '/documents',
    {
      schema: {
        summary: 'Publish a document',
        description:
          'Compiles it. 200 when this tenant had the very graph already, 201 when it is new. What it links to must be published: a link to `rules.md` takes the newest version of the document with the id `rules`, unless `documents` pins another graph.',
        tags: ['documents'],
        headers: idempotencyKeyRequired,
        body: publishBody,
        response: responses({ 200: published, 201: published }, [
          'invalid-request',
          'idempotency-key-required',
          'payload-too-large',
          'document-has-mistakes',
          'graph-has-mistakes',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const { markdown = '', graph, documents = {} } = request.body;
      const surroundings = await request.actAs((tx) =>
        surroundingsFor(tx, personOf(request), markdown, documents, declared),
      );
      const version = graph ? versionOfGraph(graph, declared) : versionOfMarkdown(markdown, surroundings);
      const done = await request.once(async (tx) => {
        const { isNew, ...facts } = await publish(tx, personOf(request), version);
        return answer(isNew ? 201 : 200, published, facts);
      });
      return sendAnswer(reply, done);
    },
  );

  app.get(
    '/documents',
    {
      schema: {
        summary: "The tenant's documents, by id",
        tags: ['documents'],
        querystring: listDocumentsQuery,
        response: responses({ 200: documentsPage }, ['invalid-request']),
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const { tenant } = personOf(request);
      const rows = await request.actAs((tx) =>
        tx.document.findMany({
          where: { tenantId: tenant, ...(cursor === undefined ? {} : { id: { gt: cursor[1] } }) },
          orderBy: { id: 'asc' },
          take: limit + 1,
        }),
      );
      return page(rows, limit, (row) => ['', row.id], documentOf);
    },
  );

  app.get(
    '/documents/:id',
    {
      schema: {
        summary: 'One document',
        tags: ['documents'],
        params: documentParams,
        response: responses({ 200: document }, ['not-found']),
      },
    },
    async (request) => {
      const { tenant } = personOf(request);
      const row = await request.actAs((tx) =>
        tx.document.findUnique({ where: { tenantId_id: { tenantId: tenant, id: request.params.id } } }),
      );
      if (row === null) throw notFound('document');
      return documentOf(row);
    },
  );
};

const documentOf = (row: { id: string; title: string; graphHash: string; publishedAt: Date }) => ({
  id: row.id,
  title: row.title,
  graphHash: row.graphHash,
  publishedAt: row.publishedAt.toISOString(),
});
