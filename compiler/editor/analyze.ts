/**
 * What an editor asks about a document while it is typed: everything the passes know of it, broken or not, and its
 * diagnostics. Runs the passes of `compile`, but for the graph itself.
 */
import type { Diagnostic, Report } from '../diagnostics.ts';
import { typesOf } from '../passes/read-document.ts';
import type { Passed } from '../passes/run-passes.ts';
import { openText, runPasses } from '../passes/run-passes.ts';
import type { SourceText } from '../source-text.ts';
import type { Surroundings } from '../surroundings.ts';
import type { Type } from '../types.ts';
import type { Parsed } from './parse-again.ts';
import { parseAgain } from './parse-again.ts';

/** What the passes made of a document that could be parsed. */
export interface Findings extends Passed {
  parsed: Parsed;
  types: ReadonlyMap<string, Type>;
}

export interface Analysis {
  /** Lines as the editor has them, trailing space and all; places in them are places in `source`. */
  lines: readonly string[];
  source: SourceText;
  /** Absent where the text is refused before it is parsed. */
  findings?: Findings;
  /** Exactly those of `compile`. */
  diagnostics: readonly Diagnostic[];
}

/** Never throws. `surroundings` are as for `compile`; `before` is an analysis of an earlier text of the same document, which makes this one quicker. */
export function analyze(markdown: string, before?: Analysis, surroundings?: Surroundings): Analysis {
  const { source, report } = openText(markdown);
  const findings = find(source, report, before?.findings?.parsed, surroundings);
  const lines = markdown.replace(/^\uFEFF/, '').split(/\r\n?|\n/);
  return { lines, source, diagnostics: report.diagnostics(), ...(findings && { findings }) };
}

function find(
  source: SourceText,
  report: Report,
  before: Parsed | undefined,
  surroundings: Surroundings | undefined,
): Findings | undefined {
  const parsed = parseAgain(source, report, before);
  if (!parsed) return undefined;
  const passed = runPasses([...parsed.nodes], source, report, surroundings);
  return { ...passed, parsed, types: typesOf(passed.draft) };
}

/**
 * Is this text a document at all, or other Markdown that happens to be open? It has a section of a document and somewhere
 * a setting; of a text that is refused before it is parsed, only a line that looks like the heading of its steps is known.
 */
export function isDocument({ findings, source }: Analysis): boolean {
  if (!findings) return /^## +steps$/im.test(source.text);
  return findings.outline.sections.size > 0 && [...findings.bodies.values()].some((body) => body.settings.length > 0);
}
