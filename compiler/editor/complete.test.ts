import { describe, expect, it } from 'vitest';
import { compile } from '../compile.ts';
import { settingNames } from '../passes/setting-names.ts';
import { stepKinds, stepSettings } from '../passes/step-settings.ts';
import { complete } from './complete.ts';
import { settingMeanings, settingsHere } from './setting-meanings.ts';
import type { Edited } from './testing/cursor.ts';
import { atCursor, claim } from './testing/cursor.ts';

const offers = ({ analysis, point }: Edited) => complete(analysis, point);
const labels = (marked: string): string[] => offers(atCursor(marked)).map((one) => one.label);

/** The line of the cursor after the completion with this label was taken. */
function taken(marked: string, label: string): string {
  const edited = atCursor(marked);
  const found = offers(edited).find((one) => one.label === label);
  const line = edited.text.split('\n')[edited.point.line - 1] ?? '';
  return found ? line.slice(0, found.from - 1) + found.text + line.slice(edited.point.column - 1) : 'not offered';
}

describe('names of settings', () => {
  it('are those of the kind of the step, without those that it has', () => {
    const expected = [...stepSettings.tool.keys()].filter((name) => name !== 'tool' && name !== 'gives');
    expect(labels(claim('- tool: payments.transfer', '- ¦', '- gives: Receipt'))).toEqual(expected);
  });

  it('are the kinds and what every kind reads, where no kind is said', () => {
    expect(labels(claim('- ¦'))).toEqual([...stepKinds, 'id', 'after', 'when', 'then']);
  });

  it('are offered with what stands after them untouched, and a space only before a value on the line', () => {
    expect(taken(claim('- tool: x', '- us¦'), 'uses')).toBe('- uses: ');
    expect(taken(claim('- tool: x', '- wi¦'), 'with')).toBe('- with:');
  });

  it.each([
    ['# Claim\n- ¦\n\n## Steps\n', ['id', 'dialect', 'owner', 'budget']],
    ['# Claim\n\n## Proposal\n- ¦\n\n## Steps\n', ['state', 'owner']],
    [claim().replace('- model: small', '- ¦'), ['model', 'may delegate to', 'budget', 'id']],
    [claim('Some words.', '', '- ¦'), []],
    ['# Claim\n\n## Notes\n- ¦\n', []],
    [claim().replace('### Receipt\n', '### Receipt\n- ¦\n'), []],
    ['no heading\n- ¦\n', []],
  ])('fit the place: %#', (marked, expected) => {
    expect(labels(marked)).toEqual(expected);
  });

  it('are all explained, and nothing else is', () => {
    expect([...settingMeanings.keys()].sort()).toEqual([...settingNames].sort());
  });

  it.each([
    ['document' as const, '# A\n- agent: x\n\n## Steps\n### B\n- set:\n  - c: `1`\n'],
    [
      'proposal' as const,
      '# A\n\n## Proposal\n- gives: text\n- state: map of text\n\n## Steps\n### C\n- set:\n  - c: `1`\n',
    ],
    ['agent' as const, '# A\n\n## Agents\n### B\n- gives: text\n- model: x\n\n## Steps\n### C\n- set:\n  - c: `1`\n'],
  ])('of the %s are those that the compiler expects there', (place, document) => {
    const [message] = compile(document).diagnostics.filter((one) => one.code === 'setting-not-here');
    expect(message?.message).toMatch(new RegExp(`, expected one of ${settingsHere(place, undefined).join(', ')}$`));
  });
});

describe('links', () => {
  it.each([
    ['- agent: ¦', 'Accountant', '- agent: [Accountant](#accountant)'],
    ['- agent: [Acc¦', 'Accountant', '- agent: [Accountant](#accountant)'],
    ['- agent: [Accountant](#acc¦)', 'Accountant', '- agent: [Accountant](#accountant)'],
    ['- after: Rea¦', 'Read the receipt', '- after: [Read the receipt](#read-the-receipt)'],
    [
      '- after: [Read the receipt](#read-the-receipt), m¦',
      'Manager approves',
      '- after: [Read the receipt](#read-the-receipt), [Manager approves](#manager-approves)',
    ],
    ['- tool: x\n- uses: [Read¦', 'Read the receipt', '- uses: [Read the receipt](#read-the-receipt)'],
    ['- choose:\n  - `true`: ¦', 'Manager approves', '  - `true`: [Manager approves](#manager-approves)'],
    ['- choose:\n  - other¦', 'otherwise', '  - otherwise'],
    ['- after:\n  - ¦', 'Manager approves', '  - [Manager approves](#manager-approves)'],
    ['- set:\n- gives: [Rec¦', 'Receipt', '- gives: [Receipt](#receipt)'],
    ['- approve: manager\n- due: 1 day\n- if overdue: ask m¦', 'manager', '- if overdue: ask manager'],
    ['- approve: clerk or ma¦', 'manager', '- approve: clerk or manager'],
  ])('%s', (line, label, expected) => {
    expect(taken(claim(...line.split('\n')), label)).toBe(expected);
  });

  it('name the steps before this one first, the nearest first, and never the step itself', () => {
    expect(labels(claim('- tool: x', '- uses: [¦'))).toEqual(['Manager approves', 'Read the receipt']);
    const first = claim('- tool: x').replace('- gives: Receipt', '- after: [¦');
    expect(labels(first)).toEqual(['Manager approves', 'Pay']);
  });

  it('lead to agents only where an agent is meant', () => {
    expect(labels(claim('- agent: [¦'))).toEqual(['Accountant']);
  });
});

