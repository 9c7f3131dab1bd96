/**
 * Pass 2: nodes to sections. A heading with one #, two or three opens a block, and under a container step one that is a level
 * deeper; the rest is that block's content.
 */
import GithubSlugger from 'github-slugger';
import type { Report } from '../diagnostics.ts';
import { editDistance } from '../nearest-word.ts';
import type { SourceText, Span } from '../source-text.ts';
import { foldName, plainWords } from '../source-text.ts';
import type { HeadingNode, RootContent } from './markdown.ts';
import { walk } from './markdown.ts';
import { spanOf } from './phrases.ts';
import { firstLine, isHidden, lateItems, settingNamesIn, settingNamesUnder } from './read-settings.ts';
import { isContainer, stepKindNames } from './setting-names.ts';

export const sectionNames = ['inputs', 'types', 'agents', 'proposal', 'steps', 'result'] as const;
export type SectionName = (typeof sectionNames)[number];

/** What a link to a heading leads to. */
export type Thing = 'document' | 'section' | 'agent' | 'type' | 'step' | 'prose';

export interface Heading {
  /** Source text, in NFC. */
  text: string;
  depth: number;
  /** GitHub's, duplicates counted over the whole file. */
  anchor: string;
  /** Of the heading. */
  span: Span;
  thing: Thing;
}

export interface Block {
  heading: Heading;
  nodes: RootContent[];
  /** From its heading to the next that opens a block. */
  span: Span;
  /** The container whose step it is. */
  parent?: Block;
}

export interface Section extends Block {
  name: SectionName;
  /** The H3 blocks in it, those of containers followed by the blocks of their steps. */
  blocks: Block[];
}

export interface Outline {
  title?: Block;
  sections: Map<SectionName, Section>;
  /** In document order. */
  headings: Heading[];
  /** All blocks, notes included, in document order. */
  blocks: Block[];
}

const holdsThings: Partial<Record<SectionName, Thing>> = { types: 'type', agents: 'agent', steps: 'step' };

export function readSections(nodes: RootContent[], source: SourceText, report: Report): Outline {
  const headings = new Map<HeadingNode, Heading>();
  const slugger = new GithubSlugger();
  for (const node of nodes.flatMap((one) => [...walk(one)])) {
    if (node.type === 'heading') headings.set(node, readHeading(node, source, slugger));
  }
  const blocks = blocksOf(nodes, headings, source);
  reportBeforeTitle(nodes, blocks, source, report);
  const outline: Outline = { sections: new Map(), headings: [...headings.values()], blocks };
  sortBlocks(outline, headings, source, report);
  return outline;
}

function readHeading(node: HeadingNode, source: SourceText, slugger: GithubSlugger): Heading {
  const first = node.children[0];
  const last = node.children.at(-1);
  const inner = first && last ? source.text.slice(spanOf(first).start, spanOf(last).end) : '';
  return {
    text: plainWords(inner.replace(/<!--[\s\S]*?-->/g, '').replace(/\\/g, '\\\\')),
    depth: node.depth,
    anchor: slugger.slug(visibleText(node)).normalize('NFC'),
    span: spanOf(node),
    thing: 'prose',
  };
}

function visibleText(node: HeadingNode): string {
  return [...walk(node)].map((one) => (one.type === 'text' || one.type === 'inlineCode' ? one.value : '')).join('');
}

function blocksOf(nodes: RootContent[], headings: Map<HeadingNode, Heading>, source: SourceText): Block[] {
  const blocks: Block[] = [];
  for (const node of nodes) {
    const heading = node.type === 'heading' && node.depth <= 3 ? headings.get(node) : undefined;
    const last = blocks.at(-1);
    if (heading) {
      if (last) last.span.end = heading.span.start;
      blocks.push({ heading, nodes: [], span: { start: heading.span.start, end: source.text.length } });
    } else last?.nodes.push(node);
  }
  return blocks;
}

/** Text before the first heading is for readers; settings there would be lost. */
function reportBeforeTitle(nodes: RootContent[], [first]: Block[], source: SourceText, report: Report): void {
  const before = nodes.filter((node) => first && spanOf(node).end <= first.heading.span.start);
  const [item] = before.flatMap((node) => lateItems(node, source));
  if (!item) return;
  const message = 'Unexpected setting before the title, expected it in the list directly under the heading';
  report.error('late-setting', firstLine(item, source), message);
}

