/** Drafts: prose to a document by a model. Nothing is kept and nothing published: that is for a person, who reads it first. */
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { Declared } from '../../../compiler/declared-tools.ts';
import { draftDocument } from '../../../compiler/drafting/draft-document.ts';
import type { ModelAddress } from '../../../models/ask-model.ts';
import { draftModel } from '../../../models/draft-model.ts';
import { modelToDraft } from '../../../models/model-to-draft.ts';
import { Problem } from '../../errors.ts';
import { responses } from '../../responses.ts';
import { draftBody, drafted } from './schemas.ts';

export interface DraftSettings {
  declared: Declared;
  /** Of the model's server; without one nothing can be drafted. */
  address?: ModelAddress;
}

/** Of one answer, and of the whole request: whoever asks with the receipt goes on where it ended. */
const answerMs = 2 * 60_000;
const requestMs = 5 * 60_000;

export const draftRoutes: FastifyPluginAsyncZod<DraftSettings> = async (app, { declared, address }) => {
  app.post(
    '/documents/drafts',
    {
      schema: {
        summary: 'Draft a document from prose',
        description:
          'Asks a model about each section of the prose, and again where what it gave does not compile. Nothing is kept or published. 200 also where problems are left: `graphHash` is there when the document compiles and is whole. A section that the receipt of an earlier draft holds is not asked about again. It can take minutes.',
        tags: ['documents'],
        body: draftBody,
        response: responses({ 200: drafted }, ['invalid-request', 'payload-too-large', 'no-model']),
      },
    },
    async (request, reply) => {
      const chosen = modelToDraft(declared.models);
      if (!address || !chosen) throw new Problem('no-model');
      const { prose, receipt: previous } = request.body;
      const signal = AbortSignal.any([AbortSignal.timeout(requestMs), whenGone(reply)]);
      const ask = draftModel({ address, model: chosen.model, timeoutMs: answerMs, signal });
      const draft = await draftDocument(prose, ask, {
        surroundings: declared,
        agentModel: chosen.agentModel,
        ...(previous && { previous }),
      });
      const { markdown, diagnostics, problems, receipt, failure } = draft;
      return {
        markdown,
        ...(receipt.graph !== undefined && { graphHash: receipt.graph }),
        diagnostics,
        problems,
        // What the model's server said is for its operator.
        ...(failure && { failure: failure.class }),
        receipt,
      };
    },
  );
};

/** Aborted when the caller has left before the answer: nobody would read what the model still says. */
function whenGone({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => gone.abort());
  return gone.signal;
}
