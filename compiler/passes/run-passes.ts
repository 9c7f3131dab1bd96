/** The order of the passes, once: for compiling a document and for what editors ask of one that is being typed. */
import { Report } from '../diagnostics.ts';
import type { Graph } from '../graph.ts';
import type { Unchecked } from '../receipt.ts';
import { normalizeText, SourceText } from '../source-text.ts';
import type { Surroundings } from '../surroundings.ts';
import type { Type } from '../types.ts';
import { applySurroundings } from './apply-surroundings.ts';
import { checkBudgets } from './check-budgets.ts';
import { checkDecisions } from './check-decisions.ts';
import { checkDelegation } from './check-delegation.ts';
import { checkExpressions } from './check-expressions.ts';
import { checkFlow } from './check-flow.ts';
import { checkProposal } from './check-proposal.ts';
import { checkSurroundings } from './check-surroundings.ts';
import type { DocumentDraft } from './draft.ts';
import { emitGraph } from './emit-graph.ts';
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
  /** Of the draft as it is: where there are mistakes, it is none. */
  graph: Graph;
  /** Checks that need more than the surroundings gave. */
  unchecked: readonly Unchecked[];
}

/** Every pass after parsing. Mistakes go into the report, all at once. */
export function runPasses(
  nodes: RootContent[],
  source: SourceText,
  report: Report,
  surroundings: Surroundings = {},
): Passed {
  reportInvisible(source, report);
  reportHtml(nodes, source, report);
  const reading: Reading = { source, targets: linkTargets(nodes), report };
  const outline = readSections(nodes, source, report);
  const bodies = readBodies(outline, reading);
  const names = resolveNames(outline, bodies, report, surroundings.documents);
  const draft = readDocument(outline, bodies, { ...reading, names });
  const documents = applySurroundings(draft, surroundings, report);
  const order = orderSteps(draft.steps, report);
  const flow = checkFlow(draft, order, report);
  const outputs = checkExpressions(draft, flow, names.refused, report);
  checkDecisions(draft.steps, report);
  checkProposal(draft, outputs, report);
  checkDelegation(draft, report);
  checkBudgets(draft, flow, report);
  const graph = emitGraph(draft, order.edges, outputs);
  const facts = { draft, bodies, order, flow, outputs, surroundings, report };
  const unchecked = checkSurroundings(graph, documents, facts);
  return { reading, outline, bodies, names, draft, order, flow, outputs, graph, unchecked };
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
