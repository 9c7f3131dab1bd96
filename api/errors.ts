/**
 * Every error the API answers with: one table of problem types (RFC 9457). `docs/problems.md` explains each row; a test
 * holds the two together in both directions. Titles and details are written here or by the route that refuses: text of
 * the database, of libraries or of other people never reaches a caller.
 */
import { z } from 'zod';
import { diagnosticSchema } from '../compiler/diagnostic-schema.ts';
import type { Diagnostic } from '../compiler/diagnostics.ts';
import { storeTrouble } from '../prisma/store-trouble.ts';

interface ProblemType {
  status: number;
  title: string;
}

export const problemTypes = {
  'malformed-request': { status: 400, title: 'The request could not be read' },
  'invalid-request': { status: 400, title: 'The request does not have the expected shape' },
  'invalid-input': { status: 400, title: "The input does not meet the document's Inputs" },
  'idempotency-key-required': { status: 400, title: 'This request needs an Idempotency-Key header' },
  unauthenticated: { status: 401, title: 'A valid bearer token is needed' },
  'not-permitted': { status: 403, title: 'You may not do this' },
  'practice-not-allowed': { status: 403, title: 'This API does not take practice scripts' },
  'no-model': { status: 403, title: 'This API has no model to draft with' },
  'not-an-approver': { status: 403, title: 'You are not among those who may decide this gate' },
  'separation-of-duties': { status: 403, title: 'Who has a part in what is decided may not decide this gate' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'not-open': { status: 409, title: 'The gate is not open' },
  'already-decided': { status: 409, title: 'The gate has been decided' },
  'already-voted': { status: 409, title: 'You have decided this already' },
  claimed: { status: 409, title: 'Somebody else has claimed the gate' },
  'stale-subject': { status: 409, title: 'What the decision is about no longer stands' },
  'already-exists': { status: 409, title: 'There is one already' },
  'last-admin': { status: 409, title: 'The tenant would be left without an admin' },
  'step-not-parked': { status: 409, title: 'The step does not wait for a person' },
  'not-for-this-step': { status: 409, title: 'This cannot be ordered of such a step' },
  'step-is-needed': { status: 409, title: 'What follows needs the output of the step' },
  'write-unsettled': { status: 409, title: 'What became of a write of the step is not known' },
  'effect-not-asked': { status: 409, title: 'The write needs no answer' },
  'already-resumed': { status: 409, title: 'Another run goes on with its work' },
  'plan-changed': { status: 409, title: 'The plan is another by now' },
  'effects-not-acknowledged': { status: 409, title: 'Effects of steps that are gone are not acknowledged' },
  'run-ended': { status: 409, title: 'The run has ended' },
  'no-result': { status: 409, title: 'The run has no Result yet' },
  'proposal-closed': { status: 409, title: 'The proposal is closed' },
  'has-assignee': { status: 409, title: 'The proposal has an assignee' },
  'assignee-needed': { status: 409, title: 'The proposal would be left without an assignee' },
  'stale-suggestion': { status: 409, title: 'What the suggestion would change has changed' },
  'suggestion-decided': { status: 409, title: 'The suggestion has been decided' },
  'nothing-to-retry': { status: 409, title: 'No turn of the session failed or was stopped' },
  'confirmation-answered': { status: 409, title: 'The question has been answered' },
  'version-conflict': { status: 412, title: 'It is not at the version named' },
  'payload-too-large': { status: 413, title: 'The request is too large' },
  'unsupported-media-type': { status: 415, title: 'The request is not JSON' },
  'invalid-content': { status: 422, title: "The content does not meet the proposal's definition" },
  'invalid-form': { status: 422, title: 'The form does not have what is asked for' },
  'invalid-output': { status: 422, title: 'The output does not meet what the step gives' },
  'unknown-person': { status: 422, title: 'There is no such person in your tenant' },
  'document-has-mistakes': { status: 422, title: 'The document has mistakes' },
  'graph-has-mistakes': { status: 422, title: 'The graph has mistakes' },
  'not-runnable': { status: 422, title: 'The document cannot be run' },
  'unknown-action': { status: 422, title: 'The gate does not offer this action' },
  'idempotency-key-reused': { status: 422, title: 'This Idempotency-Key was used for a different request' },
  'version-required': { status: 428, title: 'This request needs an If-Match header' },
  internal: { status: 500, title: 'The request failed inside the API' },
  unavailable: { status: 503, title: 'A part the API depends on cannot be reached' },
} as const satisfies Record<string, ProblemType>;

export type ProblemSlug = keyof typeof problemTypes;

export const problemMediaType = 'application/problem+json';

/** The stable identifier a client compares. */
export const problemUri = (slug: ProblemSlug): string => `urn:waymark:problem:${slug}`;

const faultSchema = z.object({
  /** Where: a JSON pointer within `in`, or the path of an input's field. */
  at: z.string(),
  in: z.enum(['body', 'path', 'query', 'headers', 'input', 'graph']),
  message: z.string(),
});
export type Fault = z.infer<typeof faultSchema>;

export const problemSchema = z.object({
  type: z.string().describe('Stable identifier of the kind of problem'),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  /** Of invalid-request, invalid-input, invalid-output, invalid-content, graph-has-mistakes and not-runnable. */
  errors: z.array(faultSchema).optional(),
  /** Of document-has-mistakes: all of them, in document order. */
  diagnostics: z.array(diagnosticSchema).optional(),
});
export type ProblemBody = z.infer<typeof problemSchema>;

export interface ProblemExtras {
  detail?: string;
  errors?: Fault[];
  diagnostics?: Diagnostic[];
}

export function problemBody(slug: ProblemSlug, extras: ProblemExtras = {}): ProblemBody {
  const { status, title } = problemTypes[slug];
  return { type: problemUri(slug), title, status, ...extras };
}

/** Thrown by a route to answer with a problem; a transaction it passes through is rolled back. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly slug: ProblemSlug;
  readonly extras: ProblemExtras;

  constructor(slug: ProblemSlug, extras: ProblemExtras = {}) {
    super(problemTypes[slug].title);
    this.slug = slug;
    this.extras = extras;
  }
}

export const notFound = (what: string): Problem =>
  new Problem('not-found', { detail: `There is no such ${what}, or not in your tenant.` });

const slugsByStatus = new Map<number, ProblemSlug>([
  [400, 'malformed-request'],
  [404, 'not-found'],
  [413, 'payload-too-large'],
  // A part of the address that is longer than any name.
  [414, 'not-found'],
  [415, 'unsupported-media-type'],
]);

const places: Record<string, Fault['in']> = { body: 'body', params: 'path', querystring: 'query', headers: 'headers' };

/** Any error, whoever threw it, as a problem that tells the caller nothing of the inside. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const shape = errorShape.safeParse(error);
  if (!shape.success) return new Problem('internal');
  const { code, statusCode, validation, validationContext } = shape.data;
  if (validation !== undefined) return fromValidation(validation, places[validationContext ?? 'body'] ?? 'body');
  const trouble = storeTrouble(error);
  // A row that another transaction made is a bug of the route that did not foresee it.
  if (trouble === 'away' || trouble === 'busy' || trouble === 'undone') return new Problem('unavailable');
  const slug = code?.startsWith('FST_') === true && statusCode !== undefined && slugsByStatus.get(statusCode);
  if (slug) return new Problem(slug);
  return new Problem('internal');
}

const errorShape = z.object({
  code: z.string().optional().catch(undefined),
  statusCode: z.number().optional().catch(undefined),
  validation: z
    .array(z.object({ instancePath: z.string(), message: z.string().optional() }))
    .optional()
    .catch(undefined),
  validationContext: z.string().optional().catch(undefined),
});

function fromValidation(issues: { instancePath: string; message?: string | undefined }[], where: Fault['in']): Problem {
  if (where === 'headers' && issues.every((issue) => issue.instancePath === '/idempotency-key')) {
    return new Problem('idempotency-key-required', {
      detail:
        'Send an Idempotency-Key header of 1 to 255 characters, new for each new request and the same when you repeat one.',
    });
  }
  return new Problem('invalid-request', {
    errors: issues.map((issue) => ({
      // The whole body is the empty pointer.
      at: issue.instancePath.replace(/^\/$/, ''),
      in: where,
      message: issue.message ?? 'Unexpected value',
    })),
  });
}
