/**
 * A graph as a Mermaid flowchart: steps in document order, a shape for each kind, arms and actions on the arrows. The same
 * graph gives the same text.
 */
import { approversText } from './approvers.ts';
import type { Edge, Graph, Node } from './graph.ts';

/** What stands around the label of each kind. */
const shapes: Readonly<Record<Node['kind'], readonly [open: string, close: string]>> = {
  agent: ['(', ')'],
  tool: ['[[', ']]'],
  approve: ['{{', '}}'],
  choose: ['{', '}'],
  set: ['[', ']'],
  person: ['{{', '}}'],
  merge: ['[', ']'],
  wait: ['([', '])'],
  run: ['[[', ']]'],
  repeat: ['[/', '\\]'],
  'for each': ['[/', '\\]'],
  steps: ['[', ']'],
  session: ['{{', '}}'],
};

/** Ends with a line end. Expects a graph that compiled. */
export function mermaidOf(graph: Graph): string {
  const names = new Map(graph.nodes.map((node, index) => [node.id, `s${index + 1}`]));
  const reached = new Set(graph.edges.map((edge) => edge.to));
  const left = new Set(graph.edges.filter((edge) => edge.action === undefined).map((edge) => edge.from));
  const nameOf = (id: string): string => names.get(id) ?? id;
  const lines = [
    'flowchart TD',
    `  start(["${label(graph.title)}"])`,
    ...graph.nodes.map((node) => `  ${nameOf(node.id)}${shape(node)}`),
    '  finish(["end"])',
    ...graph.nodes.filter((node) => !reached.has(node.id)).map((node) => `  start --> ${nameOf(node.id)}`),
    ...graph.edges.map((edge) => `  ${nameOf(edge.from)} ${arrow(edge, graph)} ${nameOf(edge.to)}`),
    ...graph.nodes.filter((node) => !left.has(node.id)).map((node) => `  ${nameOf(node.id)} ${lastArrow(node)} finish`),
    ...graph.nodes.flatMap((node) =>
      rejections(node).map((name) => `  ${nameOf(node.id)} -.->|"${label(name)}"| finish`),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function shape(node: Node): string {
  const [open, close] = shapes[node.kind];
  return `${open}"${[node.title, ...details(node)].map(label).join('<br/>')}"${close}`;
}

/** What a reader wants to know of a step besides its title, a line each. */
function details(node: Node): string[] {
  const own: string[] = [];
  if (node.kind === 'tool') own.push(node.tool);
  if (node.kind === 'approve') own.push(`by ${approversText(node.approvers)}`);
  if ((node.kind === 'agent' || node.kind === 'tool') && node.requiresApproval) {
    own.push(`with approval of ${approversText(node.requiresApproval)}`);
  }
  if (node.when !== undefined) own.push(`when ${node.when}`);
  return own;
}

function arrow(edge: Edge, graph: Graph): string {
  const words = edgeWords(edge, graph);
  return words === undefined ? '-->' : `-->|"${label(words)}"|`;
}

function edgeWords(edge: Edge, graph: Graph): string | undefined {
  if (edge.action !== undefined) return edge.action;
  const from = graph.nodes.find((node) => node.id === edge.from);
  if (edge.arm !== undefined) return (from?.kind === 'choose' && from.arms[edge.arm]?.when) || 'otherwise';
  return from?.kind === 'approve' ? continuing(from) : undefined;
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
