import { describe, expect, it } from 'vitest';
import { documentOutline } from './document-outline.ts';
import type { Found } from './look-at.ts';
import { lookAt } from './look-at.ts';
import { atCursor, claim } from './testing/cursor.ts';

function look(marked: string): { text: string; found: Found | undefined } {
  const { text, analysis, point } = atCursor(marked);
  return { text, found: lookAt(analysis, point) };
}

/** The word pointed at, and the line of its declaration. */
function words(marked: string): [word: string, declaration: string] | undefined {
  const { text, found } = look(marked);
  if (!found) return undefined;
  const { span, declaredAt } = found;
  const lineEnd = declaredAt && text.indexOf('\n', declaredAt.start);
  return [text.slice(span.start, span.end), declaredAt ? text.slice(declaredAt.start, lineEnd) : 'nowhere'];
}

describe('a word leads to where it is declared', () => {
  it.each([
    [
      '- after: [Read the re¦ceipt](#read-the-receipt)',
      '[Read the receipt](#read-the-receipt)',
      '### Read the receipt',
    ],
    ['- after: [Read](#read-the%2Drec¦eipt)', '[Read](#read-the%2Dreceipt)', '### Read the receipt'],
    ['- agent: [Accountant](#accou¦ntant)', '[Accountant](#accountant)', '### Accountant'],
    ['- when: `read_the_rec¦eipt.amount > 5`', 'read_the_receipt', '### Read the receipt'],
    ['- when: `read_the_receipt.amo¦unt > 5`', 'amount', 'amount | number |                                      |'],
    ['- when: `read_the_receipt.line.wh¦at == ""`', 'what', 'what  | text   |'],
    ['- when: `inp¦ut.claimed > 5`', 'input', '## Inputs'],
    ['- when: `¦input.claimed > 5`', 'input', '## Inputs'],
    ['- when: `input.claim¦ed > 5`', 'claimed', 'claimed  | number       | at least 0 | the claim   |'],
    ['- when: `input.claim¦ed > `', 'claimed', 'claimed  | number       | at least 0 | the claim   |'],
    ['- gives: Rec¦eipt', 'Receipt', '### Receipt'],
    ['- gives: list of rec¦eipt', 'receipt', '### Receipt'],
    ['- set:\n  - a: `1`\n\n### Later\n- when: `pay.¦a > 1`\n- tool: x', 'a', 'a: `1`'],
    [
      '- tool: x\n- gives: Receipt\n- check: `output.sh¦op != ""`',
      'shop',
      'shop   | text   | length at least 1                    |',
    ],
  ])('%s', (lines, word, declaration) => {
    expect(words(claim(...lines.split('\n')))).toEqual([word, declaration]);
  });

  it('in a column of types', () => {
    expect(words(claim().replace('list of Line', 'list of L¦ine'))).toEqual(['Line', '### Line']);
  });

  it.each([
    ['- when: `input.claimed > ¦5`'],
    ['- when: `input.claimant == "read_the_¦receipt"`'],
    ['- when: `input.nothing.he¦re`'],
    ['- gives: Noth¦ing'],
    ['- after: [There](oth¦er.md#there)'],
    ['- after: [There](#nowh¦ere)'],
    ['- tool: x\n\nRead `in¦put.claimed`.'],
    ['- tool: x\n\nRece¦ipt'],
    ['- nonse¦nse: x'],
    ['¦- tool: x'],
  ])('and nothing is said of %j', (lines) => {
    expect(look(claim(...lines.split('\n'))).found).toBeUndefined();
  });
});

