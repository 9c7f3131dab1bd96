/** The headings of a document as a tree. */
import type { Block, Thing } from '../passes/read-sections.ts';
import type { Span } from '../source-text.ts';
import type { Analysis } from './analyze.ts';

export interface OutlineEntry {
  name: string;
  thing: Thing;
  /** The kind of a step, with its id; the model of an agent. */
  detail?: string;
  /** The heading and all under it, deeper headings included. */
  span: Span;
  headingSpan: Span;
  children: OutlineEntry[];
}

export function documentOutline({ findings, source }: Analysis): OutlineEntry[] {
  if (!findings) return [];
  const roots: OutlineEntry[] = [];
  const open: { entry: OutlineEntry; depth: number }[] = [];
  const close = (depth: number, end: number): void => {
    for (let last = open.at(-1); last && last.depth >= depth; last = open.at(-1)) {
      last.entry.span.end = end;
      open.pop();
    }
  };
  for (const block of findings.outline.blocks) {
    const { heading } = block;
    close(heading.depth, heading.span.start);
    const detail = detailOf(block, findings.draft);
    const entry: OutlineEntry = {
      name: heading.text === '' ? 'without text' : heading.text,
      thing: heading.thing,
      ...(detail !== undefined && { detail }),
      span: { ...block.span },
      headingSpan: heading.span,
      children: [],
    };
    (open.at(-1)?.entry.children ?? roots).push(entry);
    open.push({ entry, depth: heading.depth });
  }
  close(0, source.text.length);
  return roots;
}

function detailOf(block: Block, draft: NonNullable<Analysis['findings']>['draft']): string | undefined {
  const step = draft.steps.find((one) => one.block.heading === block.heading);
  if (step) return step.kind === undefined ? step.id : `${step.kind}, ${step.id}`;
  return draft.agents.find((one) => one.block.heading === block.heading)?.model;
}
