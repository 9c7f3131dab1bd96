/** Markdown as this compiler reads it: CommonMark with GitHub's tables, and the types of its nodes. */
import type { Handle } from 'mdast-util-from-markdown';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';

const extensions = [gfm()];
/** Without the search through all text, once it is parsed, for more addresses to link: to this dialect an address is text. */
const mdastExtensions = gfmFromMarkdown().map(({ transforms: _, ...extension }) => extension);

/**
 * A box to tick is one of a list item. After an item without text the tokenizer finds one in the paragraph behind the list too,
 * and the handler it comes with takes that paragraph's parent for an item.
 */
const tickedAs = (checked: boolean): Handle =>
  function tick() {
    const item = this.stack.at(-2);
    if (item?.type === 'listItem') item.checked = checked;
  };
mdastExtensions.push({
  exit: { taskListCheckValueChecked: tickedAs(true), taskListCheckValueUnchecked: tickedAs(false) },
});

/** What remark-parse with remark-gfm gives, but for addresses in text. */
export const markdownParser = {
  parse: (text: string) => fromMarkdown(text, { extensions, mdastExtensions }),
};

type Root = ReturnType<typeof markdownParser.parse>;
export type RootContent = Root['children'][number];
export type Nodes = Root | RootContent;
type NodeOf<Type extends RootContent['type']> = Extract<RootContent, { type: Type }>;
export type CodeBlock = NodeOf<'code'>;
export type Definition = NodeOf<'definition'>;
export type FootnoteDefinition = NodeOf<'footnoteDefinition'>;
export type HeadingNode = NodeOf<'heading'>;
export type List = NodeOf<'list'>;
export type ListItem = NodeOf<'listItem'>;
export type Paragraph = NodeOf<'paragraph'>;
export type Table = NodeOf<'table'>;
export type TableRow = Table['children'][number];

/** The node and all nodes in it, parents first, in document order. Iterative: nesting does not deepen the stack. */
export function* walk(root: Nodes): Generator<Nodes> {
  const waiting: Nodes[] = [root];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    yield node;
    if ('children' in node) {
      for (let i = node.children.length - 1; i >= 0; i -= 1) waiting.push(node.children[i] as Nodes);
    }
  }
}
