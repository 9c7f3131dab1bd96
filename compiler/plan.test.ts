import { expect, test } from 'vitest';
import { compile } from './compile.ts';
import type { Graph } from './graph.ts';
import { planOf } from './plan.ts';
import { tokensOf } from './token-estimate.ts';

const graphOf = (markdown: string): Graph => {
  const { graph, diagnostics } = compile(markdown);
  if (!graph) throw new Error(JSON.stringify(diagnostics));
  return graph;
};

const agents = '## Agents\n\n### Clerk\n\n- model: small\n\nYou are brief.\n\n';
const models = new Map([['small', { pricePerMillionTokens: { in: 1, out: 10 } }]]);

test('a token is a third of a byte length, rounded up', () => {
  expect([tokensOf(''), tokensOf('abc'), tokensOf('abcd'), tokensOf('đọc')]).toEqual([0, 1, 2, 2]);
});

test('a prompt costs its instruction, its blocks and the answer, once and with every try', () => {
  const graph = graphOf(
    `# A\n\n## Inputs\n\n| Name | Type |\n|-|-|\n| note | text |\n\n${agents}## Steps\n\n### Say\n\n- agent: [Clerk](#clerk)\n- uses: \`input.note\`\n- gives: text\n\nSay it.\n`,
  );
  const { prompts, total } = planOf(graph, { input: { note: 'x'.repeat(30) }, surroundings: { models } });
  // 200 for the framing, 8 for both instructions, 10 for the note; 300 for a text of any length.
  const tokensIn = 200 + tokensOf('You are brief.\n\nSay it.') + 10;
  expect(prompts).toEqual([
    {
      step: 'say',
      agent: 'clerk',
      model: 'small',
      instruction: 'You are brief.\n\nSay it.',
      blocks: ['note'],
      calls: { once: 1, most: 3 },
      tokensIn: { once: tokensIn, most: 3 * tokensIn },
      tokensOut: { once: 300, most: 900 },
      usd: { once: (tokensIn + 3000) / 1e6, most: (3 * tokensIn + 9000) / 1e6 },
    },
  ]);
  expect(total).toMatchObject({ usd: prompts[0]?.usd, unpriced: [] });
});

const forEach = (rule: string) =>
  graphOf(
    `# A\n\n## Inputs\n\n| Name | Type | Rule |\n|-|-|-|\n| all | list of text | ${rule} |\n\n${agents}## Steps\n\n### Say\n\n- agent: [Clerk](#clerk)\n- for each: one in \`input.all\`\n- uses: \`one\`\n- retry: 0 times\n\nSay it.\n`,
  );

test('how many items there are is known from the input, else from its rule, else nothing bounds it', () => {
  const calls = (graph: Graph, input?: { all: string[] }) => planOf(graph, input ? { input } : {}).total.calls;
  expect(calls(forEach('length at most 9'), { all: ['a', 'b'] })).toEqual({ once: 1, most: 2 });
  expect(calls(forEach('length at most 9'))).toEqual({ once: 1, most: 9 });
  expect(calls(forEach('length at least 1'))).toEqual({ once: 1, most: null });
});

test('a model without a price is named, and no cost is made up', () => {
  const { total, prompts } = planOf(forEach('length at most 2'));
  expect([total.unpriced, total.usd, prompts[0]?.usd]).toEqual([['small'], undefined, undefined]);
});

test('steps of a parallel group are one layer of it, and those after a step passed by go on', () => {
  const graph = graphOf(
    '# A\n\n## Inputs\n\n| Name | Type |\n|-|-|\n| go | yes/no |\n\n## Steps\n\n### Both\n\n- steps: in parallel\n- when: `input.go`\n\n#### One\n\n- wait: 1 day\n\n#### Two\n\n- wait: 2 days\n\n### Last\n\n- wait: 1 hour\n',
  );
  const { layers } = planOf(graph, { input: { go: false } });
  expect(layers).toEqual([
    [
      {
        id: 'both',
        title: 'Both',
        kind: 'steps',
        runs: 'no',
        notes: ['when input.go (does not hold: passed by)'],
        layers: [
          [
            { id: 'one', title: 'One', kind: 'wait', runs: 'no', notes: ['not reached with this input'] },
            { id: 'two', title: 'Two', kind: 'wait', runs: 'no', notes: ['not reached with this input'] },
          ],
        ],
      },
    ],
    [{ id: 'last', title: 'Last', kind: 'wait', runs: 'yes', notes: [] }],
  ]);
});

test('without declarations what a tool does is not known, and it counts as a write', () => {
  const graph = graphOf('# A\n\n## Steps\n\n### Pay\n\n- tool: payments.transfer\n');
  expect(planOf(graph).writes).toEqual([{ step: 'pay', tools: ['payments.transfer'], known: false, guards: [] }]);
  const tools = new Map([['payments.transfer', { effect: 'read' as const }]]);
  expect(planOf(graph, { surroundings: { tools } }).writes).toEqual([]);
});
