/**
 * Proposals: results that several people finish. Who has access sees one; for everybody else in the tenant, as in others,
 * it is not there.
 */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { createDefinitionCache } from '../../../compiler/proposal-definition.ts';
import type { StreamLimits } from '../../event-stream.ts';
import { contentRoutes } from './contents.ts';
import { openingRoutes } from './opening.ts';
import { readingRoutes } from './reading.ts';
import { reassigningRoutes } from './reassigning.ts';
import { sharingRoutes } from './sharing.ts';
import { suggestionRoutes } from './suggestions.ts';

export interface ProposalRouteOptions {
  streams: StreamLimits;
}

export const proposalRoutes: FastifyPluginAsyncZod<ProposalRouteOptions> = async (app, { streams }) => {
  const definitions = createDefinitionCache();
  await app.register(openingRoutes, { definitions });
  await app.register(readingRoutes, { definitions, streams });
  await app.register(contentRoutes, { definitions });
  await app.register(sharingRoutes);
  await app.register(reassigningRoutes);
  await app.register(suggestionRoutes, { definitions });
};
