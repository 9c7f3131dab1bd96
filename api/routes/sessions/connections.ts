/** People's own credentials for tools that act as a person: put in, replaced and taken back by the person, shown to nobody. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { forgetConnection, putConnection } from '../../../prisma/connections.ts';
import type { CredentialKey } from '../../../prisma/sealing.ts';
import { Problem } from '../../errors.ts';
import { personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';

const params = z.object({ tool: z.string().min(1).max(200).describe('Name of a tool of the configuration') });
const connection = z.object({ tool: z.string(), connected: z.boolean() });
const body = z.strictObject({
  credential: z
    .string()
    .min(1)
    .max(8_000)
    .regex(/^[\x20-\x7e]+$/, 'Expected characters that a header may hold'),
});

export const connectionRoutes: FastifyPluginAsyncZod<{ key?: CredentialKey }> = async (app, { key }) => {
  app.put(
    '/connections/:tool',
    {
      schema: {
        summary: "Connect a tool by the caller's own credential",
        description:
          'Calls that the tool makes in the name of the caller carry it, in their sessions and in steps that act as them; nobody else’s do. It is kept sealed and given out by no route.',
        tags: ['sessions'],
        params,
        body,
        response: responses({ 200: connection }, ['invalid-request', 'not-permitted']),
      },
    },
    async (request) => {
      if (key === undefined) {
        throw new Problem('not-permitted', {
          detail: 'This API keeps no credentials: WAYMARK_CREDENTIAL_KEY is not set.',
        });
      }
      const { tool } = request.params;
      await request.actAs((tx) => putConnection(tx, key, personOf(request), tool, request.body.credential));
      return { tool, connected: true };
    },
  );

  app.delete(
    '/connections/:tool',
    {
      schema: {
        summary: "Take the caller's own credential for a tool back",
        tags: ['sessions'],
        params,
        response: responses({ 200: connection }, []),
      },
    },
    async (request) => {
      const { tool } = request.params;
      await request.actAs((tx) => forgetConnection(tx, personOf(request), tool));
      return { tool, connected: false };
    },
  );
};
