import { describe, expect, test } from 'vitest';
import { compile } from './compile.ts';
import { TextSources } from './text-sources.ts';

const document = `# Mail

## Inputs

| Name  | Type           | Rule      |
|-------|----------------|-----------|
| mail  | text           | untrusted |
| count | number         | untrusted |
| known | text           |           |
| lines | list of Line   |           |

## Types

### Line

| Field | Type                | Rule      |
|-------|---------------------|-----------|
| own   | text                |           |
| words | text                | untrusted |
| kind  | one of rent, salary | untrusted |

### Made

| Field   | Type | Rule                         |
|---------|------|------------------------------|
| own     | text |                              |
| shouted | text | computed \`this.own + "!"\`   |
| known   | text | computed \`"as" + "before"\`  |

### Totals

| Field | Type   |
|-------|--------|
| net   | number |

### Whole

| Field  | Type   |
|--------|--------|
| totals | Totals |

## Proposal

- state: Whole

| Section | Type |
|---------|------|
| Summary | text |

## Agents

### Clerk

- model: small

You read.

### Searcher

- model: small
- tools: web.search

You search.

### Chief

- model: small
- may delegate to: [Searcher](#searcher)

You lead.

## Steps

### From trusted

- agent: [Clerk](#clerk)
- uses: \`input.known\`

Say it again.

### From numbers

- agent: [Clerk](#clerk)
- uses: \`input.count\`

Say it in words.

### From mail

- agent: [Clerk](#clerk)
- uses: \`input.mail\`
- gives: Line

What does it say?

### From tools

- agent: [Searcher](#searcher)
- uses: \`input.known\`

Search.

### From delegates

- agent: [Chief](#chief)
- uses: \`input.known\`

Let them search.

### Ask

- approve: manager

### Task

- person: manager
- gives: Line

Fill it in.

### Passes

- repeat: at most 3 times until \`draft.own == "done"\`

#### Draft

- agent: [Clerk](#clerk)
- uses: \`input.known\`, \`previous.look.words\` as before
- gives: Line

Write it.

#### Look

- set:
  - words: \`draft.words\`
  - own: \`input.known\`

### Each line

- for each: line in \`input.lines\`

#### Take

- set:
  - own: \`line.own\`
  - words: \`line.words\`
  - kind: \`line.kind\`

### Outside

- run: [Other](other.md)

### Summary

- agent: [Clerk](#clerk)
- uses: \`input.known\`
- section: Summary

Sum it up.

### Price

- set:
  - net: \`input.count\`
- state: totals

### Made

- set:
  - own: \`input.mail\`
- gives: Made
`;

const { graph, diagnostics } = compile(document);
if (!graph) throw new Error(JSON.stringify(diagnostics));
const sources = new TextSources(graph);
const from = (expr: string, reader?: string) =>
  sources.of(expr, reader).map((one) => ('input' in one ? `input.${one.input}` : one.step));

describe('untrusted text comes', () => {
  test.each<[string, string, string[]]>([
    ['from an input that is marked', 'input.mail', ['input.mail']],
    ['from no number', 'input.count', []],
    ['from no input that is not marked', 'input.known', []],
    ['from a field that is marked', 'input.lines[0].words', ['input.lines']],
    ['from no field beside it', 'input.lines[0].own', []],
    ['from no word of a list', 'input.lines[0].kind', []],
    ['through +', '"a" + input.mail', ['input.mail']],
    ['through no comparison', 'input.mail == "a" ? "b" : "c"', []],
    ['through either side of a condition', 'input.count > 1 ? input.known : input.mail', ['input.mail']],
    ['through no length', 'string(size(input.mail))', []],
    ['through map', 'input.lines.map(l, l.words)', ['input.lines']],
    ['through map by no other field', 'input.lines.map(l, l.own)', []],
    ['through records', '{"a": input.known, "b": [input.mail]}', ['input.mail']],
    ['from an agent that reads it', 'from_mail.own', ['input.mail']],
    ['from no word of a list that the agent chose', 'from_mail.kind', []],
    ['from no agent that reads what is trusted', 'from_trusted', []],
    ['from no agent that reads numbers', 'from_numbers', []],
    ['from an agent that has tools', 'from_tools', ['from_tools']],
    ['from an agent that may let one with tools work', 'from_delegates', ['from_delegates']],
    ['from the comment at a gate', 'ask.comment', ['ask']],
    ['from no action at a gate', 'ask.action', []],
    ['from what a person filled in', 'task.words', ['task']],
    ['out of a repeat', 'passes.look.words', []],
    ['out of a loop', 'each_line[0].take.words', ['input.lines']],
    ['out of a loop by no other field', 'each_line[0].take.own', []],
    ['out of all of a loop', 'each_line', ['input.lines']],
    ['from a document that is not known', 'outside.answer', ['outside']],
    ['from what people may have edited in the proposal', 'summary', ['summary']],
    ['from no number that they edited', 'price', []],
    ['through a part of a record', '{"a": input.mail, "b": input.known}.a', ['input.mail']],
    ['through no other part of it', '{"a": input.mail, "b": input.known}.b', []],
    ['through an item of a list', '[input.known, input.mail][0]', ['input.mail']],
    ['through what map makes of it', 'input.lines.map(l, {"a": [l.words], "b": l.own})[0].a[0]', ['input.lines']],
    ['through no other part of what map makes', 'input.lines.map(l, {"a": [l.words], "b": l.own})[0].b', []],
    ['through a computed field', 'made.shouted', ['input.mail']],
    ['through no computed field that reads another', 'made.known', []],
  ])('%s: %s', (_, expr, expected) => {
    expect(from(expr)).toEqual(expected);
  });

  test('from feedback and proposals, to whoever reads them', () => {
    expect(from('feedback.comment', 'from_mail')).toEqual(['from_mail']);
    expect(from('proposal.state', 'from_mail')).toEqual(['from_mail']);
  });

  test('from the item of a loop, as its list does', () => {
    expect(from('line.words', 'take')).toEqual(['input.lines']);
    expect(from('line.own', 'take')).toEqual([]);
  });

  test('out of a document that is run, as far as its arguments and its own steps bring it', () => {
    const inner = `# Other

## Inputs

| Name | Type |
|------|------|
| a    | text |
| b    | text |

## Steps

### Fetch

- tool: web.search

### Answer

- set:
  - a: \`input.a\`

## Result

| Name | Type     | Value            |
|------|----------|------------------|
| a    | text     | \`answer.a\`     |
| b    | text     | \`input.b\`      |
| web  | anything | \`fetch\`        |
`;
    const outer = `# Outer

## Inputs

| Name | Type | Rule      |
|------|------|-----------|
| mail | text | untrusted |

## Steps

### Inner

- run: [Other](other.md)
- with:
  - a: \`input.mail\`
  - b: \`"b"\`
`;
    const other = compile(inner);
    if (!other.graph || other.hash === undefined) throw new Error(JSON.stringify(other.diagnostics));
    const known = new Map([['other.md', { graph: other.graph, hash: other.hash, receipt: other.receipt }]]);
    const compiled = compile(outer, { surroundings: { documents: known } });
    if (!compiled.graph) throw new Error(JSON.stringify(compiled.diagnostics));
    const within = new TextSources(compiled.graph, { documents: new Map([['inner', other.graph]]) });
    expect(within.of('inner.a')).toEqual([{ step: 'inner' }]);
    expect(within.of('inner.b')).toEqual([]);
    expect(within.of('inner.web')).toEqual([{ step: 'inner' }]);
  });
});
