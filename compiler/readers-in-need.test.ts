import { expect, test } from 'vitest';
import { compile } from './compile.ts';
import { readersInNeed } from './readers-in-need.ts';

function needing(step: string, steps: string, result = ''): string[] {
  const { graph, diagnostics } = compile(
    `# Claim\n\n## Agents\n### Clerk\n- model: small\n\nCareful.\n\n## Steps\n${steps}\n${result}`,
  );
  if (graph === undefined) throw new Error(JSON.stringify(diagnostics));
  return readersInNeed(graph, step);
}
const read = '### Read\n- agent: [Clerk](#clerk)\n\nRead it.\n';

test('a step that uses the output needs it, and one that uses it if it ran does not', () => {
  const steps = `${read}### Pay\n- agent: [Clerk](#clerk)\n- uses: [Read](#read)\n\nPay.\n### Tell\n- agent: [Clerk](#clerk)\n- uses: [Read](#read) if it ran\n\nTell.\n`;
  expect(needing('read', steps)).toEqual(['Pay']);
  expect(needing('pay', steps)).toEqual([]);
});

test('has() guards a read, in its own expression and in the when of its step', () => {
  const steps = `${read}### Pay\n- when: \`has(read)\`\n- set:\n  - what: \`read\`\n### Tell\n- set:\n  - what: \`has(read) ? read : "nothing"\`\n`;
  expect(needing('read', steps)).toEqual([]);
});

test('the Result needs what it reads', () => {
  const result = '## Result\n| Name | Type | Value |\n|---|---|---|\n| text | text | `read` |\n';
  expect(needing('read', read, result)).toEqual(['Result']);
});

test('a read through the container counts, and its own condition, too', () => {
  const steps = `### Build\n- repeat: at most 2 times until \`length(draft) > 3\`\n#### Draft\n- agent: [Clerk](#clerk)\n\nDraft.\n### Tell\n- set:\n  - what: \`build.draft\`\n`;
  expect(needing('draft', steps.replace('length(draft) > 3', 'draft == "x"'))).toEqual(['Build', 'Tell']);
});
