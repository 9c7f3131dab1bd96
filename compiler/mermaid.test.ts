import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile } from './compile.ts';
import type { Graph } from './graph.ts';
import { mermaidOf } from './mermaid.ts';

function graphOf(markdown: string): Graph {
  const { graph, diagnostics } = compile(markdown);
  if (!graph) throw new Error(`expected a document that compiles: ${diagnostics[0]?.message}`);
  return graph;
}

describe('a graph as Mermaid', () => {
  it('is the expense approval in every shape, exactly', () => {
    const path = join(import.meta.dirname, '../examples/expense-approval/document.md');
    expect(mermaidOf(graphOf(readFileSync(path, 'utf8')))).toBe(`flowchart TD
  start(["Expense approval"])
  s1("Read the receipt")
  s2{"Is it large?"}
  s3{{"Manager approves<br/>by manager"}}
  s4[["Pay<br/>payments.transfer"]]
  s5["Sum up the claim"]
  s6("Write to the claimant")
  finish(["end"])
  start --> s1
  s1 --> s2
  s2 -->|"read_the_receipt.amount > 500"| s3
  s2 -->|"otherwise"| s4
  s3 -->|"approve"| s4
  s1 --> s5
  s4 --> s6
  s5 --> s6
  s6 --> finish
  s3 -.->|"reject"| finish
`);
  });

  it('says conditions and approvals with the steps that have them, and draws every start and end', () => {
    const graph = graphOf(`# Two ends
## Inputs
| Name | Type |
|---|---|
| big | yes/no |

## Steps
### One
- tool: a.b
- when: \`input.big\`
- requires approval: clerk or boss
- then: end

### Two
- after: start
- approve: boss
`);
    expect(mermaidOf(graph)).toBe(`flowchart TD
  start(["Two ends"])
  s1[["One<br/>a.b<br/>with approval of clerk or boss<br/>when input.big"]]
  s2{{"Two<br/>by boss"}}
  finish(["end"])
  start --> s1
  start --> s2
  s1 --> finish
  s2 -->|"approve"| finish
  s2 -.->|"reject"| finish
`);
  });

  it('labels the edge of an action with it, and keeps the way on', () => {
    const graph = graphOf('# A\n## Steps\n### Gate\n- approve: boss\n\n### Redo\n- tool: a.b\n');
    graph.edges = [{ from: 'gate', to: 'redo', action: 'request changes' }];
    expect(mermaidOf(graph).split('\n').slice(5, -1)).toEqual([
      '  start --> s1',
      '  s1 -->|"request changes"| s2',
      '  s1 -->|"approve"| finish',
      '  s2 --> finish',
      '  s1 -.->|"reject"| finish',
    ]);
  });
});

it('draws containers around their steps, what leads back dotted, and outcomes by their words', () => {
  const graph = graphOf(`# Letters

## Steps

### Gather

- steps: in parallel

#### Mail

- tool: mail.read
- if it fails: skip

#### Pages

- for each: page in \`[1, 2]\`, at most 2 at once
- tool: pages.read

### Improve

- repeat: at most 3 times until \`review.good\`
- if not reached: [Ask](#ask)

#### Write

- tool: letters.write

#### Review

- set:
  - good: \`true\`

### Rest

- after: [Improve](#improve)
- wait: 2 days

### Enough?

- choose:
  - \`size(gather.pages) > 1\`: [Gather](#gather) at most 2 times, then [Ask](#ask)
  - otherwise: [Pay](#pay)

### Pay

- run: [Payment](payment.md)
- then: end

### Ask

- approve: manager
- actions: approve, reject, request changes to [Ask](#ask) at most 1 time
`);
  expect(mermaidOf(graph)).toBe(`flowchart TD
  start(["Letters"])
  subgraph s1["Gather<br/>in parallel"]
    s2[["Mail<br/>mail.read"]]
    s3[["Pages<br/>pages.read<br/>for each page in #91;1, 2#93;, at most 2 at once"]]
  end
  subgraph s4["Improve<br/>at most 3 times until review.good"]
    s5[["Write<br/>letters.write"]]
    s6["Review"]
  end
  s7(["Rest<br/>2 days"])
  s8{"Enough?"}
  s9[["Pay<br/>payment.md"]]
  s10{{"Ask<br/>by manager"}}
  finish(["end"])
  start --> s1
  s8 -.->|"size(gather.pages) > 1, at most 2 times"| s1
  s1 --> s4
  s5 --> s6
  s4 --> s7
  s7 --> s8
  s8 -->|"otherwise"| s9
  s4 -->|"if not reached"| s10
  s8 -->|"size(gather.pages) > 1, used up"| s10
  s10 -.->|"request changes, at most 1 time"| s10
  s9 --> finish
  s10 -->|"approve"| finish
  s10 -.->|"reject"| finish
`);
});

/** Each was also read back by Mermaid 11: it shows exactly these words. */
describe('words of authors', () => {
  it.each([
    ['Đọc hoá đơn, 50 (net)?', 'Đọc hoá đơn, 50 (net)?'],
    ['say "no"', 'say #34;no#34;'],
    ['a < b && c', 'a #60; b #38;#38; c'],
    ['`code` **bold** _i_ a_b', '#96;code#96; #42;#42;bold#42;#42; #95;i#95; a_b'],
    ['1. First', '1#46; First'],
    ['- not a list', '#45; not a list'],
    ['#35; &quot;', '#35;35#59; #38;quot#59;'],
    ['"] --> x["', '#34;#93; --> x#91;#34;'],
    ['%% comment', '#37;#37; comment'],
    ['https://www.example.com', 'https#58;//www#46;example.com'],
    ['two\n lines', 'two lines'],
    ['👍', '#128077;'],
    ['end', 'end'],
  ])('%j cannot be taken for Mermaid', (words, written) => {
    const graph = graphOf('# A\n## Steps\n### B\n- tool: a.b\n');
    expect(mermaidOf({ ...graph, title: words }).split('\n')[1]).toBe(`  start(["${written}"])`);
  });
});
