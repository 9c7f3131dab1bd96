import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { plannedConfiguration, plannedDocument } from '../compiler/testing/planned-document.ts';
import { runInProcess } from './testing/scripted-world.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'waymark-plan-'));
  writeFileSync(join(folder, 'document.md'), plannedDocument);
  writeFileSync(join(folder, 'waymark.config.json'), JSON.stringify(plannedConfiguration));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const plan = (...args: string[]) => runInProcess(['plan', '.', ...args], { cwd: folder });
const expected = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');

test('without an input every condition is open, and lists have the length that their rule allows', async () => {
  expect(await plan()).toEqual({ code: 0, stdout: expected('plan-without-input.txt'), stderr: '' });
});

test('an input decides the branches that read it alone, and what is not reached costs nothing', async () => {
  const input = JSON.stringify({ wish: 'a bolt', large: false, parts: ['a', 'b'] });
  expect(await plan('--input', input)).toEqual({ code: 0, stdout: expected('plan-with-input.txt'), stderr: '' });
});

test('an input that does not fit is told by names, the plan is shown as without one, and the exit code is 1', async () => {
  writeFileSync(join(folder, 'input.json'), '{"wish": 7, "more": 1}');
  const { code, stdout } = await plan();
  expect(code).toBe(1);
  const without = 'None was given, so no condition is decided by it. Give one with --input.';
  const told = [
    'parts: Unexpected missing value, expected a list',
    'more: Unexpected field, expected only the fields wish, large, parts',
    'wish: Unexpected number, expected text',
  ];
  expect(stdout).toBe(expected('plan-without-input.txt').replace(without, told.join('\n')));
});

test('--json gives the same to machines', async () => {
  const { code, stdout } = await plan('--json', '--input', '{"wish": "a", "parts": []}');
  expect(code).toBe(0);
  const { input, layers, writes, total } = JSON.parse(stdout);
  expect(input).toEqual({ given: true, violations: [] });
  expect(layers.map((layer: { id: string }[]) => layer.map((step) => step.id))).toEqual([
    ['look_for_prices'],
    ['large'],
    ['director_agrees'],
    ['place_it'],
    ['follow_up'],
    ['file_the_parts'],
  ]);
  expect(writes).toEqual([
    { step: 'place_it', tools: ['orders.place'], known: true, guards: ['director_agrees', 'approval of clerk'] },
    { step: 'file_the_parts', tools: ['files.store'], known: true, guards: ['director_agrees'] },
  ]);
  expect(total.calls).toEqual({ once: 2, most: 7 });
  expect(total.budget).toEqual({ tokens: 50000, usd: 2 });
});

test('a document with mistakes has no plan: they are on stderr', async () => {
  writeFileSync(join(folder, 'document.md'), plannedDocument.replace('model: small', 'model: huge'));
  const { code, stdout, stderr } = await plan();
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/error\[unknown-model\]/);
});

test('wrong arguments are told, and nothing is planned', async () => {
  const broken = await plan('--input', '{"wish": ');
  expect([broken.code, broken.stdout, broken.stderr.startsWith('--input is not JSON: ')]).toEqual([2, '', true]);
  expect(await plan('--input', 'none.json')).toEqual({
    code: 2,
    stdout: '',
    stderr: 'none.json cannot be read: there is no such file.\n',
  });
  expect((await plan('--inputs', 'x')).code).toBe(2);
  expect(await runInProcess(['plan', '-', '--input', '-'], { cwd: folder })).toMatchObject({ code: 2, stdout: '' });
});
