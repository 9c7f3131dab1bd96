import { readdir, readFile } from 'node:fs/promises';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import type { WorkflowBundle } from '@temporalio/worker';
import { Worker } from '@temporalio/worker';
import { beforeAll, expect, test } from 'vitest';
import { scenarios } from './testing/scenarios.ts';
import { bundleInterpreter, quietRuntime } from './testing/try-interpreter.ts';

const folder = new URL('./histories/', import.meta.url);

let workflowBundle: WorkflowBundle;
beforeAll(async () => {
  quietRuntime();
  workflowBundle = await bundleInterpreter();
});

async function replay(histories: Record<string, string>): Promise<Record<string, string>> {
  const all = Object.entries(histories).map(([workflowId, text]) => ({
    workflowId,
    history: historyFromJSON(JSON.parse(text)),
  }));
  const results: Record<string, string> = {};
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, all)) {
    results[workflowId] = error === undefined ? 'replayed' : error.name;
  }
  return results;
}

async function stored(): Promise<Record<string, string>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json'));
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, folder), 'utf8')));
  return Object.fromEntries(files.map((file, index) => [file.slice(0, -'.json'.length), texts[index] ?? '']));
}

test('every stored history replays, and there is one of every scenario', async () => {
  const histories = await stored();
  expect(Object.keys(histories)).toEqual(expect.arrayContaining(Object.keys(scenarios)));
  expect(await replay(histories)).toEqual(Object.fromEntries(Object.keys(histories).map((name) => [name, 'replayed'])));
});

test('a history that the interpreter would not have written does not replay', async () => {
  const { 'gate-approved': text = '' } = await stored();
  const tampered = {
    'another activity': text.replaceAll('"runToolStep"', '"runAgentStep"'),
    'another name': text.replaceAll('"activityId": "pay"', '"activityId": "paid"'),
    'no timer': text.replaceAll('EVENT_TYPE_TIMER_STARTED', 'EVENT_TYPE_MARKER_RECORDED'),
  };
  for (const changed of Object.values(tampered)) expect(changed).not.toBe(text);
  const results = await replay(tampered);
  for (const result of Object.values(results)) expect(result).not.toBe('replayed');
});
