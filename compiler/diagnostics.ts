/** What is wrong with a document, where, and how it reads on a terminal. */
import type { DiagnosticCode } from './diagnostic-codes.ts';
import type { Diagnostic } from './diagnostic-schema.ts';
import { nearestWord } from './nearest-word.ts';
import type { SourceText, Span } from './source-text.ts';
import { normalizeText } from './source-text.ts';

export type { Diagnostic };

export interface ReportDetails {
  related?: { span: Span; message: string }[];
  /** A wrong word and those that would have been right: the nearest becomes the hint. */
  nearest?: { word: string; candidates: Iterable<string> };
}

/** Collects the mistakes of one document, and its warnings. */
export class Report {
  private readonly found: Diagnostic[] = [];
  private mistakes = 0;
  private readonly source: SourceText;

  constructor(source: SourceText) {
    this.source = source;
  }

  error(code: DiagnosticCode, span: Span, message: string, details: ReportDetails = {}): void {
    this.mistakes += 1;
    this.add('error', code, span, message, details);
  }

  /** What is worth telling but no mistake: the document has its graph all the same. */
  warning(code: DiagnosticCode, span: Span, message: string, details: ReportDetails = {}): void {
    this.add('warning', code, span, message, details);
  }

  private add(
    severity: Diagnostic['severity'],
    code: DiagnosticCode,
    span: Span,
    message: string,
    details: ReportDetails,
  ): void {
    const start = this.source.point(span.start);
    const end = this.source.point(Math.max(span.start, span.end));
    const hint = details.nearest && nearestWord(details.nearest.word, details.nearest.candidates);
    this.found.push({
      code,
      severity,
      message,
      ...start,
      endLine: end.line,
      endColumn: end.column,
      related: (details.related ?? []).map((one) => ({ ...this.source.point(one.span.start), message: one.message })),
      ...(hint !== undefined && { hint }),
    });
  }

  /** Ordered by place, then by code. */
  diagnostics(): Diagnostic[] {
    return this.found.toSorted(
      (a, b) => a.line - b.line || a.column - b.column || (a.code < b.code ? -1 : a.code > b.code ? 1 : 0),
    );
  }

  /** How many mistakes so far. */
  count(): number {
    return this.mistakes;
  }
}

/** Warnings leave a document as it is; one mistake is enough to refuse it. */
export function hasMistakes(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((one) => one.severity === 'error');
}

/**
 * `file:line:column: error[code]: message` with an excerpt and a caret, then the related places in the same form.
 * Ends without a line end.
 */
export function formatDiagnostic(diagnostic: Diagnostic, file: string, markdown: string): string {
  const lines = normalizeText(markdown).split('\n');
  const { severity, code, message, hint, related } = diagnostic;
  const advice = hint === undefined ? '' : ` (did you mean ${hint}?)`;
  const width =
    diagnostic.endLine === diagnostic.line
      ? diagnostic.endColumn - diagnostic.column
      : (lines[diagnostic.line - 1] ?? '').length - diagnostic.column + 1;
  return [
    `${file}:${diagnostic.line}:${diagnostic.column}: ${severity}[${code}]: ${message}${advice}`,
    ...excerpt(lines, diagnostic.line, diagnostic.column, width),
    ...related.flatMap((one) => [
      `${file}:${one.line}:${one.column}: note: ${one.message}`,
      ...excerpt(lines, one.line, one.column, 1),
    ]),
  ].join('\n');
}

/** Longest excerpt of a line, so that one endless line does not fill the terminal. */
const excerptLength = 160;

function excerpt(lines: string[], line: number, column: number, width: number): string[] {
  const whole = lines[line - 1];
  if (whole === undefined || whole === '') return [];
  const from = column > excerptLength ? column - 1 - excerptLength / 2 : 0;
  const text = whole.slice(from, from + excerptLength);
  const margin = String(line);
  // Tabs keep their width in the caret's line.
  const indent = text.slice(0, column - 1 - from).replace(/[^\t]/g, ' ');
  const carets = '^'.repeat(Math.max(1, Math.min(width, text.length - (column - 1 - from))));
  return [`${margin} | ${text}`, `${' '.repeat(margin.length)} | ${indent}${carets}`];
}
