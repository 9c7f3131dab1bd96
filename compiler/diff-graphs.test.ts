import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from './canonical.ts';
import { compile } from './compile.ts';
import type { GraphDiff } from './diff-graphs.ts';
import { diffGraphs } from './diff-graphs.ts';
import type { Graph } from './graph.ts';

const claims = `# Claims

## Inputs

| Name    | Type   | Rule           | Meaning     |
|---------|--------|----------------|-------------|
| receipt | text   |                | as mailed   |
| limit   | number | default 100    |             |

## Types

### Receipt

| Field  | Type   |
|--------|--------|
| amount | number |
| shop   | Shop   |

### Shop

| Field | Type |
|-------|------|
| name  | text |

## Agents

### Clerk

- model: small

You are careful.

## Steps

### Read

- agent: [Clerk](#clerk)
- uses: \`input.receipt\`
- gives: Receipt

Read the receipt.

### Worth

- set:
  - amount: \`read.amount * 2\`

### Large

- choose:
  - \`worth.amount > input.limit\`: [Approve](#approve)
  - otherwise: [Pay](#pay)

### Approve

- approve: manager
- show: [Worth](#worth)

### Pay

- after: [Large](#large), [Approve](#approve)
- tool: payments.transfer
- with:
  - to: \`input.receipt\`

### Tell

- tool: mail.send

## Result

| Name | Type     | Value  |
|------|----------|--------|
| paid | anything | \`pay\` |
`;

function graphOf(markdown: string): Graph {
  const { graph, diagnostics } = compile(markdown);
  if (!graph) throw new Error(JSON.stringify(diagnostics));
  return graph;
}

/** The difference that replacing the first text, which must be there, by the second makes. */
function edit(...replacements: [string, string][]): GraphDiff {
  let edited = claims;
  for (const [from, to] of replacements) {
    expect(edited).toContain(from);
    edited = edited.replace(from, to);
  }
  return diffGraphs(graphOf(claims), graphOf(edited));
}

const none = { added: [], removed: [], changed: [], reordered: false };
const nothing: GraphDiff = {
  same: true,
  document: [],
  inputs: none,
  types: none,
  agents: none,
  steps: none,
  edges: { added: [], removed: [] },
  result: none,
  mayRerun: [],
};
const rerun = (diff: GraphDiff) => diff.mayRerun.map(({ step, because, steps }) => [step, because, ...steps]);

describe('a graph and', () => {
  test('itself have no difference', () => {
    expect(edit()).toEqual(nothing);
  });

  test('that of a document with other notes and another layout have none either', () => {
    expect(edit(['## Agents', 'Notes.\n\n## Agents'], ['- gives: Receipt', '- gives:   Receipt'])).toEqual(nothing);
  });
});

describe('a step', () => {
  test('with other prose is changed in its prose, and what reads its output may run again with it', () => {
    expect(edit(['Read the receipt.', 'Read all of it.'])).toEqual({
      ...nothing,
      same: false,
      steps: { ...none, changed: [{ name: 'read', what: ['prose'], through: [], rerun: true }] },
      mayRerun: [
        { step: 'read', because: 'changed', steps: [] },
        { step: 'worth', because: 'reads', steps: ['read'] },
        { step: 'large', because: 'reads', steps: ['worth'] },
        { step: 'approve', because: 'reads', steps: ['worth'] },
      ],
    });
  });

  test('with another heading and condition is changed, and its work stands', () => {
    const diff = edit(['### Tell\n\n', '### Tell!\n\n- when: `input.limit > 5`\n']);
    expect(diff).toEqual({
      ...nothing,
      same: false,
      steps: { ...none, changed: [{ name: 'tell', what: ['heading', 'when'], through: [], rerun: false }] },
    });
  });

  test('is named by the settings of it that differ, as documents call them', () => {
    const diff = edit([
      '- tool: mail.send',
      '- tool: post.send\n- timeout: 5 seconds\n- check: `output != ""`\n- requires approval: clerk',
    ]);
    expect(diff.steps.changed).toEqual([
      { name: 'tell', what: ['tool', 'check', 'timeout', 'requires approval'], through: [], rerun: true },
    ]);
  });

  test('that runs a document is another with a check of the Result, and with a place for it', () => {
    const running = (...more: string[]) => {
      const settings = ['run: [Payment](payment.md)', ...more].map((one) => `- ${one}\n`).join('');
      const proposal = '## Proposal\n\n| Section | Type |\n|---|---|\n| Paid | anything |\n';
      return graphOf(`# Claim\n\n${proposal}\n## Steps\n\n### Pay\n\n${settings}`);
    };
    expect(diffGraphs(running(), running('check: `output.n > 0`', 'section: Paid')).steps.changed).toEqual([
      { name: 'pay', what: ['check', 'section'], through: [], rerun: true },
    ]);
  });

  test('whose call a gate guards has the gate asked again when it changes', () => {
    expect(rerun(edit(['  - to: `input.receipt`', '  - to: `input.receipt`\n  - amount: `5`']))).toEqual([
      ['approve', 'guards', 'pay'],
      ['pay', 'changed'],
    ]);
  });

  test('that is new or gone is said once, with its edges, and no resume runs it again', () => {
    const diff = edit(['### Tell\n\n- tool: mail.send', '### Announce\n\n- tool: mail.send']);
    expect(diff).toEqual({
      ...nothing,
      same: false,
      steps: { ...none, added: ['announce'], removed: ['tell'] },
      edges: { added: [{ from: 'pay', to: 'announce' }], removed: [{ from: 'pay', to: 'tell' }] },
      mayRerun: [{ step: 'approve', because: 'guards', steps: ['announce'] }],
    });
  });

  test('that stands elsewhere with the same edges is a difference of order alone', () => {
    const before = graphOf(
      '# A\n\n## Steps\n\n### One\n\n- after: start\n- then: end\n- tool: a\n\n### Two\n\n- after: start\n- tool: b\n',
    );
    const after = { ...before, nodes: before.nodes.toReversed() };
    expect(diffGraphs(before, after)).toEqual({ ...nothing, same: false, steps: { ...none, reordered: true } });
  });
});

