/** The interpreter against the reference model, in process. `WAYMARK_ALL_ROUNDS` in the environment makes it 5,000 documents. */
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { runDocument } from './run-document.ts';
import { answeringWorld } from './testing/answering-world.ts';
import { runInProcess } from './testing/in-process-temporal.ts';
import type { RandomDocument } from './testing/random-documents.ts';
import { randomDocuments, rulesFor } from './testing/random-documents.ts';
import type { Done } from './testing/reference-model.ts';

vi.mock('@temporalio/workflow', async (importOriginal) => ({
  ...(await importOriginal<typeof import('@temporalio/workflow')>()),
  ...(await import('./testing/in-process-temporal.ts')),
}));

const all = process.env.WAYMARK_ALL_ROUNDS !== undefined;

/** `longAfter`: in executions of so many activities. */
async function interpreted(document: RandomDocument, longAfter?: number): Promise<Done> {
  const world = answeringWorld(new Map([['run', document]]), (_, ring) => run.ring(ring));
  const run = runInProcess(world.activities, runDocument, { run: 'run' });
  if (longAfter !== undefined) run.goOnAfter(longAfter);
  await run.result;
  return world.doneBy('run');
}

test('any document does what the rules say, whatever order its steps end in', async () => {
  await fc.assert(
    fc.asyncProperty(randomDocuments, async (document) => {
      expect(await interpreted(document)).toEqual(rulesFor(document));
    }),
    { numRuns: all ? 5_000 : 300 },
  );
}, 900_000);

test('and so it does in executions of a few activities each', async () => {
  await fc.assert(
    fc.asyncProperty(randomDocuments, fc.integer({ min: 1, max: 4 }), async (document, longAfter) => {
      expect(await interpreted(document, longAfter)).toEqual(rulesFor(document));
    }),
    { numRuns: all ? 1_000 : 60 },
  );
}, 900_000);
