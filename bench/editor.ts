/**
 * The language server: from a key in a document of 1,000 lines to its diagnostics, over the real protocol. Each key goes to
 * another step of the document, adds a character or takes it away again, and waits for the answer to it.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from 'vscode-languageserver/node';
import { compile } from '../compiler/compile.ts';
import type { Row } from './report.ts';
import { median, percentile } from './report.ts';

const uri = 'file:///bench/document.md';
const lines = 1000;
const goalMs = 50;
/** Keys of one round. */
const keys = 20;

/** @param rounds how many rounds of keys are measured, after two that are not counted */
export async function benchEditor(rounds: number, progress: (line: string) => void): Promise<Row[]> {
  const text = documentOf(lines);
  const { diagnostics } = compile(text);
  if (diagnostics.length > 0)
    throw new Error(`the document of the benchmark has a mistake: ${diagnostics[0]?.message}`);
  const server = spawn(process.execPath, [fileURLToPath(new URL('../cli/waymark.mjs', import.meta.url)), 'lsp'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const editor = createMessageConnection(new StreamMessageReader(server.stdout), new StreamMessageWriter(server.stdin));
  const awaited = new Map<number, () => void>();
  editor.onNotification('textDocument/publishDiagnostics', ({ version }: { version: number }) =>
    awaited.get(version)?.(),
  );
  editor.listen();
  const answerTo = async (version: number, send: () => Promise<void>): Promise<number> => {
    const started = performance.now();
    const answered = new Promise<void>((resolve) => awaited.set(version, resolve));
    await send();
    await answered;
    return performance.now() - started;
  };
  try {
    await editor.sendRequest('initialize', { processId: process.pid, rootUri: null, capabilities: {} });
    await editor.sendNotification('initialized', {});
    const textDocument = { uri, languageId: 'markdown', version: 1, text };
    const openMs = await answerTo(1, () => editor.sendNotification('textDocument/didOpen', { textDocument }));
    const places = placesOf(text);
    const all: number[][] = [];
    let version = 1;
    for (let round = -1; round <= rounds; round += 1) {
      progress(`editor: round ${Math.max(round, 0)} of ${rounds}${round < 1 ? ' (warm-up)' : ''}`);
      const times: number[] = [];
      for (let key = 0; key < keys; key += 1) {
        version += 1;
        const place = places[(key >> 1) * Math.floor(places.length / keys)] ?? { line: 0, character: 0 };
        const typed = key % 2 === 0;
        const end = typed ? place : { ...place, character: place.character + 1 };
        const contentChanges = [{ range: { start: place, end }, text: typed ? 'x' : '' }];
        const params = { textDocument: { uri, version }, contentChanges };
        times.push(await answerTo(version, () => editor.sendNotification('textDocument/didChange', params)));
      }
      if (round > 0) all.push(times);
    }
    return [
      row('median', all.map(median), openMs),
      row(
        '95th of 100',
        all.map((times) => percentile(times, 0.95)),
        openMs,
      ),
    ];
  } finally {
    editor.dispose();
    server.kill();
  }
}

function row(name: string, perRound: readonly number[], openMs: number): Row {
  const ours = median(perRound);
  return {
    what: `editor, a key in ${lines} lines to diagnostics: ${name}`,
    ours: `${ours.toFixed(1)} ms`,
    baseline: `${goalMs} ms (goal)`,
    ratio: ours / goalMs,
    bar: 1,
    spread: [Math.min(...perRound) / goalMs, Math.max(...perRound) / goalMs],
    note: `opening it took ${openMs.toFixed(0)} ms`,
  };
}

/** The ends of prose lines and of settings, in turn. */
function placesOf(text: string): { line: number; character: number }[] {
  return text
    .split('\n')
    .flatMap((words, line) => (/^(Extract|- gives: )/.test(words) ? [{ line, character: words.length }] : []));
}

/** Steps of five settings and two lines of prose, each reading the one before it. */
function documentOf(length: number): string {
  const text = [
    ...['# Many receipts', '', '## Inputs', '| Name | Type |', '|---|---|', '| claimed | number |', ''],
    ...['## Types', '### Receipt', '| Field | Type | Rule |', '|---|---|---|'],
    ...['| merchant | text | length at least 1 |', '| amount | number | at least 0 |', ''],
    ...[
      '## Agents',
      '### Accountant',
      '- model: small',
      '- tools: policy.lookup',
      '',
      'You are careful.',
      '',
      '## Steps',
    ],
  ];
  for (let step = 1; text.length + 11 <= length; step += 1) {
    const before = step === 1 ? '' : `, [Read receipt ${step - 1}](#read-receipt-${step - 1})`;
    text.push(
      ...[`### Read receipt ${step}`, '- agent: [Accountant](#accountant)', `- uses: \`input.claimed\`${before}`],
      ...['- check: `output.amount <= input.claimed`', '- retry: 3 times', '- gives: Receipt', ''],
      'Extract what was bought, where and for how much. Look up the policy of the',
      ...['category you choose, and choose the one whose policy fits what was bought.', ''],
    );
  }
  while (text.length < length) text.push('');
  return `${text.slice(0, -1).join('\n')}\nend\n`;
}