describe('a declaration', () => {
  test('of an agent changes the steps that it does, and says so', () => {
    const diff = edit(['You are careful.', 'You are quick.']);
    expect(diff.agents.changed).toEqual([{ name: 'clerk', what: ['prose'] }]);
    expect(diff.steps.changed).toEqual([{ name: 'read', what: [], through: ['agent clerk'], rerun: true }]);
    expect(rerun(diff)[0]).toEqual(['read', 'changed']);
  });

  test('of a type within a type changes the steps that give it', () => {
    const diff = edit(['| name  | text |', '| title | text |\n| city  | text |']);
    expect(diff.types.changed).toEqual([{ name: 'Shop', what: ['field title', 'field city', 'field name'] }]);
    expect(diff.steps.changed).toEqual([{ name: 'read', what: [], through: ['type Shop'], rerun: true }]);
  });

  test('of an input reruns the steps that read the input where its values may differ', () => {
    const diff = edit(['default 100', 'default 200']);
    expect(diff.inputs.changed).toEqual([{ name: 'limit', what: ['default'] }]);
    expect(rerun(diff)).toEqual([
      ['read', 'input'],
      ['worth', 'reads', 'read'],
      ['large', 'input'],
      ['approve', 'input'],
      ['pay', 'input'],
    ]);
  });

  test('of an input by another rule or meaning reruns nothing', () => {
    const diff = edit(['default 100 ', 'default 100, at least 0'], ['as mailed', 'as sent']);
    expect(diff.inputs.changed).toEqual([
      { name: 'receipt', what: ['meaning'] },
      { name: 'limit', what: ['rules'] },
    ]);
    expect(diff.mayRerun).toEqual([]);
  });

  test('of the result or the document reruns nothing', () => {
    const diff = edit(['| paid | anything | `pay`', '| told | anything | `tell`'], ['# Claims', '# Claims and more']);
    expect(diff).toEqual({
      ...nothing,
      same: false,
      document: ['id', 'heading'],
      result: { ...none, added: ['told'], removed: ['paid'] },
    });
  });
});

test('a change in a container reruns what works on it, by whatever name it is read', () => {
  const document = (tool: string, list: string) => `# Letters

## Inputs

| Name  | Type         |
|-------|--------------|
| names | list of text |

## Steps

### Look up

- tool: ${tool}
- gives: list of text

### Write all

- for each: name in \`${list}\`

#### Write

- tool: letters.write
- with:
  - to: \`name\`

### Improve

- after: [Write all](#write-all)
- repeat: at most 2 times until \`review.good\`

#### Change

- tool: letters.change
- with:
  - last: \`has(previous.review) ? "again" : "first"\`

#### Review

- set:
  - good: \`true\`

### Count

- set:
  - n: \`size(write_all)\`
`;
  const compiled = (tool: string, list: string) => {
    const { graph, diagnostics } = compile(document(tool, list));
    if (!graph) throw new Error(`expected a document that compiles: ${diagnostics[0]?.message}`);
    return graph;
  };
  const before = compiled('people.find', 'look_up');
  expect(diffGraphs(before, compiled('people.search', 'look_up')).mayRerun).toEqual([
    { step: 'look_up', because: 'changed', steps: [] },
    { step: 'write_all', because: 'reads', steps: ['look_up'] },
    { step: 'write', because: 'reads', steps: ['look_up'] },
    { step: 'count', because: 'reads', steps: ['write_all'] },
  ]);
  const { steps, mayRerun } = diffGraphs(before, compiled('people.find', 'input.names'));
  expect(steps.changed.map(({ name, what }) => [name, what])).toEqual([['write_all', ['for each']]]);
  expect(mayRerun.map((one) => one.step)).toEqual(['write_all', 'write', 'count']);
});

test('of two graphs, something is listed exactly when they are not the same', () => {
  const folder = join(import.meta.dirname, 'fixtures');
  const graphs = readdirSync(folder)
    .map((name) => compile(readFileSync(join(folder, name, 'input.md'), 'utf8')).graph)
    .filter((graph) => graph !== undefined);
  expect(graphs.length).toBeGreaterThan(20);
  for (const [index, before] of graphs.entries()) {
    // Each with itself and some of the others, in both directions.
    for (const after of [...graphs.slice(Math.max(0, index - 4), index), ...graphs.slice(index, index + 5)]) {
      const { same, mayRerun: _, ...listed } = diffGraphs(before, after);
      expect(same).toBe(canonicalJson(before) === canonicalJson(after));
      const { same: _s, mayRerun: _m, ...empty } = nothing;
      expect(canonicalJson(listed) === canonicalJson(empty)).toBe(same);
    }
  }
});
