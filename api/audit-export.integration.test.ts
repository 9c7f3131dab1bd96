/** Exports of more than a page, also while the logs grow. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuditVerifier } from '../cli/verify-audit.ts';
import type { AuditPlace } from '../prisma/audit-pages.ts';
import { auditStart, readAuditPage } from '../prisma/audit-pages.ts';
import { appendEvents } from '../prisma/run-log.ts';
import type { StoreWorld } from '../prisma/testing/store-world.ts';
import { acme, createStoreWorld, globex, startRun } from '../prisma/testing/store-world.ts';
import { exportAudit } from './audit-export.ts';
import type { Caller } from './sign-in.ts';

/** More chains than a page has, and a chain with more events than a page has. */
const chains = 450;
const longest = 4_100;

let world: StoreWorld;
let long: string;
beforeAll(async () => {
  world = await createStoreWorld();
  const runs: string[] = [];
  for (let i = 0; i < chains; i += 1) runs.push(await startRun(world.api, acme));
  long = runs.toSorted()[200] ?? '';
  await append(long, longest);
  for (const run of runs) if (run !== long) await append(run, 1);
  await append(await startRun(world.api, globex), 1, globex);
});
afterAll(() => world.close());

let appended = 0;
const append = (run: string, events: number, actor = acme) =>
  world.worker.actAs(
    actor,
    (tx) =>
      appendEvents(
        tx,
        Array.from({ length: events }, () => ({
          run,
          type: 'step.started' as const,
          sourceKey: `${appended++}`,
          body: {},
        })),
      ),
    { timeoutMs: 60_000 },
  );

const caller: Caller = {
  person: { tenant: 'acme', user: 'ann', name: 'Ann', email: 'ann@acme.test', active: true, roles: ['admin'] },
  expiresAt: new Date(8.64e15),
  again: async () => undefined,
};

async function exported(mayRead: () => Promise<boolean> = async () => true) {
  const verifier = createAuditVerifier();
  let text = '';
  for await (const lines of exportAudit(world.api, caller, mayRead)) text += lines;
  const lines = text.split('\n').filter((line) => line !== '');
  for (const line of lines) verifier.take(line);
  return { lines, verdict: verifier.finish() };
}

test('an export of many chains and of a long one has each event once, of one tenant', async () => {
  const { lines, verdict } = await exported();
  // Besides the runs: the admin log, with the tenant and one person who were provisioned.
  expect(verdict).toEqual({ tenant: 'acme', chains: chains + 1, events: longest + chains - 1 + 2, breaks: [] });
  expect(lines.join('')).not.toContain('globex');
  const ofLong = lines
    .map((line) => JSON.parse(line))
    .filter(({ record, thing }) => record === 'event' && thing === long);
  expect(ofLong.map(({ seq }) => seq)).toEqual(Array.from({ length: longest }, (_, index) => index + 1));
});

test('what is appended while an export is read breaks no chain', async () => {
  let pages = 0;
  const { verdict } = await exported(async () => {
    // Between two pages: the long chain, which pages end in, grows, and so do others.
    await append(long, 3);
    await append(await startRun(world.api, acme), 2);
    pages += 1;
    return true;
  });
  expect(pages).toBeGreaterThan(6);
  expect(verdict.breaks).toEqual([]);
});

test('whoever may not read it any more gets no end', async () => {
  let pages = 0;
  const { lines, verdict } = await exported(async () => ++pages < 5);
  expect(lines.length).toBeGreaterThan(100);
  expect(verdict.breaks.at(-1)).toMatchObject({ reason: expect.stringContaining('the export was cut off') });
});

test('a page begins where the one before ended, also in a chain that has nothing new', async () => {
  const page = (after: AuditPlace) => world.api.actAs(acme, (tx) => readAuditPage(tx, 'acme', 'admin', after));
  const first = await page(auditStart);
  expect(first.rows.map(({ head, event }) => [head.thing, event?.seq])).toEqual([
    ['admin', 1],
    ['admin', 2],
  ]);
  expect(first.next).toBeUndefined();
  const after = await page({ thing: 'admin', seq: 2 });
  expect(after.rows.map(({ head, event }) => [head.seq, event])).toEqual([[2, undefined]]);
});
