/**
 * Deliveries that are paid for part by part, and called off when all is paid: each payment is to be taken back, the latest first.
 * Their clients are careful ones, as in `purchases.ts`.
 */
import { randomUUID } from 'node:crypto';
import type { Store } from '../../prisma/open.ts';
import type { Answer } from '../system/api-client.ts';
import type { PersonName, System } from '../system/stack-fixture.ts';
import { answered, endOf, openGateOf, unlessTheServerFailed } from './careful-client.ts';
import { logOf, lossesOfLog, unlessEqual } from './log-losses.ts';

const tries = (times: number) => `- gives: Payment
- retry: ${times} times, after 1 second
- timeout: 6 seconds`;

/** A payment, some side by side, one that the bank refuses and another in its place, one that needs an approval, a gate. */
const delivery = `# Delivery

## Inputs
| Name     | Type           |
|----------|----------------|
| supplier | text           |
| insurer  | text           |
| parts    | list of number |

## Types
### Payment
| Field     | Type |
|-----------|------|
| reference | text |

## Steps
### Reserve
- tool: payments.transfer
- with:
  - to: \`input.supplier\`
  - amount: \`100\`
- undo: payments.refund
${tries(3)}

### Buy the parts
- for each: part in \`input.parts\`, at most 2 at once

#### Buy a part
- tool: payments.transfer
- with:
  - to: \`input.supplier\`
  - amount: \`part\`
- undo: payments.refund
${tries(3)}

### Insure
- tool: payments.transfer
- with:
  - to: \`input.insurer\`
  - amount: \`200\`
- undo: payments.refund
- if it fails: [Insure elsewhere](#insure-elsewhere)
${tries(1)}

### Insure elsewhere
- tool: payments.transfer
- with:
  - to: \`input.supplier\`
  - amount: \`300\`
- undo: payments.refund
${tries(3)}

### Ship
- after: [Insure](#insure), [Insure elsewhere](#insure-elsewhere)
- tool: payments.transfer
- with:
  - to: \`input.supplier\`
  - amount: \`400\`
- requires approval: manager
- undo: payments.refund
${tries(3)}

### Manager accepts
- approve: manager
- show: [Ship](#ship)
`;

const parts = [1, 2, 3, 4, 5];

export interface Delivery {
  supplier: string;
  /** As the start was answered. */
  run: string;
  /** The approval of the shipping, by its gate. */
  decided: Map<string, string>;
  /** Of the cancel, as it was answered. */
  command?: string;
  /** What was answered as no careful client deserves. */
  refused: string[];
}