describe('types', () => {
  const simple = [
    'text',
    'number',
    'integer',
    'yes/no',
    'date',
    'time',
    'url',
    'anything',
    'list of',
    'map of',
    'one of',
  ];

  it('are offered in gives and in the columns of types', () => {
    expect(labels(claim('- tool: x', '- gives: ¦'))).toEqual(['Receipt', 'Line', ...simple]);
    expect(labels(claim().replace('| claimant | text ', '| claimant | ¦ '))).toEqual(['Receipt', 'Line', ...simple]);
    expect(labels(claim().replace('| claimant | text ', '| cl¦ | text '))).toEqual([]);
  });

  it.each([
    ['- gives: list of R¦', 'Receipt', '- gives: list of Receipt'],
    ['- gives: text or R¦', 'Receipt', '- gives: text or Receipt'],
    ['- gives: Re¦', 'Receipt', '- gives: Receipt'],
    ['- gives: ¦', 'list of', '- gives: list of '],
    ['- gives: one of a, R¦', 'Receipt', 'not offered'],
  ])('%s', (line, label, expected) => {
    expect(taken(claim('- tool: x', line), label)).toBe(expected);
  });
});

describe('words', () => {
  it.each([
    ['- tool: x\n- then: ¦', ['end']],
    ['- approve: ¦', ['manager']],
    ['- approve: manager\n- due: 1 day\n- if overdue: ask ¦', ['manager']],
    ['- approve: manager\n- not by: ¦', ['requester', 'contributors']],
    ['- approve: manager\n- actions: approve, ¦', ['approve', 'reject', 'request changes to']],
    ['- approve: manager\n- actions:\n  - approve: ¦', ['Manager approves', 'Read the receipt', 'continue', 'end']],
    ['- approve: manager\n- share: ¦', ['handoff', 'reviewer']],
    ['- agent: [Accountant](#accountant)\n- tools: ¦', ['policy.lookup', 'policy.list', 'none']],
    ['- tool: ¦', ['policy.lookup', 'policy.list']],
    ['- approve: manager\n- tools: ¦', []],
    ['- agent: [Accountant](#accountant) ¦', []],
    ['- nonsense: ¦', []],
  ])('%s', (line, expected) => {
    expect(labels(claim(...line.split('\n')))).toEqual(expected);
  });
});

describe('places of the proposal', () => {
  const proposed = (line: string) =>
    claim('- tool: x', line).replace(
      '## Agents',
      '## Proposal\n- state: Receipt\n\n| Section | Type | Owner |\n|---|---|---|\n| What we pay | text | sales |\n\n## Agents',
    );

  it.each([
    ['- section: ¦', ['What we pay']],
    ['- state: ¦', ['shop', 'amount', 'line']],
    ['- state: line.¦', ['line.what']],
    ['- requires approval: ¦', ['manager', 'sales']],
  ])('%s', (line, expected) => {
    expect(labels(proposed(line))).toEqual(expected);
  });

  it('are types in the settings of the proposal itself', () => {
    expect(labels('# A\n\n## Proposal\n- state: te¦\n\n## Steps\n')).toContain('text');
  });
});

