/** The state of a run, asked for again and again on the whole system: it is what the log comes to, up to the event that it names. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { LoggedEvent } from '../../prisma/fold-run.ts';
import { foldRun } from '../../prisma/fold-run.ts';
import type { Store } from '../../prisma/open.ts';
import { openStore } from '../../prisma/open.ts';
import type { System } from './stack-fixture.ts';
import { startSystem } from './stack-fixture.ts';

const delivery = `# Delivery

## Inputs
| Name     | Type |
|----------|------|
| supplier | text |

## Types
### Payment
| Field     | Type |
|-----------|------|
| reference | text |

## Steps
### Manager approves
- approve: manager
- show: \`input.supplier\`

### Note it
- after: start
- set:
  - supplier: \`input.supplier\`

### Pay
- after: [Note it](#note-it)
- tool: payments.transfer
- with:
  - to: \`input.supplier\`
  - amount: \`70\`
- gives: Payment
- undo: payments.refund
- retry: 0 times
- timeout: 6 seconds

### Manager accepts
- after: [Manager approves](#manager-approves), [Pay](#pay)
- approve: manager
- show: [Pay](#pay)
`;

let system: System;
let store: Store;
beforeAll(async () => {
  system = await startSystem();
  store = await openStore({ url: system.database.apiUrl, role: 'api' });
});
afterAll(async () => {
  await store?.close();
  await system?.close();
});

/** Once it is as this says, besides what the log comes to. */
function stateOf(run: string, stands: object) {
  return vi.waitFor(
    async () => {
      const { body: state } = await system.as('An Nguyen').call('GET', `/runs/${run}/state`);
      const events = await store.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
        tx.runEvent.findMany({ where: { runId: run, seq: { lte: state.seq } }, orderBy: { seq: 'asc' } }),
      );
      const logged = events.map(
        ({ seq, type, node, body }): LoggedEvent => ({ seq, type, node, body: JSON.parse(body) }),
      );
      expect(state).toEqual({ run, ...foldRun(logged) });
      expect(state).toMatchObject(stands);
      return state;
    },
    { timeout: 60_000, interval: 100 },
  );
}

const has = (...some: unknown[]) => expect.arrayContaining(some);
const at = (step: string, status: string, more: object = {}) => expect.objectContaining({ step, status, ...more });

test('a run that parks, goes on, is approved, cancelled with its write taken back, and resumed', async () => {
  const supplier = 'Metro';
  const [an, mai] = [system.as('An Nguyen'), system.as('Mai Tran')];
  const order = async (what: string) => expect((await an.call('POST', `/runs/${run}/${what}`, {})).status).toBe(202);
  const approve = async (of: string) => {
    const { subject } = await mai.gate(of);
    expect((await mai.decide(of, { action: 'approve', subject })).status).toBe(201);
  };
  system.tools.refusePaymentsTo(supplier);
  const run = await an.start(await an.publish(delivery), { supplier });

  const parked = await stateOf(run, {
    status: 'needs-attention',
    gates: [at('manager_approves', 'open')],
    effects: [{ step: 'pay', tool: 'payments.transfer', status: 'failed' }],
    steps: has(at('pay', 'failed', { class: 'tool-failed', attempt: 1 }), at('manager_approves', 'waiting')),
  });

  system.tools.acceptPaymentsTo(supplier);
  await order('steps/pay/retry');
  const paid = await stateOf(run, {
    status: 'waiting',
    effects: [{ status: 'succeeded' }],
    steps: has(at('pay', 'committed', { attempt: 2 })),
  });

  await approve(parked.gates[0].gate);
  const approved = await stateOf(run, {
    status: 'waiting',
    gates: [at('manager_approves', 'decided', { verdict: 'approve' }), at('manager_accepts', 'open')],
  });

  await order('cancel');
  const cancelled = await stateOf(run, {
    status: 'cancelled',
    gates: [at('manager_approves', 'decided', { verdict: 'approve' }), at('manager_accepts', 'lapsed')],
    effects: [{ step: 'pay', status: 'succeeded', undone: 'succeeded' }],
  });
  expect(system.tools.refundsOf(supplier)).toEqual([70]);
  const seqs = [parked, paid, approved, cancelled].map(({ seq }) => seq);
  expect(seqs).toEqual([...new Set(seqs)].sort((one, other) => one - other));

  const { body: plan } = await an.call('GET', `/runs/${run}/resume-plan`);
  const { body: next } = await an.call('POST', `/runs/${run}/resume`, { digest: plan.digest });
  // What was decided over what still stands is not asked again.
  const resumed = await stateOf(next.id, {
    status: 'waiting',
    effects: [{ step: 'pay', status: 'succeeded' }],
    gates: has(at('manager_approves', 'decided', { verdict: 'approve' }), at('manager_accepts', 'open')),
    steps: has(at('manager_approves', 'committed'), at('pay', 'committed')),
  });
  const open = resumed.gates.filter(({ status }: { status: string }) => status === 'open');
  expect(open).toEqual([at('manager_accepts', 'open')]);
  await approve(open[0].gate);
  await stateOf(next.id, { status: 'completed' });
  expect((await stateOf(run, { status: 'cancelled' })).gates).toEqual(cancelled.gates);
});