/** Publishes the document. */
export async function openDeliveries(system: System) {
  await system.as('An Nguyen').publish(delivery);
  let asked = 0;
  const as = (person: PersonName) => system.as(person, asked++ % system.apis.length);

  /** Until it is answered as it should be, or otherwise. */
  async function ask(what: string, status: number, request: (key: string) => Promise<Answer>): Promise<Answer['body']> {
    const key = randomUUID();
    const answer = await answered(what, async () => unlessTheServerFailed(await request(key)));
    if (answer.status !== status) throw new Error(`${what}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /**
   * Until the insurance is bought elsewhere. Of a payment that was cut off, the refusal of the next try does not say that it was
   * not made: who ordered looks at the bank and says so.
   */
  async function refusalKnown(run: string): Promise<void> {
    await answered(`the refusal (run ${run})`, async () => {
      const { steps, effects } = (await as('An Nguyen').call('GET', `/runs/${run}/state`)).body;
      const of = (step: string) => steps.find((one: { step: string }) => one.step === step);
      if (of('insure')?.class === 'outcome-unknown') {
        for (const { effect, step, status, answer } of effects) {
          if (step !== 'insure' || status !== 'unknown' || answer !== undefined) continue;
          await as('An Nguyen').call('POST', `/runs/${run}/effects/${effect}/answer`, { answer: 'did not happen' });
        }
      }
      return of('insure_elsewhere');
    });
  }

  /** From its start to its end. Never rejects: what went wrong is in `refused`. */
  async function order(supplier: string): Promise<Delivery> {
    const ordered: Delivery = { supplier, run: '', decided: new Map(), refused: [] };
    const { decided } = ordered;
    const insurer = `insurer-of-${supplier}`;
    system.tools.refusePaymentsTo(insurer);
    try {
      const input = { supplier, insurer, parts };
      const { id: run } = await ask(`the start of ${supplier}`, 201, (key) =>
        as('An Nguyen').call('POST', '/runs', { document: 'delivery', input }, key),
      );
      ordered.run = run;
      await refusalKnown(run);
      const nextGate = (name: string) => openGateOf(`${name} of ${supplier}`, run, () => as('Mai Tran'), decided);
      const { id, subject } = await nextGate('the approval');
      await ask(`approval of ${supplier}`, 201, (key) =>
        as('Mai Tran').decide(id, { action: 'approve', subject }, key),
      );
      decided.set(id, 'approve');
      await nextGate('the last gate');
      const cancelled = await ask(`cancel of ${supplier}`, 202, (key) =>
        as('An Nguyen').call('POST', `/runs/${run}/cancel`, { comment: 'called off' }, key),
      );
      ordered.command = cancelled.command;
      await endOf(`the end of ${supplier}`, run, () => as('An Nguyen'));
    } catch (error) {
      ordered.refused.push(String(error));
    }
    return ordered;
  }

  return { order };
}

const sorted = (amounts: readonly number[]): number[] => [...amounts].sort((one, other) => one - other);

/** What the delivery has lost or done twice, in words; nothing of one that ended as it would have. */
export async function lossesOfDelivery(system: System, store: Store, ordered: Delivery): Promise<string[]> {
  const { supplier, run, decided, command, refused } = ordered;
  const lost = [...refused];
  const expectEqual = (...of: Parameters<typeof unlessEqual>) => lost.push(...unlessEqual(...of));
  const reader = system.as('Mai Tran');
  // Others may be cut off while this is counted.
  const view = await answered(`the run ${run}`, () => reader.run(run));
  const failures = view.steps.flatMap(({ id, failure }) => (failure ? [`${id}: ${failure.class}`] : []));
  expectEqual('status', view.status, 'cancelled');
  const known = failures.map((one) => one.replace(/^insure: transient$/, 'insure: tool-failed'));
  expectEqual('failures', known, ['insure: tool-failed']);
  const { tools } = system;
  const paid = tools.paymentsTo(supplier).map(({ amount }) => amount);
  // The parts come in any order, all else in its own.
  expectEqual('first payment', paid[0], 100);
  expectEqual('parts paid', sorted(paid.slice(1, 1 + parts.length)), parts);
  expectEqual('payments after the parts', paid.slice(1 + parts.length), [300, 400]);
  expectEqual('payments to the insurer', tools.paymentsTo(`insurer-of-${supplier}`), []);
  const refunds = tools.refundsOf(supplier);
  expectEqual('first taken back', refunds.slice(0, 2), [400, 300]);
  expectEqual('parts taken back', sorted(refunds.slice(2, -1)), parts);
  expectEqual('last taken back', refunds.at(-1), 100);
  for (const [gate, action] of decided) {
    const { verdict } = await answered(`the gate ${gate}`, () => reader.gate(gate));
    expectEqual(`the verdict of ${gate}`, verdict, action);
  }
  const { log } = await logOf(store, run);
  const cancels = log.filter(({ type }) => type === 'run.cancel-requested').map(({ body }) => JSON.parse(body).command);
  expectEqual('cancels in the log', cancels, [command]);
  const count = (...types: string[]) => log.filter(({ type }) => types.includes(type)).length;
  expectEqual('decisions in the log', count('gate.decided'), decided.size);
  expectEqual('ends in the log', count('run.ended'), 1);
  expectEqual('undos that failed', count('effect.undo-failed'), 0);
  return [...lost, ...(await lossesOfLog(store, run))].map((what) => `${supplier} (run ${run}): ${what}`);
}
