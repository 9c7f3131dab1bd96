/**
 * Changes of the interpreter that would break runs under way, each made to a copy of it: the stored histories notice
 * every one. What they could not notice, a deploy would find out.
 */
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { quietRuntime } from './testing/try-interpreter.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const breakages: [what: string, file: string, before: string, after: string][] = [
  [
    'steps start in another order',
    'document-order.ts',
    'const lowest = heap[0];',
    'if (heap.length > 1) return heap.pop();\n      const lowest = heap[0];',
  ],
  ['one step at a time', 'interpret.ts', 'const mostAtOnce = 500', 'const mostAtOnce = 1'],
  ['activities have other names', 'words.ts', 'asked <= 1 ? name', 'asked < 1 ? name'],
  ['nobody tells the log', 'interpret.ts', 'if (somethingToTell()) await tellLog();', ''],
  ['what is shown is not shown', 'operators-view.ts', 'upsertSearchAttributes([', 'String(['],
  [
    'the run is begun twice',
    'run-document.ts',
    'await beginRun({ run: input.run });',
    'await beginRun({ run: input.run }).then(() => beginRun({ run: input.run }));',
  ],
  ['rings are not listened to', 'interpret.ts', 'if (!hearing && doorbell.size > 0) hearNext();', ''],
  ['conditions are left to activities', 'steps/choose.ts', "if (holds === 'opaque') return", 'return'],
  [
    'lists are read by twice as many items',
    'steps/for-each.ts',
    'await step.listItems(progress.next);',
    'await step.listItems(progress.next).then(() => step.listItems(progress.next));',
  ],
  ['a wait is none', 'perform-step.ts', 'if (ms > 0) await rest(', 'if (ms < 0) await rest('],
];

let folder: string;
let histories: { workflowId: string; history: ReturnType<typeof historyFromJSON> }[];

beforeAll(async () => {
  quietRuntime();
  folder = await mkdtemp(join(tmpdir(), 'waymark-breakages-'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const room of ['workflows', 'compiler', 'activities']) {
    await cp(join(root, room), join(folder, room), {
      recursive: true,
      filter: (path) => !/\/(histories|fixtures)$/.test(path),
    });
  }
  for (const file of ['package.json', 'tsconfig.json']) await cp(join(root, file), join(folder, file));
  const stored = join(root, 'workflows/histories');
  histories = await Promise.all(
    (await readdir(stored)).map(async (file) => ({
      workflowId: file,
      history: historyFromJSON(JSON.parse(await readFile(join(stored, file), 'utf8'))),
    })),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The histories that do not replay on the copy. */
async function broken(): Promise<string[]> {
  const workflowsPath = join(folder, 'workflows/index.ts');
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  const found: string[] = [];
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, histories)) {
    if (error !== undefined) found.push(workflowId);
  }
  return found;
}

test('the copy as it is replays them all', async () => {
  expect(await broken()).toEqual([]);
});

test.each(breakages)('%s: noticed', async (_, file, before, after) => {
  const path = join(folder, 'workflows', file);
  const text = await readFile(path, 'utf8');
  expect(text).toContain(before);
  const changed = text.replace(before, after);
  await writeFile(path, changed);
  try {
    expect((await broken()).length).toBeGreaterThan(0);
  } finally {
    await writeFile(path, text);
  }
});
