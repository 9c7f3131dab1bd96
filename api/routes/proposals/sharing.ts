/** Sharing a proposal: with whom, as what, and who has access. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { answer, idempotencyKeyRequired, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { seeProposal } from '../../proposals/access.ts';
import { accessOf } from '../../proposals/access-view.ts';
import { changeCollaborator, revoke, share, takeBackUnseen } from '../../proposals/share.ts';
import { responses } from '../../responses.ts';
import { collaboratorBody, collaboratorList, collaboratorParams, proposalParams, shareBody } from './schemas.ts';

export const sharingRoutes: FastifyPluginAsyncZod = async (app) => {
  app.post(
    '/proposals/:id/share',
    {
      schema: {
        summary: 'Share a proposal within the tenant',
        description:
          "Adds the collaborator, sets the mode, grants the caller's own transcript where the call says so, and notifies. 201 when anything changed, 200 when all of it was so already.",
        tags: ['proposals'],
        params: proposalParams,
        headers: idempotencyKeyRequired,
        body: shareBody,
        response: responses({ 200: collaboratorList, 201: collaboratorList }, [
          'invalid-request',
          'idempotency-key-required',
          'not-permitted',
          'not-found',
          'proposal-closed',
          'assignee-needed',
          'unknown-person',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const caller = personOf(request);
      const { person, mode, sections, transcript } = request.body;
      const wanted = { person, mode, transcript, ...(sections === undefined ? {} : { sections }) };
      const done = await request.once(async (tx) => {
        const changed = await share(tx, caller, id, wanted);
        const access = await accessOf(tx, caller.tenant, await seeProposal(tx, caller, id));
        return answer(changed ? 201 : 200, collaboratorList, access);
      });
      return sendAnswer(reply, done);
    },
  );

  app.get(
    '/proposals/:id/collaborators',
    {
      schema: {
        summary: 'Who has access, and why',
        tags: ['proposals'],
        params: proposalParams,
        response: responses({ 200: collaboratorList }, ['not-found']),
      },
    },
    async (request) => {
      const caller = personOf(request);
      return request.actAs(async (tx) => accessOf(tx, caller.tenant, await seeProposal(tx, caller, request.params.id)));
    },
  );

  app.patch(
    '/proposals/:id/collaborators/:user',
    {
      schema: {
        summary: "Change somebody's mode, or whether they read the caller's transcript",
        description:
          "`transcript: false` takes the caller's own back, also of a closed proposal. Who sees the proposal no more does so too, and is shown nobody.",
        tags: ['proposals'],
        params: collaboratorParams,
        body: collaboratorBody,
        response: responses({ 200: collaboratorList }, [
          'invalid-request',
          'not-permitted',
          'not-found',
          'proposal-closed',
          'assignee-needed',
        ]),
      },
    },
    async (request) => {
      const caller = personOf(request);
      const { id, user } = request.params;
      const { mode, transcript } = request.body;
      const change = {
        ...(mode === undefined ? {} : { mode }),
        ...(transcript === undefined ? {} : { transcript }),
      };
      return request.actAs(async (tx) => {
        const takesBack = mode === undefined && transcript === false;
        if (takesBack && (await takeBackUnseen(tx, caller, id, user))) return { people: [], roles: [] };
        await changeCollaborator(tx, caller, id, user, change);
        return accessOf(tx, caller.tenant, await seeProposal(tx, caller, id));
      });
    },
  );

  app.delete(
    '/proposals/:id/collaborators/:user',
    {
      schema: {
        summary: "Take somebody's access away",
        description:
          'The assignee does it, and everyone to themselves. Transcripts that they were granted, and theirs that they granted others, go with it.',
        tags: ['proposals'],
        params: collaboratorParams,
        response: responses({ 200: collaboratorList }, ['not-permitted', 'not-found', 'assignee-needed']),
      },
    },
    async (request) => {
      const caller = personOf(request);
      const { id, user } = request.params;
      return request.actAs(async (tx) => {
        const before = await seeProposal(tx, caller, id);
        await revoke(tx, caller, id, user);
        // Who left sees nothing any more, so that the answer is of what they saw, without themselves.
        const collaborators = before.collaborators.filter(({ userId }) => userId !== user);
        const { proposal } = user === caller.user ? before : await seeProposal(tx, caller, id);
        return accessOf(tx, caller.tenant, { ...before, proposal, collaborators });
      });
    },
  );
};
