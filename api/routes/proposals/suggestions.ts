/** Suggesting changes, and deciding what becomes of them. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import type { DefinitionCache } from '../../../compiler/proposal-definition.ts';
import { STATE } from '../../../compiler/proposal-definition.ts';
import type { Tx } from '../../../prisma/open.ts';
import { momentOf, page } from '../../pages.ts';
import { answer, idempotencyKeyAllowed, idempotencyKeyRequired, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { seeProposal } from '../../proposals/access.ts';
import type { Acceptance, NewSuggestion, SuggestionRow } from '../../proposals/suggestions.ts';
import { accept, readSuggestion, reject, suggest, withdraw } from '../../proposals/suggestions.ts';
import { responses } from '../../responses.ts';
import { versionOf } from './contents.ts';
import {
  acceptBody,
  emptyBody,
  listSuggestionsQuery,
  noteBody,
  proposalParams,
  suggestBody,
  suggestion,
  suggestionParams,
  suggestionsPage,
  suggestionView,
  versionHeader,
} from './schemas.ts';

const decideProblems = [
  'invalid-request',
  'not-permitted',
  'not-found',
  'proposal-closed',
  'suggestion-decided',
  'idempotency-key-reused',
] as const;

export const suggestionRoutes: FastifyPluginAsyncZod<{ definitions: DefinitionCache }> = async (
  app,
  { definitions },
) => {
  app.post(
    '/proposals/:id/suggestions',
    {
      schema: {
        summary: 'Suggest a change, or comment',
        description:
          'Replaces a section, patches the state, or comments. `base` is the digest of what the author read; when that is not there any more the suggestion is stale.',
        tags: ['proposals'],
        params: proposalParams,
        headers: idempotencyKeyRequired,
        body: suggestBody,
        response: responses({ 201: suggestion }, [
          'invalid-request',
          'idempotency-key-required',
          'not-found',
          'proposal-closed',
          'invalid-content',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const made = newSuggestion(request.body);
      const done = await request.once(async (tx) => {
        const row = await suggest(tx, definitions, personOf(request), request.params.id, made);
        return answer(201, suggestion, viewOfSuggestion(row));
      });
      return sendAnswer(reply, done);
    },
  );

  app.get(
    '/proposals/:id/suggestions',
    {
      schema: {
        summary: 'Suggestions, newest first',
        tags: ['proposals'],
        params: proposalParams,
        querystring: listSuggestionsQuery,
        response: responses({ 200: suggestionsPage }, ['invalid-request', 'not-found']),
      },
    },
    async (request) => {
      const { limit, cursor, status } = request.query;
      const person = personOf(request);
      const before = cursor && momentOf(cursor);
      const rows = await request.readAs({ what: 'proposal.read', thing: request.params.id }, async (tx) => {
        await seeProposal(tx, person, request.params.id);
        return tx.suggestion.findMany({
          where: {
            tenantId: person.tenant,
            proposalId: request.params.id,
            ...(status === undefined ? {} : { status }),
            ...(cursor === undefined || before === undefined
              ? {}
              : { OR: [{ madeAt: { lt: before } }, { madeAt: before, id: { lt: cursor[1] } }] }),
          },
          orderBy: [{ madeAt: 'desc' }, { id: 'desc' }],
          take: limit + 1,
        });
      });
      return page(rows, limit, (row) => [row.madeAt.toISOString(), row.id], viewOfSuggestion);
    },
  );

  app.get(
    '/proposals/:id/suggestions/:suggestion',
    {
      schema: {
        summary: 'A suggestion with base, current and proposed content',
        tags: ['proposals'],
        params: suggestionParams,
        response: responses({ 200: suggestionView }, ['not-found']),
      },
    },
    async (request) => {
      const { id, suggestion: which } = request.params;
      const { row, body, view } = await request.readAs({ what: 'proposal.read', thing: id }, (tx) =>
        readSuggestion(tx, personOf(request), id, which),
      );
      const threeWay = view && {
        version: view.version,
        ...(view.base === undefined ? {} : { base: view.base }),
        ...(view.current === undefined ? {} : { current: view.current }),
        ...(view.proposed === undefined ? {} : { proposed: view.proposed }),
      };
      return { ...viewOfSuggestion(row), body: body ?? null, ...(threeWay === undefined ? {} : { threeWay }) };
    },
  );

  app.post(
    '/proposals/:id/suggestions/:suggestion/accept',
    {
      schema: {
        summary: 'Accept a suggestion, as it is or with edits',
        description:
          'For who may edit what it changes. Applied, validated and marked in one transaction. A stale one is accepted only with `content` of the caller’s own, under If-Match.',
        tags: ['proposals'],
        params: suggestionParams,
        headers: idempotencyKeyAllowed.extend(versionHeader.shape),
        body: acceptBody,
        response: responses({ 200: suggestion }, [
          ...decideProblems,
          'stale-suggestion',
          'version-conflict',
          'invalid-content',
        ]),
      },
    },
    async (request, reply) => {
      const { note, content } = request.body ?? {};
      const ifMatch = request.headers['if-match'];
      const acceptance: Acceptance = {
        ...(note === undefined ? {} : { note }),
        ...(content === undefined ? {} : { content }),
        ...(ifMatch === undefined ? {} : { version: versionOf(ifMatch) }),
      };
      const { id, suggestion: which } = request.params;
      return decided(request, reply, (tx) => accept(tx, definitions, personOf(request), id, which, acceptance));
    },
  );

  app.post(
    '/proposals/:id/suggestions/:suggestion/reject',
    {
      schema: {
        summary: 'Reject a suggestion',
        tags: ['proposals'],
        params: suggestionParams,
        headers: idempotencyKeyAllowed,
        body: noteBody,
        response: responses({ 200: suggestion }, [...decideProblems]),
      },
    },
    async (request, reply) => {
      const { id, suggestion: which } = request.params;
      return decided(request, reply, (tx) => reject(tx, personOf(request), id, which, request.body?.note));
    },
  );

  app.post(
    '/proposals/:id/suggestions/:suggestion/withdraw',
    {
      schema: {
        summary: "Withdraw one's own suggestion",
        tags: ['proposals'],
        params: suggestionParams,
        headers: idempotencyKeyAllowed,
        body: emptyBody,
        response: responses({ 200: suggestion }, [...decideProblems]),
      },
    },
    async (request, reply) => {
      const { id, suggestion: which } = request.params;
      return decided(request, reply, (tx) => withdraw(tx, personOf(request), id, which));
    },
  );
};

async function decided(
  request: FastifyRequest,
  reply: FastifyReply,
  deed: (tx: Tx) => Promise<SuggestionRow>,
): Promise<FastifyReply> {
  const done = await request.once(async (tx) => answer(200, suggestion, viewOfSuggestion(await deed(tx))));
  return sendAnswer(reply, done);
}

function newSuggestion(body: z.infer<typeof suggestBody>): NewSuggestion {
  if (body.kind !== 'comment') return body;
  const { on, text } = body;
  if (on === 'proposal') return { kind: 'comment', text };
  return { kind: 'comment', text, section: on === 'state' ? STATE : on.section };
}

export function viewOfSuggestion(row: SuggestionRow): z.infer<typeof suggestion> {
  return {
    id: row.id,
    author: row.authorId,
    kind: suggestion.shape.kind.parse(row.kind),
    on: row.section === null ? 'proposal' : row.section === STATE ? 'state' : { section: row.section },
    ...(row.baseDigest === null ? {} : { base: row.baseDigest }),
    status: suggestion.shape.status.parse(row.status),
    madeAt: row.madeAt.toISOString(),
    ...(row.decidedBy === null ? {} : { decidedBy: row.decidedBy }),
    ...(row.decidedAt === null ? {} : { decidedAt: row.decidedAt.toISOString() }),
    ...(row.note === null ? {} : { note: row.note }),
    ...(row.appliedDigest === null ? {} : { applied: row.appliedDigest }),
  };
}
