/** Writing sections and the state under If-Match, and their history. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import type { DefinitionCache } from '../../../compiler/proposal-definition.ts';
import { STATE } from '../../../compiler/proposal-definition.ts';
import type { Json } from '../../../compiler/types.ts';
import { Problem } from '../../errors.ts';
import { page } from '../../pages.ts';
import { personOf } from '../../plugins/identity.ts';
import { editSection } from '../../proposals/contents.ts';
import { patched } from '../../proposals/json-patch.ts';
import { viewOfVersion } from '../../proposals/proposal-view.ts';
import { differenceOf, listVersions } from '../../proposals/versions.ts';
import { responses } from '../../responses.ts';
import {
  contentBody,
  difference,
  differenceQuery,
  proposalParams,
  sectionParams,
  statePatchBody,
  versionHeader,
  versionsPage,
  versionsQuery,
  written,
} from './schemas.ts';

const writeProblems = [
  'invalid-request',
  'not-permitted',
  'not-found',
  'proposal-closed',
  'version-conflict',
  'invalid-content',
  'version-required',
] as const;

/** The version that a request names. @throws Problem version-required */
export function versionOf(header: string | undefined): number {
  if (header === undefined)
    throw new Problem('version-required', { detail: 'Send If-Match with the version that you read, such as "3".' });
  return Number(header.replaceAll('"', ''));
}

export const contentRoutes: FastifyPluginAsyncZod<{ definitions: DefinitionCache }> = async (app, { definitions }) => {
  app.addContentTypeParser(
    'application/json-patch+json',
    { parseAs: 'string' },
    app.getDefaultJsonParser('error', 'error'),
  );

  async function write(
    request: FastifyRequest,
    reply: FastifyReply,
    to: { proposal: string; section: string; ifMatch: string | undefined },
    change: (current: Json | undefined) => Json,
  ): Promise<z.infer<typeof written>> {
    const { proposal, section, ifMatch } = to;
    const edit = { proposal, section, version: versionOf(ifMatch), change };
    const edited = await request.actAs((tx) => editSection(tx, definitions, personOf(request), edit));
    reply.header('etag', `"${edited.version}"`);
    const { version, digest, content, lockVersion } = edited;
    return { version, digest: digest ?? '', content, proposalVersion: lockVersion };
  }

  app.put(
    '/proposals/:id/sections/:name',
    {
      schema: {
        summary: 'Write a section',
        description: 'For its owner, or the assignee where it has none. If-Match names the version that was read.',
        tags: ['proposals'],
        params: sectionParams,
        headers: versionHeader,
        body: contentBody,
        response: responses({ 200: written }, [...writeProblems]),
      },
    },
    async (request, reply) => {
      const { id, name } = request.params;
      const to = { proposal: id, section: name, ifMatch: request.headers['if-match'] };
      return write(request, reply, to, () => request.body.content);
    },
  );

  app.put(
    '/proposals/:id/state',
    {
      schema: {
        summary: 'Write the state',
        description: 'For the assignee. If-Match names the version that was read.',
        tags: ['proposals'],
        params: proposalParams,
        headers: versionHeader,
        body: contentBody,
        response: responses({ 200: written }, [...writeProblems]),
      },
    },
    async (request, reply) => {
      const to = { proposal: request.params.id, section: STATE, ifMatch: request.headers['if-match'] };
      return write(request, reply, to, () => request.body.content);
    },
  );

  app.patch(
    '/proposals/:id/state',
    {
      schema: {
        summary: 'Change the state by a JSON Patch',
        description: 'RFC 6902, as application/json-patch+json or application/json. All of it is done or nothing.',
        tags: ['proposals'],
        params: proposalParams,
        headers: versionHeader,
        body: statePatchBody,
        response: responses({ 200: written }, [...writeProblems]),
      },
    },
    async (request, reply) => {
      const to = { proposal: request.params.id, section: STATE, ifMatch: request.headers['if-match'] };
      return write(request, reply, to, (current) => patched(current, request.body));
    },
  );

  async function versions(
    request: FastifyRequest,
    proposal: string,
    section: string,
    query: z.infer<typeof versionsQuery>,
  ) {
    const { limit, cursor } = query;
    const before = cursor === undefined ? undefined : Number(cursor[0]);
    const below = before !== undefined && Number.isSafeInteger(before) ? Math.min(before, 2 ** 31 - 1) : undefined;
    const rows = await request.actAs((tx) => listVersions(tx, personOf(request), proposal, section, limit + 1, below));
    return page(rows, limit, (row) => [String(row.version), ''], viewOfVersion);
  }

  async function compared(
    request: FastifyRequest,
    proposal: string,
    section: string,
    query: z.infer<typeof differenceQuery>,
  ): Promise<z.infer<typeof difference>> {
    const { from, to, ...rest } = await request.readAs({ what: 'proposal.read', thing: proposal }, (tx) =>
      differenceOf(tx, personOf(request), proposal, section, query),
    );
    const withContent = ({ row, content }: typeof from) => ({ ...viewOfVersion(row), content });
    return { from: withContent(from), to: withContent(to), ...rest };
  }

  const listing = {
    tags: ['proposals'],
    querystring: versionsQuery,
    response: responses({ 200: versionsPage }, ['invalid-request', 'not-found']),
  };
  const comparing = {
    tags: ['proposals'],
    querystring: differenceQuery,
    response: responses({ 200: difference }, ['invalid-request', 'not-found']),
  };

  app.get(
    '/proposals/:id/sections/:name/versions',
    { schema: { summary: 'The history of a section, newest first', params: sectionParams, ...listing } },
    async (request) => versions(request, request.params.id, request.params.name, request.query),
  );
  app.get(
    '/proposals/:id/sections/:name/diff',
    {
      schema: { summary: 'What changed in a section from one version to another', params: sectionParams, ...comparing },
    },
    async (request) => compared(request, request.params.id, request.params.name, request.query),
  );
  app.get(
    '/proposals/:id/state/versions',
    { schema: { summary: 'The history of the state, newest first', params: proposalParams, ...listing } },
    async (request) => versions(request, request.params.id, STATE, request.query),
  );
  app.get(
    '/proposals/:id/state/diff',
    {
      schema: {
        summary: 'What changed in the state from one version to another',
        params: proposalParams,
        ...comparing,
      },
    },
    async (request) => compared(request, request.params.id, STATE, request.query),
  );
};
