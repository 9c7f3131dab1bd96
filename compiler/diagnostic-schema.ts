/** What a diagnostic is, for whoever is given one from outside. The compiler makes its own, and does not load this. */
import { z } from 'zod';
import type { DiagnosticCode } from './diagnostic-codes.ts';
import { diagnosticCodes } from './diagnostic-codes.ts';

const line = z.int().positive();
const column = z.int().positive();

export const relatedSchema = z.strictObject({ line, column, message: z.string() });

/** Lines and columns are one-based; the end is exclusive; columns count UTF-16 units, as editors do. */
export const diagnosticSchema = z.strictObject({
  code: z.enum(Object.keys(diagnosticCodes) as [DiagnosticCode, ...DiagnosticCode[]]),
  severity: z.enum(['error', 'warning']),
  /** `Unexpected X, expected Y`. */
  message: z.string(),
  line,
  column,
  endLine: line,
  endColumn: column,
  /** Places that it clashes with. */
  related: z.array(relatedSchema),
  /** The nearest word that would have been right. */
  hint: z.string().optional(),
});
export type Diagnostic = z.infer<typeof diagnosticSchema>;
