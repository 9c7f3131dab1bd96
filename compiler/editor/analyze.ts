/**
 * What an editor asks about a document while it is typed: everything the passes know of it, broken or not, and its
 * diagnostics. Runs the passes of `compile`, but for the graph itself.
 */
import type { Diagnostic } from '../diagnostics.ts';
import { Report } from '../diagnostics.ts';
import { checkExpressions } from '../passes/check-expressions.ts';
import { checkFlow } from '../passes/check-flow.ts';
import type { DocumentDraft } from '../passes/draft.ts';
import type { Flow } from '../passes/flow.ts';
import { findFrontMatter } from '../passes/front-matter.ts';
import { orderSteps } from '../passes/order-steps.ts';
import type { Bodies } from '../passes/read-document.ts';
import { namedTypes, readDocument } from '../passes/read-document.ts';
import type { Heading, Outline } from '../passes/read-sections.ts';
import { readSections } from '../passes/read-sections.ts';
import type { Body, Reading } from '../passes/read-settings.ts';
import { readSettings } from '../passes/read-settings.ts';
import type { Names } from '../passes/resolve-names.ts';
import { resolveNames } from '../passes/resolve-names.ts';
import { linkTargets } from '../passes/split.ts';
import { reportHtml, reportInvisible } from '../passes/visible-text.ts';
import { normalizeText, SourceText } from '../source-text.ts';
import type { Type } from '../types.ts';
import type { Parsed } from './parse-again.ts';
import { parseAgain } from './parse-again.ts';

/** What the passes made of a document that could be parsed. */
export interface Findings {
  parsed: Parsed;
  reading: Reading;
  outline: Outline;
  bodies: Bodies;
  names: Names;
  draft: DocumentDraft;
  flow: Flow;
  /** Of each step's output, by its id. */
  outputs: ReadonlyMap<string, Type>;
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

/** Never throws. `before` is an analysis of an earlier text of the same document, which makes this one quicker. */
export function analyze(markdown: string, before?: Analysis): Analysis {
  const { text, span: frontMatter } = findFrontMatter(normalizeText(markdown));
  const source = new SourceText(text);
  const report = new Report(source);
  if (frontMatter) {
    const message = 'Unexpected front matter, expected settings as a list under the title';
    report.error('front-matter', frontMatter, message);
  }
  const findings = find(source, report, before?.findings?.parsed);
  const lines = markdown.replace(/^\uFEFF/, '').split(/\r\n?|\n/);
  return { lines, source, diagnostics: report.diagnostics(), ...(findings && { findings }) };
}

function find(source: SourceText, report: Report, before: Parsed | undefined): Findings | undefined {
  const parsed = parseAgain(source, report, before);
  if (!parsed) return undefined;
  const nodes = [...parsed.nodes];
  reportInvisible(source, report);
  reportHtml(nodes, source, report);
  const reading: Reading = { source, targets: linkTargets(nodes), report };
  const outline = readSections(nodes, source, report);
  const bodies = readBodies(outline, reading);
  const names = resolveNames(outline, bodies, report);
  const draft = readDocument(outline, bodies, { ...reading, names });
  const order = orderSteps(draft.steps, report);
  const flow = checkFlow(draft, order, report);
  const outputs = checkExpressions(draft, flow, names.refused, report);
  return { parsed, reading, outline, bodies, names, draft, flow, outputs, types: namedTypes(draft.types) };
}

function readBodies(outline: Outline, reading: Reading): Bodies {
  const bodies = new Map<Heading, Body>();
  const blocks = [...outline.sections.values()].flatMap((section) => [section, ...section.blocks]);
  for (const block of outline.title ? [outline.title, ...blocks] : blocks) {
    bodies.set(block.heading, readSettings(block, reading));
  }
  return bodies;
}

/**
 * Is this text a document at all, or other Markdown that happens to be open? It has a section of a document and somewhere
 * a setting; of a text that is refused before it is parsed, only a line that looks like the heading of its steps is known.
 */
export function isDocument({ findings, source }: Analysis): boolean {
  if (!findings) return /^## +steps$/im.test(source.text);
  return findings.outline.sections.size > 0 && [...findings.bodies.values()].some((body) => body.settings.length > 0);
}
