import { z } from 'zod';
import { json } from '../../json-value.ts';
import { pageOf, pageQuery } from '../../pages.ts';
import { patchSchema } from '../../proposals/json-patch.ts';
import { runView } from '../runs/schemas.ts';

const id = z.string().min(1).max(64);
const words = z.string().min(1).max(200);
const person = z.string().min(1).max(200).describe("A person's id");

export const proposalParams = z.object({ id });
export const sectionParams = z.object({ id, name: words.describe('Name of a section') });
export const collaboratorParams = z.object({ id, user: person });
export const suggestionParams = z.object({ id, suggestion: id });

/** Exactly one of `document` and `graphHash`. */
export const startProposalBody = z
  .strictObject({
    document: words.optional().describe('Id of a document: by the version published last'),
    graphHash: words.optional().describe('By exactly this version'),
    title: words.optional().describe("The document's title unless said"),
    input: json.default({}).describe("Values of the document's Inputs that its owners are named by"),
  })
  .refine((body) => (body.document === undefined) !== (body.graphHash === undefined), {
    path: ['document'],
    message: 'Expected exactly one of document and graphHash',
  });
export const openOfRunBody = z.strictObject({ title: words.optional() }).nullish();
export const changeProposalBody = z
  .strictObject({ title: words.optional(), status: z.enum(['open', 'closed']).optional() })
  .refine((body) => Object.keys(body).length > 0, { message: 'Expected title or status' });
/** Nothing needs to be said. */
export const emptyBody = z.strictObject({}).nullish();

export const proposalSummary = z.object({
  id: z.string(),
  title: z.string(),
  status: z.enum(['open', 'closed']),
  run: z.string().optional().describe('The first run of the lineage whose result it is'),
  graphHash: z.string().optional(),
  startedBy: z.string(),
  assignee: z.string().optional().describe('Edits whatever has no owner of its own'),
  assigneeRole: z.string().optional().describe('Of whom one is to claim it'),
  assigneeEpoch: z.int().describe('Raised whenever the assignee changes'),
  version: z.int().describe('Raised by one with each version of a section or of the state'),
  createdAt: z.iso.datetime(),
});
export const listProposalsQuery = z.object({ ...pageQuery, status: z.enum(['open', 'closed']).optional() });
export const proposalsPage = pageOf(proposalSummary);

const provenance = {
  by: z.string().describe('The person who wrote it, or as whom the run did'),
  source: z.string().describe('person, session, step, suggestion, result, default or computed'),
  of: z.string().optional().describe('The step, the suggestion or the turn of a session it came from'),
  at: z.iso.datetime(),
};

const part = {
  version: z.int().describe('0 while nothing was written; named by If-Match'),
  digest: z.string().optional(),
  content: json.optional(),
  provenance: z.object(provenance).optional(),
  mayEdit: z.boolean().describe('Whether the caller may; whoever may not can suggest'),
};

const access = {
  people: z.array(
    z.object({
      user: z.string(),
      name: z.string(),
      active: z.boolean(),
      mode: z.enum(['handoff', 'reviewer']),
      reasons: z.array(
        z.discriminatedUnion('why', [
          z.object({ why: z.literal('assignee') }),
          z.object({ why: z.literal('may-claim'), role: z.string() }),
          z.object({
            why: z.literal('shared'),
            mode: z.enum(['handoff', 'reviewer']),
            by: z.string(),
            at: z.iso.datetime(),
          }),
          z.object({ why: z.literal('section-owner'), section: z.string(), role: z.string().optional() }),
        ]),
      ),
      readsTranscriptsOf: z.array(z.string()).describe('Who granted this person their transcript'),
    }),
  ),
  roles: z
    .array(
      z.object({
        role: z.string(),
        why: z.enum(['may-claim', 'section-owner']),
        section: z.string().optional(),
      }),
    )
    .describe('Roles that let everyone in who has them'),
};
export const collaboratorList = z.object(access);

export const proposalView = proposalSummary.extend({
  state: z.object(part).optional(),
  sections: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      meaning: z.string().optional(),
      computed: z.boolean().describe('Filled by code from other sections'),
      owner: z.union([z.object({ person: z.string() }), z.object({ role: z.string() })]).optional(),
      ...part,
    }),
  ),
  steps: runView.shape.steps.describe('Of the run; empty where there is none'),
  ...access,
  mayShare: z.boolean(),
});