function sortBlocks(
  outline: Outline,
  headings: ReadonlyMap<HeadingNode, Heading>,
  source: SourceText,
  report: Report,
): void {
  let section: Section | undefined;
  let inNotes = false;
  const inside = new Map<Block, Block[]>();
  for (const block of outline.blocks) {
    const { heading } = block;
    if (heading.depth === 1) {
      section = undefined;
      inNotes = outline.title !== undefined;
      if (outline.title) {
        const related = [{ span: outline.title.heading.span, message: 'the title is here' }];
        report.error('second-title', heading.span, `Unexpected second title, expected a heading with ## or ###`, {
          related,
        });
      } else {
        outline.title = block;
        heading.thing = 'document';
      }
    } else if (heading.depth === 2) {
      section = openSection(outline, block, report);
      inNotes = section === undefined;
      if (section) heading.thing = 'section';
      else warnOfStep(block, source, report);
    } else if (section) {
      section.blocks.push(block);
      heading.thing = holdsThings[section.name] ?? 'prose';
      if (heading.thing === 'step') inside.set(block, openContainer(block, section, headings, source));
      if (heading.thing === 'prose') {
        const message = `Unexpected heading in ${section.heading.text}, expected a table and prose only`;
        report.error('unexpected-heading', heading.span, message);
      }
    } else if (!inNotes) {
      report.error(
        'unexpected-heading',
        heading.span,
        'Unexpected heading with ###, expected a section (##) before it',
      );
    }
  }
  outline.blocks = outline.blocks.flatMap((block) => [block, ...(inside.get(block) ?? [])]);
  if (!outline.title) {
    const first = { start: 0, end: source.text.indexOf('\n') };
    report.error(
      'missing-title',
      first,
      'Unexpected document without a title, expected a heading such as # Expense approval',
    );
  }
}

/** Cuts the steps out of a container, theirs too, and gives them in document order. */
function openContainer(
  container: Block,
  section: Section,
  headings: ReadonlyMap<HeadingNode, Heading>,
  source: SourceText,
): Block[] {
  const depth = container.heading.depth + 1;
  const names = settingNamesUnder(container, source);
  // One whose kind is missing holds the steps under it all the same: only that is to be told.
  if (!isContainer(names) && (hasKind(names) || !holdsKinds(container.nodes, depth, source))) return [];
  const steps: Block[] = [];
  const own: RootContent[] = [];
  const { end } = container.span;
  for (const node of container.nodes) {
    const heading = node.type === 'heading' && node.depth === depth ? headings.get(node) : undefined;
    const last = steps.at(-1);
    if (heading) {
      (last ?? container).span.end = heading.span.start;
      heading.thing = 'step';
      steps.push({ heading, nodes: [], span: { start: heading.span.start, end }, parent: container });
    } else (last?.nodes ?? own).push(node);
  }
  container.nodes = own;
  return steps.flatMap((step) => {
    section.blocks.push(step);
    return [step, ...openContainer(step, section, headings, source)];
  });
}

/** Notes may hold anything, and are not read; a step among them has one # too few. */
function warnOfStep(block: Block, source: SourceText, report: Report): void {
  const kind = settingNamesUnder(block, source).find((name) => stepKindNames.has(name));
  if (kind === undefined) return;
  const message = `Unexpected ${kind} under a heading with ##, which is notes and is not read, expected a step with ### under Steps`;
  report.warning('step-in-notes', block.heading.span, message);
}

const hasKind = (names: readonly string[]): boolean => names.some((name) => stepKindNames.has(name));

/** Does a heading of this depth stand before settings that say a step's kind? */
function holdsKinds(nodes: readonly RootContent[], depth: number, source: SourceText): boolean {
  const visible = nodes.filter((node) => !isHidden(node, source));
  return visible.some(
    (node, index) =>
      node.type === 'heading' &&
      node.depth === depth &&
      hasKind(settingNamesIn(visible.slice(index + 1, index + 3), source)),
  );
}

function openSection(outline: Outline, block: Block, report: Report): Section | undefined {
  const { heading } = block;
  const word = foldName(heading.text);
  let name = sectionNames.find((one) => one === word);
  if (!name) {
    name = nearSection(word);
    if (!name) return undefined;
    const message = `Unexpected section name ${heading.text}, expected ${titleOf(name)}, or a heading less like it for notes`;
    report.error('near-section', heading.span, message, {
      nearest: { word: heading.text, candidates: [titleOf(name)] },
    });
  }
  const before = outline.sections.get(name);
  if (before) {
    const related = [{ span: before.heading.span, message: 'the first is here' }];
    report.error('second-section', heading.span, `Unexpected second section ${heading.text}, expected one`, {
      related,
    });
    before.nodes.push(...block.nodes);
    return before;
  }
  const section: Section = { ...block, name, blocks: [] };
  outline.sections.set(name, section);
  return section;
}

/** One slip of the pen away, or the name with a mark or `the` around it. */
function nearSection(word: string): SectionName | undefined {
  const bare = word
    .replace(/^the /, '')
    .replace(/[^\p{L}\p{N} ]/gu, '')
    .trim();
  return sectionNames.find((one) => Math.abs(one.length - bare.length) <= 1 && editDistance(bare, one) <= 1);
}

export function titleOf(name: SectionName): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
