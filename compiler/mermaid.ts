/**
 * A graph as a Mermaid flowchart: steps in document order, a shape for each kind, containers around their steps, and arms,
 * actions and outcomes on the arrows; what leads back or ends is dotted. The same graph gives the same text.
 */
import { approversText } from './approvers.ts';
import type { Each, Edge, Graph, Node } from './graph.ts';
import { durationInWords } from './passes/quantities.ts';

/** What stands around the label of each kind. Containers are drawn around their steps. */
const shapes: Readonly<Record<Exclude<Node['kind'], Container>, readonly [open: string, close: string]>> = {
  agent: ['(', ')'],
  tool: ['[[', ']]'],
  approve: ['{{', '}}'],
  choose: ['{', '}'],
  set: ['[', ']'],
  person: ['{{', '}}'],
  merge: ['[', ']'],
  wait: ['([', '])'],
  run: ['[[', ']]'],
  session: ['{{', '}}'],
};

type Container = 'repeat' | 'for each' | 'steps';

/** Ends with a line end. Expects a graph that compiled. */
export function mermaidOf(graph: Graph): string {
  const names = new Map(graph.nodes.map((node, index) => [node.id, `s${index + 1}`]));
  const nameOf = (id: string): string => names.get(id) ?? id;
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const inside = Map.groupBy(graph.nodes, (node) => node.parent);
  const reached = new Set(graph.edges.filter((edge) => !edge.back).map((edge) => edge.to));
  const left = new Set(graph.edges.filter(goesOn).map((edge) => edge.from));
  // Where a container begins and ends is seen.
  const outer = graph.nodes.filter((node) => node.parent === undefined);
  const lines = [
    'flowchart TD',
    `  start(["${label(graph.title)}"])`,
    ...nodeLines(inside, undefined, nameOf, '  '),
    '  finish(["end"])',
    ...outer.filter((node) => !reached.has(node.id)).map((node) => `  start --> ${nameOf(node.id)}`),
    ...graph.edges.map((edge) => `  ${nameOf(edge.from)} ${arrow(edge, byId.get(edge.from))} ${nameOf(edge.to)}`),
    ...outer
      .filter((node) => !left.has(node.id) && (node.kind !== 'approve' || continuing(node) !== ''))
      .map((node) => `  ${nameOf(node.id)} ${lastArrow(node)} finish`),
    ...graph.nodes.flatMap((node) =>
      rejections(node).map((name) => `  ${nameOf(node.id)} -.->|"${label(name)}"| finish`),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function nodeLines(
  inside: ReadonlyMap<string | undefined, readonly Node[]>,
  parent: string | undefined,
  nameOf: (id: string) => string,
  indent: string,
): string[] {
  return (inside.get(parent) ?? []).flatMap((node) => {
    const words = [node.title, ...details(node)].map(label).join('<br/>');
    const name = nameOf(node.id);
    if (!isContainer(node)) {
      const [open, close] = shapes[node.kind];
      return [`${indent}${name}${open}"${words}"${close}`];
    }
    const inner = nodeLines(inside, node.id, nameOf, `${indent}  `);
    return [`${indent}subgraph ${name}["${words}"]`, ...inner, `${indent}end`];
  });
}

function isContainer(node: Node): node is Extract<Node, { kind: Container }> {
  return node.kind === 'repeat' || node.kind === 'for each' || node.kind === 'steps';
}

/** What a reader wants to know of a step besides its title, a line each. */
function details(node: Node): string[] {
  const own: string[] = [];
  if (node.kind === 'tool') own.push(node.tool);
  if (node.kind === 'run') own.push(node.document.file);
  if (node.kind === 'wait') own.push('ms' in node.until ? durationInWords(node.until.ms) : `until ${node.until.expr}`);
  if (node.kind === 'approve' || node.kind === 'person') own.push(`by ${approversText(node.approvers)}`);
  if (node.kind === 'session') own.push(`with ${node.who === 'assignee' ? 'the assignee' : approversText(node.who)}`);
  if (node.kind === 'steps') own.push(node.order === 'parallel' ? 'in parallel' : 'in order');
  if (node.kind === 'repeat') own.push(`at most ${times(node.atMost)} until ${node.until}`);
  if ('each' in node && node.each) own.push(eachText(node.each));
  if ((node.kind === 'agent' || node.kind === 'tool') && node.requiresApproval) {
    own.push(`with approval of ${approversText(node.requiresApproval)}`);
  }
  if (node.when !== undefined) own.push(`when ${node.when}`);
  return own;
}

function eachText({ item, list, atOnce }: Each): string {
  return `for each ${item} in ${list}${atOnce === undefined ? '' : `, at most ${atOnce} at once`}`;
}

function times(count: number): string {
  return count === 1 ? '1 time' : `${count} times`;
}

/** Does it lead on when the step has ended in the ordinary way? */
function goesOn(edge: Edge): boolean {
  return edge.action === undefined && edge.on === undefined;
}

function arrow(edge: Edge, from: Node | undefined): string {
  const words = [edgeWords(edge, from), ...(edge.back ? [`at most ${times(edge.back.atMost)}`] : [])];
  const said = words.filter((one) => one !== undefined).join(', ');
  const line = edge.back ? '-.->' : '-->';
  return said === '' ? line : `${line}|"${label(said)}"|`;
}

const outcomes: Readonly<Record<NonNullable<Edge['on']>, string>> = {
  failure: 'if it fails',
  'not reached': 'if not reached',
  overdue: 'if overdue',
  'used up': 'used up',
};

function edgeWords(edge: Edge, from: Node | undefined): string | undefined {
  if (edge.action !== undefined) return edge.action;
  const arm =
    edge.arm === undefined ? undefined : (from?.kind === 'choose' && from.arms[edge.arm]?.when) || 'otherwise';
  if (edge.on !== undefined) return arm === undefined ? outcomes[edge.on] : `${arm}, ${outcomes[edge.on]}`;
  return arm ?? (from?.kind === 'approve' ? continuing(from) : undefined);
}

/** The actions of a gate that let the run go on along its plain edges. */
function continuing(node: Node & { kind: 'approve' }): string {
  const names = node.actions.filter((action) => action.effect === 'continue').map((action) => action.name);
  return names.join(' or ');
}

function lastArrow(node: Node): string {
  return node.kind === 'approve' ? `-->|"${label(continuing(node))}"|` : '-->';
}

/** The actions of a gate that end what depends on it. */
function rejections(node: Node): string[] {
  if (node.kind !== 'approve') return [];
  return node.actions.filter((action) => action.effect === 'end').map((action) => action.name);
}

/**
 * Text as Mermaid shows it unchanged. It reads labels as Markdown and then as HTML with its own `#number;` for characters, so
 * whatever could mean something to one of these is written as its number.
 */
function label(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/^\d+[.)]|^[+-]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])|www\.|[^\p{L}\p{M}\p{N} _.,?!/>=()+-]/giu, (found) =>
      [...found]
        .map((character) => (/[\p{L}\p{N}]/u.test(character) ? character : `#${character.codePointAt(0)};`))
        .join(''),
    );
}
