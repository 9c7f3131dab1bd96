/** Reading proposals: the list, one with all that is known of it, its export, and its log as a stream. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { DefinitionCache } from '../../../compiler/proposal-definition.ts';
import { STATE } from '../../../compiler/proposal-definition.ts';
import { readContents } from '../../../prisma/proposal-contents.ts';
import type { StreamLimits } from '../../event-stream.ts';
import { keyOfNewest, olderThan, page } from '../../pages.ts';
import { personOf } from '../../plugins/identity.ts';
import { seeProposal, visibleTo } from '../../proposals/access.ts';
import { inOrderOf, markdownOf } from '../../proposals/export-markdown.ts';
import { readProposalLog } from '../../proposals/proposal-events.ts';
import { summaryOfProposal, viewOfProposal } from '../../proposals/proposal-view.ts';
import { responses } from '../../responses.ts';
import { streamHandler, streamResponses } from '../../stream-handler.ts';
import { eventHeaders } from '../runs/schemas.ts';
import { exported, listProposalsQuery, proposalParams, proposalsPage, proposalView } from './schemas.ts';

interface ReadingOptions {
  definitions: DefinitionCache;
  streams: StreamLimits;
}

export const readingRoutes: FastifyPluginAsyncZod<ReadingOptions> = async (app, { definitions, streams }) => {
  app.get(
    '/proposals',
    {
      schema: {
        summary: 'The proposals that the caller has access to, newest first',
        tags: ['proposals'],
        querystring: listProposalsQuery,
        response: responses({ 200: proposalsPage }, ['invalid-request']),
      },
    },
    async (request) => {
      const { limit, cursor, status } = request.query;
      const { tenant, user, roles } = personOf(request);
      const rows = await request.actAs((tx) =>
        tx.proposal.findMany({
          where: {
            tenantId: tenant,
            ...(status === undefined ? {} : { status }),
            AND: [visibleTo(user, roles), olderThan(cursor)],
          },
          orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
          take: limit + 1,
        }),
      );
      return page(rows, limit, keyOfNewest, summaryOfProposal);
    },
  );

  app.get(
    '/proposals/:id',
    {
      schema: {
        summary:
          'A proposal with its state and sections, where they come from, the steps of its run, and who has access',
        tags: ['proposals'],
        params: proposalParams,
        response: responses({ 200: proposalView }, ['not-found']),
      },
    },
    async (request) =>
      request.readAs({ what: 'proposal.read', thing: request.params.id }, async (tx) =>
        viewOfProposal(
          tx,
          { graphs: app.graphs, definitions },
          await seeProposal(tx, personOf(request), request.params.id),
        ),
      ),
  );

  app.get(
    '/proposals/:id/export',
    {
      schema: {
        summary: 'The proposal as one file',
        description: 'Markdown where `Accept` names text/markdown, else JSON.',
        tags: ['proposals'],
        params: proposalParams,
        response: {
          ...responses({}, ['not-found']),
          200: {
            description: 'The proposal',
            content: { 'application/json': { schema: exported }, 'text/markdown': { schema: z.string() } },
          },
        },
      },
    },
    async (request, reply) => {
      const exporting = { what: 'proposal.exported', thing: request.params.id } as const;
      const { proposal, contents } = await request.readAs(exporting, async (tx) => {
        const seen = await seeProposal(tx, personOf(request), request.params.id);
        return { ...seen, contents: await readContents(tx, seen.proposal.tenantId, seen.proposal.sections) };
      });
      const definition = definitions.load(proposal.definition);
      const parts = proposal.sections.map(({ name, lockVersion: version }) => {
        const content = contents[name];
        const type = name === STATE ? definition.state : definition.field(name)?.type;
        return {
          name,
          version,
          ...(content === undefined ? {} : { content: inOrderOf(type, definition.types, content) }),
        };
      });
      const sections = parts.filter(({ name }) => name !== STATE);
      const state = parts.find(({ name }) => name === STATE);
      reply.header('vary', 'accept');
      if (/\btext\/markdown\b/i.test(request.headers.accept ?? '')) {
        const text = markdownOf({ title: proposal.title, sections, state: state?.content });
        return reply.header('content-type', 'text/markdown; charset=utf-8').send(text);
      }
      return {
        title: proposal.title,
        version: proposal.lockVersion,
        sections,
        ...(state === undefined ? {} : { state }),
      };
    },
  );

  app.get(
    '/proposals/:id/events',
    {
      schema: {
        summary: 'The log of a proposal as server-sent events',
        description:
          'One event for each row of the log: its id is the row’s number, its type the kind of event, its data JSON of ids, digests and numbers. Ends when the reader loses access, and when the proposal is closed; 204 when it is and there is nothing left to send.',
        tags: ['proposals'],
        params: proposalParams,
        headers: eventHeaders,
        response: streamResponses('The events'),
      },
    },
    streamHandler(app, streams, { of: 'proposal', read: readProposalLog }),
  );
};
