import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const checkout = fileURLToPath(new URL('..', import.meta.url));

interface Job {
  readonly if?: string;
  readonly 'timeout-minutes': number;
  readonly strategy?: { readonly matrix: { readonly node: readonly string[]; readonly part: readonly number[] } };
  readonly steps: ReadonlyArray<{
    readonly uses?: string;
    readonly run?: string;
    readonly with?: Record<string, unknown>;
  }>;
}
interface Workflow {
  readonly concurrency: unknown;
  readonly env: Record<string, string>;
  readonly jobs: Record<string, Job>;
}
const workflow = parse(readFileSync(join(checkout, '.github/workflows/ci.yml'), 'utf8')) as Workflow;
const jobs = Object.values(workflow.jobs);
const steps = jobs.flatMap((job) => job.steps);

test('a newer push cancels the run before it, and nobody waits longer than ten minutes', () => {
  expect(workflow.concurrency).toEqual({
    group: '${{ github.workflow }}-${{ github.ref }}',
    'cancel-in-progress': true,
  });
  const awaited = jobs.filter((job) => job.if !== "github.event_name == 'push'");
  expect(awaited).toEqual([workflow.jobs.test]);
  expect(awaited.map((job) => job['timeout-minutes'])).toEqual([10]);
});

test('it runs what a newcomer runs, on their Node and on ours, every part of it', () => {
  const { node, part } = workflow.jobs.test?.strategy?.matrix ?? { part: [] };
  expect(node).toEqual(['20', '']);
  expect(part).toEqual(part.map((_, index) => index + 1));
  const shard = `--shard=\${{ matrix.part }}/${part.length}`;
  expect(workflow.jobs.test?.steps.map(({ run }) => run).filter(Boolean)).toEqual([`.ci/run ${shard}`]);
  expect(readFileSync(join(checkout, '.ci/run'), 'utf8')).toMatch(/\nnpm ci\nnpm test -- "\$@"\n$/);
  expect(statSync(join(checkout, '.ci/run')).mode & 0o111).not.toBe(0);
  expect(workflow.env).toEqual({ TZ: 'UTC', LANG: 'en_US.UTF-8' });
});

test('it keeps the test report and the coverage summary', () => {
  const kept = steps.filter(({ uses }) => uses?.startsWith('actions/upload-artifact@')).map((step) => step.with?.path);
  expect(kept).toEqual(['junit.xml', 'coverage/coverage-summary.json\ncoverage/lcov.info\n']);
});

test('every action is pinned to a major version', () => {
  const loose = steps.flatMap(({ uses }) => uses ?? []).filter((action) => !/@v\d+$/.test(action));
  expect(loose).toEqual([]);
});
