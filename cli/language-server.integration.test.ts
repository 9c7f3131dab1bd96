/** The language server as an editor meets it: a process, and JSON-RPC on its stdin and stdout. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type {
  CompletionItem,
  DocumentSymbol,
  Hover,
  InitializeResult,
  Location,
  PublishDiagnosticsParams,
} from 'vscode-languageserver';
import type { MessageConnection } from 'vscode-languageserver/node';
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from 'vscode-languageserver/node';

const checkout = join(import.meta.dirname, '..');
const expense = readFileSync(join(checkout, 'examples/expense-approval/document.md'), 'utf8');
const uri = 'file:///work/claim.md';

let server: ChildProcessWithoutNullStreams;
let editor: MessageConnection;
let complaints = '';
const published: PublishDiagnosticsParams[] = [];
let heard: (() => void) | undefined;

beforeEach(async () => {
  complaints = '';
  published.length = 0;
  server = spawn(join(checkout, 'node_modules/.bin/node'), ['cli/waymark.mjs', 'lsp', '--stdio'], { cwd: checkout });
  server.stderr.on('data', (chunk) => {
    complaints += chunk;
  });
  editor = createMessageConnection(new StreamMessageReader(server.stdout), new StreamMessageWriter(server.stdin));
  editor.onNotification('textDocument/publishDiagnostics', (params: PublishDiagnosticsParams) => {
    published.push(params);
    heard?.();
  });
  editor.listen();
});

afterEach(() => {
  editor.dispose();
  server.kill('SIGKILL');
});

async function initialize(relatedInformation = true): Promise<InitializeResult> {
  const capabilities = { textDocument: { publishDiagnostics: { relatedInformation } } };
  const result: InitializeResult = await editor.sendRequest('initialize', {
    processId: process.pid,
    rootUri: null,
    capabilities,
  });
  await editor.sendNotification('initialized', {});
  return result;
}

async function open(text: string): Promise<void> {
  const textDocument = { uri, languageId: 'markdown', version: 1, text };
  await editor.sendNotification('textDocument/didOpen', { textDocument });
}

/** Replaces `old` in `text` as an editor does, and gives the new text. */
async function type(text: string, old: string, by: string, version: number): Promise<string> {
  const at = text.indexOf(old);
  const range = { start: positionOf(text, at), end: positionOf(text, at + old.length) };
  const contentChanges = [{ range, text: by }];
  await editor.sendNotification('textDocument/didChange', { textDocument: { uri, version }, contentChanges });
  return text.replace(old, by);
}

function changeTo(text: string, version: number): string {
  const params = { textDocument: { uri, version }, contentChanges: [{ text }] };
  const message = JSON.stringify({ jsonrpc: '2.0', method: 'textDocument/didChange', params });
  return `Content-Length: ${Buffer.byteLength(message)}\r\n\r\n${message}`;
}

function positionOf(text: string, offset: number): { line: number; character: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length - 1, character: before.at(-1)?.length ?? 0 };
}

function at(
  text: string,
  word: string,
  into = 0,
): { textDocument: { uri: string }; position: ReturnType<typeof positionOf> } {
  return { textDocument: { uri }, position: positionOf(text, text.indexOf(word) + into) };
}

/** The diagnostics of a version, once they come. */
async function diagnosticsOf(version: number): Promise<PublishDiagnosticsParams['diagnostics']> {
  for (;;) {
    const found = published.find((one) => one.version === version);
    if (found) return found.diagnostics;
    await new Promise<void>((resolve) => {
      heard = resolve;
    });
  }
}

