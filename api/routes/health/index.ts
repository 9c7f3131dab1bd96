/**
 * For whoever watches the process: is it alive, can it work. Public, and says nothing of why not; but every client is told
 * when what it would be given is only practice.
 */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Problem } from '../../errors.ts';
import { errorFacts } from '../../log-lines.ts';
import { responses } from '../../responses.ts';

const alive = z.object({
  status: z.literal('alive'),
  practice: z.boolean().describe('Runs may bring a script that answers for models and tools'),
});
const ready = z.object({ status: z.literal('ready') });

export const healthRoutes: FastifyPluginAsyncZod<{ practice: boolean }> = async (app, { practice }) => {
  app.get(
    '/health',
    {
      config: { public: true },
      schema: { summary: 'The process answers', tags: ['health'], security: [], response: responses({ 200: alive }) },
    },
    async () => ({ status: 'alive' as const, practice }),
  );

  app.get(
    '/ready',
    {
      config: { public: true },
      schema: {
        summary: 'The store is migrated and closed to strangers, and Temporal answers',
        tags: ['health'],
        security: [],
        response: responses({ 200: ready }),
      },
    },
    async (request) => {
      const parts = { store: () => app.store.ready(), temporal: () => app.workflows.check() };
      const unready: string[] = [];
      for (const [part, check] of Object.entries(parts)) {
        await check().catch((error: unknown) => {
          unready.push(part);
          request.log.warn({ event: 'not-ready', part, ...errorFacts(error) });
        });
      }
      if (unready.length > 0) throw new Problem('unavailable', { detail: `Not ready: ${unready.join(', ')}.` });
      return { status: 'ready' as const };
    },
  );
};
