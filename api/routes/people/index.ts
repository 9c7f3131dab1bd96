/** People: any member of a tenant finds its active people, to share with them or hand work to them. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { findPeople } from '../../../prisma/people.ts';
import { page } from '../../pages.ts';
import { personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import { findPeopleQuery, peoplePage } from './schemas.ts';

export const peopleRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/people',
    {
      schema: {
        summary: 'Active people of my tenant, by name',
        tags: ['people'],
        querystring: findPeopleQuery,
        response: responses({ 200: peoplePage }, ['invalid-request']),
      },
    },
    async (request) => {
      const { q, limit, cursor } = request.query;
      const rows = await request.actAs((tx) =>
        findPeople(tx, personOf(request).tenant, { text: q, take: limit + 1, after: cursor }),
      );
      return page(
        rows,
        limit,
        (row) => [row.sortKey, row.id],
        ({ id, name, roles }) => ({ id, displayName: name, roles }),
      );
    },
  );
};