describe('waymark lsp', () => {
  it('says what it can do, and ends with 0 when the editor has shut it down', async () => {
    const { serverInfo, capabilities } = await initialize();
    expect(serverInfo?.name).toBe('waymark');
    expect(capabilities).toEqual({
      textDocumentSync: 2,
      completionProvider: { triggerCharacters: [' ', '[', '#', '`', '.', '|'] },
      hoverProvider: true,
      definitionProvider: true,
      documentSymbolProvider: true,
    });
    expect(await editor.sendRequest('shutdown')).toBeNull();
    const ended = once(server, 'exit');
    await editor.sendNotification('exit');
    expect([await ended, complaints]).toEqual([[0, null], '']);
  });

  it('ends when the editor is gone', async () => {
    await initialize();
    const ended = once(server, 'exit');
    server.stdin.end();
    expect(await ended).toEqual([1, null]);
  });

  it('sends diagnostics as the text is typed, with code and related places, and none when they are mended', async () => {
    await initialize();
    await open(expense);
    expect(await diagnosticsOf(1)).toEqual([]);
    const twice = await type(expense, '- retry: 3 times', '- retry: 3 times\n- retri: 3 times\n- gives: Receipt', 2);
    const line = positionOf(twice, twice.indexOf('- retri')).line;
    expect(await diagnosticsOf(2)).toEqual([
      expect.objectContaining({
        range: { start: { line, character: 2 }, end: { line, character: 7 } },
        severity: 1,
        code: 'unknown-setting',
        source: 'waymark',
        message: expect.stringMatching(
          /^Unexpected setting retri on an agent step, expected .* \(did you mean retry\?\)$/,
        ),
      }),
      {
        range: { start: { line: line + 1, character: 2 }, end: { line: line + 1, character: 7 } },
        severity: 1,
        code: 'repeated-setting',
        source: 'waymark',
        message: 'Unexpected second gives, expected it once',
        relatedInformation: [
          {
            location: {
              uri,
              range: { start: { line: line - 3, character: 2 }, end: { line: line - 3, character: 2 } },
            },
            message: 'the first is here',
          },
        ],
      },
    ]);
    await type(twice, '\n- retri: 3 times\n- gives: Receipt', '', 3);
    expect(await diagnosticsOf(3)).toEqual([]);
  });

  it('leaves related places out for an editor that does not take them', async () => {
    await initialize(false);
    await open(expense.replace('- retry: 3 times', '- retry: 3 times\n- gives: Receipt'));
    const [first] = await diagnosticsOf(1);
    expect([first?.code, first && 'relatedInformation' in first]).toEqual(['repeated-setting', false]);
  });

  it('answers many keys at once with the diagnostics of the last', async () => {
    await initialize();
    await open(expense);
    await diagnosticsOf(1);
    // In one piece, as a pipe delivers what was typed while the server was busy.
    const keys = Array.from({ length: 29 }, (_, index) => changeTo(`${expense}${'\n'.repeat(index)}`, index + 2));
    server.stdin.write(keys.join(''));
    expect(await diagnosticsOf(30)).toEqual([]);
    expect(published.length).toBeLessThan(30);
  });

  it('completes what is being typed before its diagnostics are due', async () => {
    await initialize();
    await open(expense);
    const text = await type(expense, '- retry: 3 times', '- uses: [Sum\n- retry: 3 times', 2);
    const items: CompletionItem[] = await editor.sendRequest('textDocument/completion', at(text, '[Sum', 4));
    const { line, character } = positionOf(text, text.indexOf('[Sum'));
    expect(items.find((one) => one.label === 'Sum up the claim')).toMatchObject({
      detail: 'set',
      filterText: '[Sum up the claim](#sum-up-the-claim)',
      documentation: { kind: 'markdown', value: expect.stringContaining('Gives a record:\n\n- `refused`: number') },
      textEdit: {
        range: { start: { line, character }, end: { line, character: character + 4 } },
        newText: '[Sum up the claim](#sum-up-the-claim)',
      },
    });
    const settings: CompletionItem[] = await editor.sendRequest('textDocument/completion', at(text, '- not by', 5));
    const ofGates = ['actions', 'not by', 'remind', 'due', 'if overdue', 'quorum', 'ask', 'share'];
    expect(settings.map((one) => one.label)).toEqual([...ofGates, 'id', 'after', 'when', 'then']);
  });

  it('describes the word under the cursor and leads to where it is declared', async () => {
    await initialize();
    await open(expense);
    const place = at(expense, '`read_the_receipt.amount > 500`', 20);
    const hover: Hover = await editor.sendRequest('textDocument/hover', place);
    expect(hover.contents).toEqual({
      kind: 'markdown',
      value: "`amount`: number, at least 0. the total, in the claim's money",
    });
    const definition: Location = await editor.sendRequest('textDocument/definition', place);
    const declared = positionOf(expense, expense.indexOf('amount   | number'));
    expect(definition).toEqual({
      uri,
      range: { start: declared, end: { ...declared, character: declared.character + 6 } },
    });
    expect(await editor.sendRequest('textDocument/hover', at(expense, 'You are careful'))).toBeNull();
    expect(await editor.sendRequest('textDocument/definition', at(expense, 'Extract what'))).toBeNull();
  });

  it('gives the outline', async () => {
    await initialize();
    await open(expense);
    const [root]: DocumentSymbol[] = await editor.sendRequest('textDocument/documentSymbol', { textDocument: { uri } });
    expect(root?.name).toBe('Expense approval');
    const steps = root?.children?.find((one) => one.name === 'Steps')?.children ?? [];
    expect(steps.map((one) => [one.name, one.detail])).toEqual([
      ['Read the receipt', 'agent, read_the_receipt'],
      ['Is it large?', 'choose, is_it_large'],
      ['Manager approves', 'approve, manager_approves'],
      ['Pay', 'tool, pay'],
      ['Sum up the claim', 'set, sum_up_the_claim'],
      ['Write to the claimant', 'agent, write_to_the_claimant'],
    ]);
  });

  it('leaves other Markdown alone, and clears what it said of a document that is closed', async () => {
    await initialize();
    await open('# Notes\n\n## Steps\n1. Install\n');
    expect(await diagnosticsOf(1)).toEqual([]);
    await editor.sendNotification('textDocument/didClose', { textDocument: { uri } });
    published.length = 0;
    await open('# A\n## Steps\n### B\n- agnt: x\n');
    expect((await diagnosticsOf(1)).map((one) => one.code)).toEqual(['unknown-setting']);
    await editor.sendNotification('textDocument/didClose', { textDocument: { uri } });
    await new Promise<void>((resolve) => {
      heard = resolve;
    });
    expect(published.at(-1)).toEqual({ uri, diagnostics: [] });
  });

  it('survives text that breaks off anywhere', async () => {
    await initialize();
    await open(expense);
    let version = 1;
    for (let length = expense.length; length > 0; length -= 400) {
      version += 1;
      const text = expense.slice(0, length);
      await editor.sendNotification('textDocument/didChange', {
        textDocument: { uri, version },
        contentChanges: [{ text }],
      });
      const place = { textDocument: { uri }, position: positionOf(text, length) };
      expect(Array.isArray(await editor.sendRequest('textDocument/completion', place))).toBe(true);
    }
    expect(complaints).toBe('');
  });
});
