/** What people do at a gate besides deciding: claim and release it, have another vote, ask and answer. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { GateMessage } from '../../gate-questions.ts';
import { answerAtGate, askAtGate } from '../../gate-questions.ts';
import type { GateRow } from '../../gate-rows.ts';
import { claimGate, delegateVote, releaseGate, withdrawDelegation } from '../../gate-work.ts';
import { answer, idempotencyKeyAllowed, idempotencyKeyRequired, sendAnswer } from '../../plugins/idempotency.ts';
import { personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import {
  answerBody,
  claimBody,
  claimState,
  delegateBody,
  delegated,
  gateMessage,
  gateParams,
  questionBody,
  withdrawn,
} from './schemas.ts';

const refused = ['invalid-request', 'not-found', 'not-open', 'already-decided', 'idempotency-key-reused'] as const;
const refusedVoters = [...refused, 'not-an-approver', 'separation-of-duties'] as const;

const stateOf = ({ id, claimedBy, claimedAt }: GateRow) => ({
  gate: id,
  ...(claimedBy === null || claimedAt === null ? {} : { claimed: { by: claimedBy, at: claimedAt.toISOString() } }),
});

const messageOf = ({ at, ...message }: GateMessage) => ({ ...message, at: at.toISOString() });

export const gateWorkRoutes: FastifyPluginAsyncZod = async (app) => {
  app.post(
    '/gates/:id/claim',
    {
      schema: {
        summary: 'Claim a gate',
        description:
          'Says that I work on it. Where one person decides, nobody else does until it is released; where several do, it is a sign to the others.',
        tags: ['gates'],
        params: gateParams,
        headers: idempotencyKeyAllowed,
        body: claimBody,
        response: responses({ 200: claimState }, [...refusedVoters, 'claimed']),
      },
    },
    async (request, reply) => {
      const work = request.once(async (tx) =>
        answer(200, claimState, stateOf(await claimGate(tx, app.graphs, personOf(request), request.params.id))),
      );
      return sendAnswer(reply, await work);
    },
  );

  app.post(
    '/gates/:id/release',
    {
      schema: {
        summary: 'Release a gate that I claimed, or as an operator one that somebody else did',
        tags: ['gates'],
        params: gateParams,
        headers: idempotencyKeyAllowed,
        body: claimBody,
        response: responses({ 200: claimState }, [...refused, 'not-permitted']),
      },
    },
    async (request, reply) => {
      const work = request.once(async (tx) =>
        answer(200, claimState, stateOf(await releaseGate(tx, personOf(request), request.params.id))),
      );
      return sendAnswer(reply, await work);
    },
  );

  app.post(
    '/gates/:id/delegate',
    {
      schema: {
        summary: 'Have another person cast my vote',
        description:
          'Until I vote myself or name somebody else. The other need not be an approver; `not by` binds them as it binds me.',
        tags: ['gates'],
        params: gateParams,
        headers: idempotencyKeyAllowed,
        body: delegateBody,
        response: responses({ 200: delegated }, [...refusedVoters, 'unknown-person']),
      },
    },
    async (request, reply) => {
      const person = personOf(request);
      const { to } = request.body;
      const done = await request.once(async (tx) => {
        await delegateVote(tx, person, request.params.id, to);
        return answer(200, delegated, { gate: request.params.id, from: person.user, to });
      });
      return sendAnswer(reply, done);
    },
  );

  app.post(
    '/gates/:id/withdraw-delegation',
    {
      schema: {
        summary: 'Take my vote back from who was to cast it',
        description: 'What they cast in my place counts no more, as long as the gate is not decided.',
        tags: ['gates'],
        params: gateParams,
        headers: idempotencyKeyAllowed,
        body: claimBody,
        response: responses({ 200: withdrawn }, [...refused]),
      },
    },
    async (request, reply) => {
      const person = personOf(request);
      const done = await request.once(async (tx) => {
        const to = await withdrawDelegation(tx, person, request.params.id);
        const from = { gate: request.params.id, from: person.user };
        return answer(200, withdrawn, { ...from, ...(to === undefined ? {} : { to }) });
      });
      return sendAnswer(reply, done);
    },
  );

  app.post(
    '/gates/:id/questions',
    {
      schema: {
        summary: 'Ask for information before deciding',
        description: 'Asks the person named, or else who started the run, and tells them. The gate stays open.',
        tags: ['gates'],
        params: gateParams,
        headers: idempotencyKeyRequired,
        body: questionBody,
        response: responses({ 201: gateMessage }, [...refusedVoters, 'idempotency-key-required', 'unknown-person']),
      },
    },
    async (request, reply) => {
      const { text, to } = request.body;
      const said = { text, ...(to === undefined ? {} : { to }) };
      const done = await request.once(async (tx) =>
        answer(201, gateMessage, messageOf(await askAtGate(tx, personOf(request), request.params.id, said))),
      );
      return sendAnswer(reply, done);
    },
  );

  app.post(
    '/gates/:id/answers',
    {
      schema: {
        summary: 'Answer a question at a gate',
        description: 'For the person who was asked, and for who started the run.',
        tags: ['gates'],
        params: gateParams,
        headers: idempotencyKeyRequired,
        body: answerBody,
        response: responses({ 201: gateMessage }, [...refused, 'idempotency-key-required', 'not-permitted']),
      },
    },
    async (request, reply) => {
      const done = await request.once(async (tx) =>
        answer(201, gateMessage, messageOf(await answerAtGate(tx, personOf(request), request.params.id, request.body))),
      );
      return sendAnswer(reply, done);
    },
  );
};
