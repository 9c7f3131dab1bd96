/** Problems of expressions as diagnostics at their place in the document. */
import type { DiagnosticCode } from '../diagnostic-codes.ts';
import type { Report } from '../diagnostics.ts';
import type { ExpressionProblem } from '../expressions/check.ts';
import type { Code } from './phrases.ts';
import { codeSpan } from './phrases.ts';

const codes: Record<ExpressionProblem['code'], DiagnosticCode> = {
  syntax: 'expression-syntax',
  'unknown-function': 'unknown-function',
  'wrong-arguments': 'wrong-arguments',
  'not-allowed': 'not-allowed',
  'unknown-name': 'unknown-name',
  'unknown-field': 'unknown-field',
  type: 'type-mismatch',
};

/** `refused` names were reported where they were given. */
export function reportExpressionProblems(
  problems: readonly ExpressionProblem[],
  code: Code,
  refused: ReadonlySet<string>,
  report: Report,
): void {
  for (const problem of problems) {
    if (problem.code === 'unknown-name' && problem.word !== undefined && refused.has(problem.word)) continue;
    const nearest = problem.word !== undefined && { word: problem.word, candidates: problem.candidates ?? [] };
    const message = problem.message.replace(/\s+/g, ' ');
    report.error(
      codes[problem.code],
      codeSpan(code, problem.offset, problem.length),
      message,
      nearest ? { nearest } : {},
    );
  }
}
