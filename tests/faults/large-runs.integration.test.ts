/**
 * Runs of the size that a document, its input or an output may have, on the whole system: each step done once, in as many executions as it takes.
 * Short here; `npm run test:faults` makes it 10,000 steps and 10,000 items.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openStore } from '../../prisma/open.ts';
import { verifyChain } from '../../prisma/run-log.ts';
import type { System } from '../system/stack-fixture.ts';
import { startSystem } from '../system/stack-fixture.ts';

const size = process.env.WAYMARK_FAULT_TIMES === undefined ? 100 : 10_000;
const perGroup = 50;
const patience = { timeout: 3_600_000, interval: 500 };

let system: System;
let store: Awaited<ReturnType<typeof openStore>>;
beforeAll(async () => {
  system = await startSystem();
  store = await openStore({ url: system.database.apiUrl, role: 'api' });
});
afterAll(async () => {
  await store?.close();
  await system?.close();
});

/** Groups one after the other, the steps of each side by side. */
function manySteps(count: number): string {
  const groups = Array.from({ length: count / perGroup }, (_, group) => {
    const steps = Array.from(
      { length: perGroup - 1 },
      (_, index) => `#### S${group} ${index}\n- set:\n  - n: \`${index}\`\n`,
    );
    return `### Group ${group}\n- steps: in parallel\n\n${steps.join('\n')}`;
  });
  return `# Many steps\n\n## Steps\n${groups.join('\n')}`;
}

const manyItems = `# Many items

## Inputs
| Name    | Type           |
|---------|----------------|
| numbers | list of number |

## Steps
### Each
- for each: number in \`input.numbers\`, at most 50 at once

#### Double
- set:
  - twice: \`number * 2\`

## Result
| Name | Type   | Value                                   |
|------|--------|-----------------------------------------|
| last | number | \`each[size(each) - 1].double.twice\` |
| sum  | number | \`sum(each.map(one, one.double.twice))\` |
`;

const longPolicy = `# Long policy

## Inputs
| Name  | Type |
|-------|------|
| about | text |

## Types
### Policy
| Field | Type   |
|-------|--------|
| limit | number |
| note  | text   |

## Steps
### Look it up
- tool: policy.lookup
- with:
  - about: \`input.about\`
- gives: Policy
- retry: 0 times

### Measure
- set:
  - length: \`size(look_it_up.note)\`

## Result
| Name   | Type   | Value                 |
|--------|--------|-----------------------|
| length | number | \`measure.length\`    |
| policy | Policy | \`look_it_up\`        |
`;

async function endOf(run: string): Promise<{ result: unknown; committed: Map<string, number> }> {
  const an = system.as('An Nguyen');
  const { result } = await vi.waitFor(async () => {
    const view = await an.run(run);
    expect(view.status).toBe('completed');
    return view;
  }, patience);
  const { log, head } = await store.actAs({ tenant: 'acme', user: 'reader' }, async (tx) => ({
    log: await tx.runEvent.findMany({ where: { runId: run }, orderBy: { seq: 'asc' } }),
    head: await tx.run.findFirstOrThrow({ where: { id: run }, select: { seq: true, headHash: true } }),
  }));
  expect(verifyChain(log, head).ok).toBe(true);
  const committed = log.filter(({ type }) => type === 'step.committed').map(({ node }) => node ?? '');
  return { result, committed: new Map([...Map.groupBy(committed, (node) => node)].map(([at, of]) => [at, of.length])) };
}

test(`a document of ${size} steps runs to its end, each step once`, async () => {
  const an = system.as('An Nguyen');
  const run = await an.start(await an.publish(manySteps(size)), {});
  const { committed } = await endOf(run);
  expect(committed.size).toBe(size);
  expect(new Set(committed.values())).toEqual(new Set([1]));
}, 3_600_000);

test(`a list of ${size} items is gone through, each item once, and its results are in its order`, async () => {
  const an = system.as('An Nguyen');
  const numbers = Array.from({ length: size }, (_, index) => index);
  const run = await an.start(await an.publish(manyItems), { numbers });
  const { result, committed } = await endOf(run);
  expect(result).toEqual({ last: 2 * (size - 1), sum: size * (size - 1) });
  expect(committed.get('double')).toBe(size);
}, 3_600_000);

test('an output of 2 MB goes into the store, is read from there, and the history holds its digest alone', async () => {
  const an = system.as('An Nguyen');
  const run = await an.start(await an.publish(longPolicy), { about: 'long:2000000' });
  const { result } = await endOf(run);
  expect(result).toEqual({ length: 2_000_000, policy: { limit: 1000, note: 'x'.repeat(2_000_000) } });
  const { workflowId } = await an.run(run);
  const { events } = await system.temporal.workflow.getHandle(workflowId).fetchHistory();
  expect(JSON.stringify(events).length).toBeLessThan(100_000);
});

test('an answer that is larger than tools may give parks its step, and says how large it may be', async () => {
  const an = system.as('An Nguyen');
  const run = await an.start(await an.publish(longPolicy), { about: 'long:5000000' });
  const { steps } = await system.until(run, 'needs-attention');
  const [failure] = steps.flatMap((step) => step.failure ?? []);
  const detail = 'policy.lookup: the answer is longer than 4194304 bytes, expected at most that';
  expect(failure).toEqual({ class: 'transient', detail });
});
