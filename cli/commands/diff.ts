import type { ChangedStep, GraphDiff, ListDiff, MayRerun } from '../../compiler/diff-graphs.ts';
import type { Edge, Graph } from '../../compiler/graph.ts';
import type { DocumentFile } from '../document-files.ts';
import { readDocument } from '../document-files.ts';
import { WrongUsage } from '../failures.ts';
import type { SurroundingsOptions } from '../surroundings.ts';
import { surroundingsOf } from '../surroundings.ts';
import type { World } from '../world.ts';

/** Those of diff(1). */
export const diffCodes = { same: 0, different: 1, trouble: 2 } as const;

/** What differs between the graphs of two documents on stdout, in words or as JSON; mistakes in them on stderr. */
export async function diffCommand(
  before: string,
  after: string,
  options: SurroundingsOptions & { json?: boolean },
  world: World,
): Promise<number> {
  if (before === '-' && after === '-') {
    throw new WrongUsage('Unexpected - more than once, expected stdin to be read for one file only.');
  }
  const { terminal } = world;
  const [old, now] = [await readDocument(before, world), await readDocument(after, world)];
  const [{ compile }, { formatDiagnostic }, { diffGraphs }] = await Promise.all([
    import('../../compiler/compile.ts'),
    import('../../compiler/diagnostics.ts'),
    import('../../compiler/diff-graphs.ts'),
  ]);
  const compileOne = async (document: DocumentFile) => {
    const { name, markdown } = document;
    const surroundings = await surroundingsOf(document, options, world);
    const compiled = compile(markdown, { file: name, surroundings });
    for (const one of compiled.diagnostics) terminal.complain(formatDiagnostic(one, name, markdown));
    return compiled;
  };
  const [one, two] = [await compileOne(old), await compileOne(now)];
  if (!one.graph || !two.graph) {
    const broken = [one.graph ? [] : [old.name], two.graph ? [] : [now.name]].flat();
    terminal.complain(`${broken.join(' and ')} cannot be compared, expected documents without mistakes.`);
    return diffCodes.trouble;
  }
  const diff = diffGraphs(one.graph, two.graph);
  if (options.json) {
    terminal.printJson({ old: { file: old.name, graph: one.hash }, new: { file: now.name, graph: two.hash }, ...diff });
  } else for (const line of inWords(diff, one.graph, two.graph)) terminal.print(line);
  return diff.same ? diffCodes.same : diffCodes.different;
}

function inWords(diff: GraphDiff, before: Graph, after: Graph): string[] {
  if (diff.same) return ['No difference.'];
  const title = (id: string) => [...after.nodes, ...before.nodes].find((node) => node.id === id)?.title ?? id;
  const parts: [string, string[]][] = [
    ['Document', diff.document.map((what) => `~ ${what}`)],
    ['Inputs', listLines(diff.inputs)],
    ['Types', listLines(diff.types)],
    ['Agents', listLines(diff.agents)],
    ['Steps', stepLines(diff.steps, title)],
    [
      'Edges',
      [
        ...diff.edges.removed.map((edge) => `- ${edgeText(edge)}`),
        ...diff.edges.added.map((edge) => `+ ${edgeText(edge)}`),
      ],
    ],
    ['Result', listLines(diff.result)],
  ];
  const sections = parts.filter(([, lines]) => lines.length > 0);
  const rerun = diff.mayRerun.map((one) => rerunText(one, title));
  if (rerun.length === 0) sections.push(['On a resume no step that is done runs again.', []]);
  else sections.push(['On a resume these steps may run again, gates be asked again', rerun]);
  return sections.flatMap(([heading, lines], index) => [
    ...(index > 0 ? [''] : []),
    heading,
    ...lines.map((line) => `  ${line}`),
  ]);
}

function listLines({ added, removed, changed, reordered }: ListDiff): string[] {
  return [
    ...removed.map((name) => `- ${name}`),
    ...added.map((name) => `+ ${name}`),
    ...changed.map(({ name, what }) => `~ ${name}: ${what.join(', ')}`),
    ...(reordered ? ['in another order'] : []),
  ];
}

function stepLines({ added, removed, changed, reordered }: ListDiff<ChangedStep>, title: (id: string) => string) {
  const named = (id: string) => `${title(id)} (${id})`;
  return listLines({
    added: added.map(named),
    removed: removed.map(named),
    changed: changed.map(({ name, what, through }) => ({ name: named(name), what: [...what, ...through] })),
    reordered,
  });
}

function edgeText({ from, to, arm, action, on, back }: Edge): string {
  const parts = [
    ...(arm === undefined ? [] : [`branch ${arm + 1}`]),
    ...(action === undefined ? [] : [`on ${action}`]),
    ...(on === undefined ? [] : [onText[on]]),
    ...(back ? [`back at most ${back.atMost === 1 ? '1 time' : `${back.atMost} times`}`] : []),
  ];
  return [`${from} to ${to}`, ...parts].join(', ');
}

const onText: Readonly<Record<NonNullable<Edge['on']>, string>> = {
  failure: 'if it fails',
  'not reached': 'if not reached',
  overdue: 'if overdue',
  'used up': 'when it is used up',
};

function rerunText({ step, because, steps }: MayRerun, title: (id: string) => string): string {
  const others = steps.map(title).join(', ');
  const reason = {
    changed: 'it is another step now',
    reads: `it reads ${others}`,
    input: 'it reads the input, whose values may differ',
    guards: `it approves what ${others} does`,
  }[because];
  return `${title(step)} (${step}): ${reason}`;
}
