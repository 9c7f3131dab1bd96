/** The order of the passes, once: for compiling a document and for what editors ask of one that is being typed. */
import { Report } from '../diagnostics.ts';
import { normalizeText, SourceText } from '../source-text.ts';
import type { Type } from '../types.ts';
import { checkExpressions } from './check-expressions.ts';
import { checkFlow } from './check-flow.ts';
import type { DocumentDraft } from './draft.ts';
import type { Flow } from './flow.ts';
import { findFrontMatter } from './front-matter.ts';
import type { RootContent } from './markdown.ts';
import type { Order } from './order-steps.ts';
import { orderSteps } from './order-steps.ts';
import type { Bodies } from './read-document.ts';
import { readDocument } from './read-document.ts';
import { readFieldsBody } from './read-fields.ts';
import type { Heading, Outline } from './read-sections.ts';
import { readSections } from './read-sections.ts';
import type { Body, Reading } from './read-settings.ts';
import { readSettings } from './read-settings.ts';
import type { Names } from './resolve-names.ts';
import { resolveNames } from './resolve-names.ts';
import { linkTargets } from './split.ts';
import { reportHtml, reportInvisible } from './visible-text.ts';

/** The text that is read, without front matter, and where its mistakes are reported. */
export function openText(markdown: string): { source: SourceText; report: Report } {
  const { text, span: frontMatter } = findFrontMatter(normalizeText(markdown));
  const source = new SourceText(text);
  const report = new Report(source);
  if (frontMatter) {
    const message = 'Unexpected front matter, expected settings as a list under the title';
    report.error('front-matter', frontMatter, message);
  }
  return { source, report };
}

/** What the passes made of a document that could be parsed, broken or not. */
export interface Passed {
  reading: Reading;
  outline: Outline;
  bodies: Bodies;
  names: Names;
  draft: DocumentDraft;
  order: Order;
  flow: Flow;
  /** Of each step's output, by its id. */
  outputs: ReadonlyMap<string, Type>;
}

/** Every pass but those before parsing and after the last check. Mistakes go into the report, all at once. */
export function runPasses(nodes: RootContent[], source: SourceText, report: Report): Passed {
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
  return { reading, outline, bodies, names, draft, order, flow, outputs };
}

/** Settings are read under the title, under sections, and under what stands in them; notes have none. */
function readBodies(outline: Outline, reading: Reading): Bodies {
  const bodies = new Map<Heading, Body>();
  const blocks = [...outline.sections.values()].flatMap((section) => [section, ...section.blocks]);
  for (const block of outline.title ? [outline.title, ...blocks] : blocks) {
    const holdsFields = block.heading.thing === 'type' || block === outline.sections.get('inputs');
    bodies.set(block.heading, holdsFields ? readFieldsBody(block, reading) : readSettings(block, reading));
  }
  return bodies;
}
