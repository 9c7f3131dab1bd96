import type { ProblemBody } from './api-shapes.ts';
import { CommandFailure } from './failures.ts';

const prefix = 'urn:waymark:problem:';

/** An answer of the API that says why it did not do what it was asked (problem+json). */
export class ApiProblem extends CommandFailure {
  override readonly name = 'ApiProblem';
  /** Stable, without its prefix: `invalid-input`, `already-decided`. */
  readonly type: string;
  readonly title: string;
  /** Of HTTP. */
  readonly status: number;
  readonly detail: string | undefined;
  /** Each place of the request that was wrong. */
  readonly errors: NonNullable<ProblemBody['errors']>;
  /** Of a document with mistakes: all of them, in document order. */
  readonly diagnostics: NonNullable<ProblemBody['diagnostics']>;

  constructor(body: ProblemBody) {
    super(describe(body));
    this.type = body.type.startsWith(prefix) ? body.type.slice(prefix.length) : body.type;
    this.title = body.title;
    this.status = body.status;
    this.detail = body.detail;
    this.errors = body.errors ?? [];
    this.diagnostics = body.diagnostics ?? [];
  }
}

function describe({ title, detail, errors = [] }: ProblemBody): string {
  const places = errors.map(({ at, in: where, message }) => `  ${where}${at === '' ? '' : ` ${at}`}: ${message}`);
  return [detail === undefined ? `${title}.` : `${title}. ${detail}`, ...places].join('\n');
}