export const versionHeader = z.object({
  'if-match': z
    .string()
    .regex(/^"?\d{1,9}"?$/, 'Expected a version such as "3"')
    .optional()
    .describe('The version that was read; "0" where nothing was written yet'),
});
export const contentBody = z.strictObject({ content: json });
export const statePatchBody = patchSchema;
export const written = z.object({
  version: z.int(),
  digest: z.string(),
  content: json.describe('As it stands now: with defaults and computed values filled'),
  proposalVersion: z.int(),
});

export const versionsQuery = z.object(pageQuery);
export const versionView = z.object({
  version: z.int(),
  digest: z.string(),
  base: z.string().optional().describe('Digest of the version before'),
  ...provenance,
});
export const versionsPage = pageOf(versionView);
const versionNumber = z.coerce.number().int().min(1).max(1_000_000_000);
export const differenceQuery = z.object({ from: versionNumber, to: versionNumber });
const versionWithContent = versionView.extend({ content: json });
export const difference = z.object({
  from: versionWithContent,
  to: versionWithContent,
  patch: z
    .array(z.object({ op: z.string(), path: z.string(), from: z.string().optional(), value: json.optional() }))
    .describe('RFC 6902, leads from the one to the other'),
  lines: z
    .array(z.object({ change: z.enum(['same', 'added', 'removed']), text: z.string() }))
    .optional()
    .describe('Of two texts'),
});

export const exported = z.object({
  title: z.string(),
  version: z.int(),
  sections: z.array(z.object({ name: z.string(), version: z.int(), content: json.optional() })),
  state: z.object({ version: z.int(), content: json.optional() }).optional(),
});

export const shareBody = z
  .strictObject({
    person,
    mode: z.enum(['handoff', 'reviewer']).describe('handoff makes them the assignee; a reviewer suggests'),
    sections: z.array(words).min(1).max(100).optional().describe('With handoff: hands over these sections alone'),
    transcript: z.boolean().default(false).describe("Lets them read the caller's own transcript"),
  })
  .refine((body) => body.sections === undefined || body.mode === 'handoff', {
    path: ['sections'],
    message: 'Expected sections only with the mode handoff',
  });
export const reassignBody = z.strictObject({ person });
export const listUnattendedQuery = z.object(pageQuery);
export const collaboratorBody = z
  .strictObject({
    mode: z.enum(['handoff', 'reviewer']).optional(),
    transcript: z.boolean().optional().describe("Whether they may read the caller's own transcript"),
  })
  .refine((body) => Object.keys(body).length > 0, { message: 'Expected mode or transcript' });

const base = z
  .string()
  .min(1)
  .max(64)
  .nullable()
  .describe('Digest of the content that was read; null where there was none');
export const suggestBody = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('replace'), section: words, base, content: json }),
  z.strictObject({ kind: z.literal('patch'), base, patch: patchSchema.describe('RFC 6902, on the state') }),
  z.strictObject({
    kind: z.literal('comment'),
    on: z.union([z.strictObject({ section: words }), z.literal('state'), z.literal('proposal')]).default('proposal'),
    text: z.string().min(1).max(10_000),
  }),
]);
const note = z.string().max(10_000).optional().describe('For its author');
export const acceptBody = z
  .strictObject({
    note,
    content: json.optional().describe('Accepts with edits: written in the place of what was proposed'),
  })
  .nullish();
export const noteBody = z.strictObject({ note }).nullish();

export const suggestion = z.object({
  id: z.string(),
  author: z.string(),
  kind: z.enum(['replace', 'patch', 'comment']),
  on: z.union([z.object({ section: z.string() }), z.literal('state'), z.literal('proposal')]),
  base: z.string().optional(),
  status: z.enum(['open', 'accepted', 'rejected', 'withdrawn', 'stale']),
  madeAt: z.iso.datetime(),
  decidedBy: z.string().optional(),
  decidedAt: z.iso.datetime().optional(),
  note: z.string().optional(),
  applied: z.string().optional().describe('Digest of what was written'),
});
export const suggestionView = suggestion.extend({
  body: json.describe('The new content, the patch, or the text of the comment'),
  threeWay: z
    .object({
      base: json.optional().describe('What its author saw'),
      current: json.optional().describe('What is there now'),
      proposed: json.optional(),
      version: z.int().describe('Of what is there now'),
    })
    .optional(),
});
export const listSuggestionsQuery = z.object({
  ...pageQuery,
  status: z.enum(['open', 'accepted', 'rejected', 'withdrawn', 'stale']).optional(),
});
export const suggestionsPage = pageOf(suggestion);