describe('a description', () => {
  const describe = (...lines: string[]) => look(claim(...lines)).found?.description;

  it('of a step says its kind and what it gives', () => {
    expect(describe('- after: [R¦ead](#read-the-receipt)')).toBe(
      [
        ...['**Read the receipt**: agent step `read_the_receipt`', '', 'Gives Receipt:', ''],
        ...['- `shop`: text, length at least 1', '- `amount`: number', '- `line`: Line, optional'],
      ].join('\n'),
    );
  });

  it('of a choose says nothing about what it gives', () => {
    expect(
      describe('- choose:', '  - otherwise: [Read the receipt](#read-the-receipt)', '', '### A¦B', '- tool: x'),
    ).toBe('**AB**: tool step `ab`\n\nGives anything');
    expect(look(claim('- choose:').replace('### Pay', '### P¦ay')).found?.description).toBe(
      '**Pay**: choose step `pay`',
    );
  });

  it('of an agent says its model and tools', () => {
    expect(describe('- agent: [A¦](#accountant)')).toBe(
      '**Accountant**: agent\n\n- model: small\n- tools: `policy.lookup`, `policy.list`',
    );
  });

  it('of a field says its type, rules and meaning', () => {
    expect(describe('- when: `input.claim¦ed > 5`')).toBe('`claimed`: number, at least 0. the claim');
    expect(describe('- when: `read_the_receipt.li¦ne.what == ""`')).toBe(
      '`line`: Line, optional\n\nLine:\n\n- `what`: text',
    );
  });

  it('of a setting says what it means, how it is written, and where it is not read', () => {
    expect(describe('- tool: x', '- time¦out: 1 minute')).toBe(
      '**timeout**: The longest that one call of a model or tool may take, at most 4 minutes. Unsaid: 30 seconds.\n\n```markdown\n- timeout: 1 minute\n```',
    );
    expect(describe('- tool: x', '- sh¦ow: `input.claimed`')).toContain('\n\nNot read on a step of the kind tool.\n\n');
  });

  it('of a simple type says what its values are', () => {
    expect(describe('- tool: x', '- gives: yes/¦no')).toBe('yes/no: yes or no; `true` or `false` in expressions');
  });

  it('shows the words of authors as they are, also those that are Markdown', () => {
    expect(look(claim().replace('### Pay', '### P¦ay <b>*it*</b>')).found?.description).toMatch(
      /^\*\*Pay \\<b\\>\\\*it\\\*\\<\/b\\>\*\*/,
    );
  });
});

describe('the outline', () => {
  it('holds every heading under the one above it', () => {
    const { analysis, text } = atCursor(`${claim('- tool: x')}¦`);
    const [root, ...more] = documentOutline(analysis);
    expect(more).toEqual([]);
    expect([root?.name, root?.span]).toEqual(['Claim', { start: 0, end: text.length }]);
    expect(
      root?.children.map((one) => [one.name, one.thing, ...one.children.map((child) => [child.name, child.detail])]),
    ).toEqual([
      ['Inputs', 'section'],
      ['Types', 'section', ['Receipt', undefined], ['Line', undefined]],
      ['Agents', 'section', ['Accountant', 'small']],
      [
        ...['Steps', 'section'],
        ...[
          ['Read the receipt', 'agent, read_the_receipt'],
          ['Manager approves', 'approve, manager_approves'],
        ],
        ['Pay', 'tool, pay'],
      ],
    ]);
    const types = root?.children[1];
    expect(text.slice(types?.span.start, types?.span.end)).toMatch(/^## Types[\s\S]*\| text {3}\|\n\n$/);
  });

  it('is empty of a text that cannot be read', () => {
    expect(documentOutline(atCursor(`# A\n${'> '.repeat(40)}¦`).analysis)).toEqual([]);
  });

  it('puts the steps of a container under it', () => {
    const { analysis } = atCursor(
      '# A\n\n## Steps\n\n### B\n- steps: in order\n\n#### C\n- tool: x\n\n### D\n- tool: y¦\n',
    );
    const steps = documentOutline(analysis)[0]?.children[0]?.children ?? [];
    expect(steps.map((one) => [one.name, one.detail, one.children.map((inner) => inner.detail)])).toEqual([
      ['B', 'steps, b', ['tool, c']],
      ['D', 'tool, d', []],
    ]);
  });
});

describe('in a list of fields and in JSON Schema', () => {
  const document = (fields: string) =>
    `# A\n\n## Types\n### Line\n- what: text\n- price: record\n  - net: number\n  - gross: number, computed \`this.net * 2\` — net twice\n\n### Receipt\n${fields}\n\n## Steps\n### Read\n- tool: x\n- gives: Receipt\n- check: \`output.line.price.net > 0\`\n`;

  it.each([
    ['a name is a field', document('- line: Line').replace('- li', '- li¦'), 'line', 'line: Line'],
    ['a type is where it is declared', document('- line: Li¦ne — what was bought'), 'Line', '### Line'],
    ['this is the record around it', document('- line: Line').replace('this.net', 'this.n¦et'), 'net', 'net: number'],
    ['a read leads into a list', document('- line: Line').replace('price.net', 'price.n¦et'), 'net', 'net: number'],
    [
      'a read leads into a schema',
      document('```json schema\n{"type": "object", "properties": {\n"line": {}}}\n```').replace(
        'output.line',
        'output.li¦ne',
      ),
      'line',
      '"line": {}}}',
    ],
  ])('%s', (_, marked, word, declaration) => {
    expect(words(marked)).toEqual([word, declaration]);
  });

  it('nothing is known of the words of what a field means', () => {
    expect(words(document('- line: Line — a te¦xt'))).toBeUndefined();
  });
});