describe('in containers', () => {
  const nested = (line: string, heading = '#### Inner') =>
    claim(
      '- for each: part in `input.lines`',
      '',
      '#### First',
      '',
      '- set:',
      '  - n: `1`',
      '',
      heading,
      '',
      '- tool: x',
      line,
    );

  it.each([
    ['- when: `¦', ['part', 'input', 'first', 'manager_approves', 'read_the_receipt']],
    ['- uses: [¦', ['First', 'Manager approves', 'Read the receipt']],
    ['- after: [¦', ['First']],
  ])('%s', (line, expected) => {
    expect(labels(nested(line)).slice(0, 5)).toEqual(expected);
  });

  it('lead past their steps from outside', () => {
    expect(labels(nested('- after: [¦', '### Outer'))).not.toContain('First');
    expect(labels(nested('- when: `¦', '### Outer'))).not.toContain('part');
  });

  it('offer an agent or a tool beside for each', () => {
    expect(labels(claim('- for each: part in `input.lines`', '- ¦')).slice(0, 3)).toEqual(['agent', 'tool', 'key']);
  });
});

describe('inside expressions', () => {
  const functions = ['has', 'size', 'sum', 'contains', 'startsWith', 'endsWith', 'string', 'double', 'int'];

  it.each([
    ['- when: `¦', ['input', 'manager_approves', 'read_the_receipt', ...functions]],
    ['- when: `input.¦', ['claimed', 'claimant', 'lines']],
    ['- when: `input.cl¦`', ['claimed', 'claimant', 'lines']],
    ['- when: `read_the_receipt.amount > input.¦`', ['claimed', 'claimant', 'lines']],
    ['- when: `read_the_receipt.line.¦`', ['what']],
    ['- when: `manager_approves.¦`', ['action', 'comment', 'form', 'by']],
    ['- when: `nobody.¦`', []],
    ['- when: `input.claimant == "¦"`', []],
    ['- when: `1.¦', []],
    ['- with:\n  - to: `input.¦', ['claimed', 'claimant', 'lines']],
    ['- gives: Receipt\n- check: `output.¦', ['shop', 'amount', 'line']],
    ['- when: `output.¦', []],
  ])('%s', (line, expected) => {
    expect(labels(claim('- tool: x', ...line.split('\n')))).toEqual(expected);
  });

  it('of a rule are the fields of the record', () => {
    const marked = claim().replace('| amount | number |  ', '| amount | number | computed `this.¦');
    expect(labels(marked)).toEqual(['shop', 'amount', 'line']);
  });

  it('of the Result are what steps gave', () => {
    const marked = `${claim('- tool: x')}\n## Result\n| Name | Type | Value |\n|---|---|---|\n| paid | number | \`read_the_receipt.¦\` |\n`;
    expect(labels(marked)).toEqual(['shop', 'amount', 'line']);
  });

  it('are not offered in prose', () => {
    expect(labels(claim('- tool: x', '', 'Take `input.¦`'))).toEqual([]);
  });

  it('whole values are offered as inline code', () => {
    expect(taken(claim('- tool: x', '- with:', '  - to: ¦'), 'input.claimant')).toBe('  - to: `input.claimant`');
    expect(taken(claim('- tool: x', '- uses: ¦'), 'read_the_receipt')).toBe('- uses: `read_the_receipt`');
  });
});

it('answers wherever the cursor stands, also in a document that breaks off there', () => {
  const whole = claim('- tool: x', '- with:', '  - to: `input.claimant`', '', 'Prose.');
  for (let at = 0; at <= whole.length; at += 7) {
    for (const marked of [`${whole.slice(0, at)}¦${whole.slice(at)}`, `${whole.slice(0, at)}¦`]) {
      const edited = atCursor(marked);
      const typed = (edited.text.split('\n')[edited.point.line - 1] ?? '').slice(0, edited.point.column - 1);
      for (const one of offers(edited)) expect(one.from - 1).toBeLessThanOrEqual(typed.length);
    }
  }
});

describe('in a list of fields', () => {
  const document = (field: string) =>
    `# A\n\n## Types\n### Line\n- net: number\n${field}\n\n## Steps\n### S\n- tool: x\n`;

  it.each([['- what: li¦'], ['- what:\n  - of: li¦'], ['- what: list of li¦']])('%s is a type', (field) => {
    expect(labels(document(field))).toEqual(expect.arrayContaining(['Line', 'text', 'yes/no', 'list of', 'one of']));
    expect(taken(document(field), 'Line').endsWith(field.includes('list') ? 'list of Line' : ': Line')).toBe(true);
  });

  it('rules read the record that the field is part of', () => {
    expect(labels(document('- gross: number, computed `this.¦`'))).toEqual(['net', 'gross']);
  });

  it('nothing is offered for names and rules in words', () => {
    expect(labels(document('- ¦'))).toEqual([]);
    expect(labels(document('- what: text, ¦'))).toEqual([]);
  });
});
