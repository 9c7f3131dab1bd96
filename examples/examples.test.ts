import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readConfiguration } from '../activities/configuration.ts';
import { parsePracticeScript } from '../activities/practice/script.ts';
import { readDocument, readJsonBeside } from '../cli/document-files.ts';
import { surroundingsOf } from '../cli/surroundings.ts';
import { compile } from '../compiler/compile.ts';
import type { Diagnostic } from '../compiler/diagnostics.ts';
import { formatDiagnostic } from '../compiler/diagnostics.ts';
import { format } from '../compiler/format.ts';
import type { Graph } from '../compiler/graph.ts';
import { mermaidOf } from '../compiler/mermaid.ts';
import type { Plan } from '../compiler/plan.ts';
import { planOf } from '../compiler/plan.ts';
import { render } from '../compiler/render.ts';
import type { Surroundings } from '../compiler/surroundings.ts';
import type { Json } from '../compiler/types.ts';

const here = import.meta.dirname;
const world = { cwd: here, terminal: { readAll: () => Promise.reject(new Error('no stdin')) } };

/** Every document below this folder but this one's own page, as paths from here. */
const documents = readdirSync(here, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md') && path !== 'README.md')
  .sort();

interface Example {
  markdown: string;
  graph: Graph;
  hash: string;
  surroundings: Surroundings;
  diagnostics: Diagnostic[];
  input: Json | undefined;
}

/** As the command line reads it: with the configuration beside or above it and the documents that it links to. */
async function example(path: string): Promise<Example> {
  const document = await readDocument(path, world);
  const surroundings = await surroundingsOf(document, {}, world);
  const { graph, hash, receipt, diagnostics } = compile(document.markdown, { file: path, surroundings });
  if (!graph || !hash) {
    throw new Error(diagnostics.map((one) => formatDiagnostic(one, path, document.markdown)).join('\n'));
  }
  expect(receipt?.unchecked).toEqual([]);
  const input = (await readJsonBeside(document, 'input.json'))?.value;
  return { markdown: document.markdown, graph, hash, surroundings, diagnostics, input };
}

const steps = (layers: Plan['layers']): string[] =>
  layers.flat().flatMap((step) => [step.id, ...steps(step.layers ?? [])]);

describe('every document of the examples', () => {
  test('is found', () => {
    expect(documents).toEqual([
      'acceptance-criteria/document.md',
      'expense-approval/document.md',
      'incident-review/document.md',
      'monthly-invoices/document.md',
      'new-supplier/document.md',
      'new-supplier/order/document.md',
      'onboarding/document.md',
      'quotation/document.md',
    ]);
  });

  test('has a configuration that a worker takes', async () => {
    for (const path of documents.filter((one) => one.split('/').length === 2))
      expect(await readConfiguration(join(here, dirname(path), 'waymark.config.json'))).toHaveProperty('models');
  });

  test('has a line in the table of the page, by its folder', async () => {
    const page = await readFile(join(here, 'README.md'), 'utf8');
    const linked = [...page.matchAll(/^\| \[[^\]]+\]\(([^)]+)\)/gm)].map(([, target]) => target);
    expect(linked).toEqual(documents.filter((path) => path.split('/').length === 2));
  });

  test('shows, with the others, every shape that an author may look for', async () => {
    const graphs = await Promise.all(documents.map(async (path) => (await example(path)).graph));
    const nodes = graphs.flatMap((graph) => graph.nodes);
    expect([...new Set(nodes.map(({ kind }) => kind))].sort()).toEqual(
      ['agent', 'approve', 'choose', 'for each', 'merge', 'person', 'repeat', 'run', 'session', 'set', 'tool'].sort(),
    );
    expect(graphs.filter(({ proposal }) => proposal).map(({ id }) => id)).toEqual(['onboarding', 'quotation']);
    const returns = graphs.filter(({ edges }) => edges.some(({ back }) => back !== undefined)).map(({ id }) => id);
    expect(returns).toEqual(['tieu-chi-nghiem-thu', 'onboarding', 'quotation']);
  });

  for (const path of documents) {
    describe(path, () => {
      test('compiles with what stands around it, without mistakes, warnings or checks left out', async () => {
        expect((await example(path)).diagnostics).toEqual([]);
      });

      test('is laid out as waymark format lays it out', async () => {
        const { markdown } = await example(path);
        expect(format(markdown).text).toBe(markdown);
      });

      test('gives the same graph when it is rendered and compiled again', async () => {
        const { graph, hash, surroundings } = await example(path);
        const rendered = render(graph, surroundings);
        if ('problems' in rendered) throw new Error(JSON.stringify(rendered.problems));
        expect(compile(rendered.text, { surroundings }).hash).toBe(hash);
      });

      test('has a plan of all its steps, and its input fits', async () => {
        const { graph, surroundings, input } = await example(path);
        if (input === undefined) throw new Error(`${path} has no input.json beside it`);
        const plan = planOf(graph, { input, surroundings });
        expect(plan.input).toEqual({ given: true, violations: [] });
        expect(steps(plan.layers).sort()).toEqual(graph.nodes.map(({ id }) => id).sort());
        expect(plan.total.unpriced).toEqual([]);
      });

      test('is drawn with all its steps', async () => {
        const { graph } = await example(path);
        const drawn = mermaidOf(graph);
        for (const { id, title } of graph.nodes) expect(drawn, id).toContain(title.replace(/^\d+\. /, ''));
      });

      test('has practice answers for exactly the agents and tools that it asks', async () => {
        const { graph } = await example(path);
        const file = join(here, dirname(path), 'practice.json');
        const parsed = parsePracticeScript(await readFile(file, 'utf8'));
        if (!parsed.ok) throw new Error(`${relative(here, file)}: ${JSON.stringify(parsed.problems)}`);
        const { steps: answers, tools = {} } = parsed.script;
        // A document that it runs is answered from the same script.
        const others = documents.filter((other) =>
          graph.externals.some(({ file }) => join(dirname(path), file) === other),
        );
        const nodes = [graph, ...(await Promise.all(others.map(example))).map((one) => one.graph)].flatMap(
          (one) => one.nodes,
        );
        const asked = nodes.filter(({ kind }) => kind === 'agent' || kind === 'tool').map(({ id }) => id);
        expect(Object.keys(answers).filter((id) => !asked.includes(id))).toEqual([]);
        const called = nodes.flatMap((node) => (node.kind === 'tool' ? [node.tool] : []));
        expect(Object.keys(tools).filter((tool) => !called.includes(tool))).toEqual([]);
        const talking = nodes.flatMap((node) => (node.kind === 'agent' ? [node.id] : []));
        expect(talking.filter((id) => !Object.hasOwn(answers, id))).toEqual([]);
      });
    });
  }
});
