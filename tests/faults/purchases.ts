/**
 * Purchases that people make as careful clients do: whatever was not answered is asked again under the same key. What was
 * answered, and what had to become of each, is kept for the count of what was lost.
 */
import { randomUUID } from 'node:crypto';
import type { Store } from '../../prisma/open.ts';
import type { GateView, RunView } from '../system/api-client.ts';
import type { PersonName, System } from '../system/stack-fixture.ts';
import { answered, endOf, openGateOf, unlessTheServerFailed } from './careful-client.ts';
import { lossesOfLog, unlessEqual } from './log-losses.ts';

/** An agent in a loop with a gate, a write, another gate, another write. */
export const purchase = `# Purchase

## Inputs
| Name     | Type   |
|----------|--------|
| supplier | text   |
| deposit  | number |

## Types
### Order
| Field  | Type   | Rule       |
|--------|--------|------------|
| amount | number | at least 0 |

### Payment
| Field     | Type |
|-----------|------|
| reference | text |

## Agents
### Buyer
- model: small

You order what is needed.

## Steps
### Draft the order
- agent: [Buyer](#buyer)
- uses: \`input.supplier\`
- gives: Order
- retry: 2 times, after 1 second
- timeout: 6 seconds

Say what it will cost.

### Manager approves
- approve: manager
- not by: requester
- show: [Draft the order](#draft-the-order), \`input.supplier\`
- actions: approve, reject, request changes to [Draft the order](#draft-the-order) at most 2 times

### Pay the deposit
- tool: payments.transfer
- with:
  - to: \`input.supplier\`
  - amount: \`input.deposit\`
- gives: Payment
- retry: 2 times, after 1 second
- timeout: 6 seconds

### Manager accepts
- approve: manager
- show: [Pay the deposit](#pay-the-deposit), [Draft the order](#draft-the-order), \`input.supplier\`

### Pay the rest
- tool: payments.transfer
- with:
  - to: \`input.supplier\`
  - amount: \`draft_the_order.amount\`
- gives: Payment
- retry: 2 times, after 1 second
- timeout: 6 seconds

## Result
| Name | Type    | Value          |
|------|---------|----------------|
| paid | Payment | \`pay_the_rest\` |
`;

const deposit = 100;
const [dear, cheap] = [900, 800];

/** What the managers say, one gate after the other, and what must have become of it. */
const courses = [
  { says: ['approve', 'approve'], ends: 'completed', paid: [deposit, dear] },
  { says: ['request changes', 'approve', 'approve'], ends: 'completed', paid: [deposit, cheap] },
  { says: ['reject'], ends: 'rejected', paid: [] },
  { says: ['approve', 'reject'], ends: 'rejected', paid: [deposit] },
] as const satisfies { says: readonly string[]; ends: RunView['status']; paid: readonly number[] }[];

/** One word: in text of people, spaces are written otherwise to the model. */
const wishOf = (supplier: string): string => `cheaper:${supplier}`;

export interface Purchase {
  supplier: string;
  course: (typeof courses)[number];
  /** As the start was answered. */
  run: string;
  /** Decisions that were answered, by their gates. */
  decided: Map<string, string>;
  /** What was answered as no careful client deserves. */
  refused: string[];
}

/** Publishes the document. `api` of a person's request is one after the other of those there are. */
export async function openPurchases(system: System) {
  await system.as('An Nguyen').publish(purchase);
  let asked = 0;
  const as = (person: PersonName) => system.as(person, asked++ % system.apis.length);

  async function start(supplier: string, index: number): Promise<Purchase> {
    const course = courses[index % courses.length] as (typeof courses)[number];
    // By what stands in the question: however often it is asked, it is answered alike.
    system.models.script(wishOf(supplier), { says: { amount: cheap } });
    system.models.script(supplier, { says: { amount: dear } });
    const key = randomUUID();
    const body = { document: 'purchase', input: { supplier, deposit } };
    const { status, body: run } = await answered(`the start of ${supplier}`, async () =>
      unlessTheServerFailed(await as('An Nguyen').call('POST', '/runs', body, key)),
    );
    const refused = status === 201 ? [] : [`the start of ${supplier}: ${status} ${run.type}`];
    return { supplier, course, run: run.id, decided: new Map(), refused };
  }

  /** The gate that the run waits at, which is none that has been decided. */
  const nextGate = ({ supplier, run, decided }: Purchase): Promise<GateView> =>
    openGateOf(`gate ${decided.size + 1} of ${supplier}`, run, () => as('Mai Tran'), decided);

  async function decide(bought: Purchase, action: string): Promise<void> {
    const { id, subject } = await nextGate(bought);
    const key = randomUUID();
    const decision = { action, subject, comment: wishOf(bought.supplier) };
    const { status, body } = await answered(`${action} of ${bought.supplier}`, async () =>
      unlessTheServerFailed(await as('Mai Tran').decide(id, decision, key)),
    );
    if (status === 201) bought.decided.set(id, action);
    else throw new Error(`${action} of ${bought.supplier}: ${status} ${JSON.stringify(body)}`);
  }

  const ended = ({ supplier, run }: Purchase): Promise<RunView> =>
    endOf(`the end of ${supplier}`, run, () => as('An Nguyen'));

  /** From its start to its end. Never rejects: what went wrong is in `refused`. */
  async function buy(supplier: string, index: number): Promise<Purchase> {
    const bought = await start(supplier, index);
    try {
      for (const action of bought.course.says) await decide(bought, action);
      await ended(bought);
    } catch (error) {
      bought.refused.push(String(error));
    }
    return bought;
  }

  return { start, decide, nextGate, ended, buy };
}

export type Purchases = Awaited<ReturnType<typeof openPurchases>>;

/** Buys in so many lanes until `stop`, then lets what has begun end; at least one for each lane. */
export function keepBuying(purchases: Purchases, name: string, lanes: number) {
  let isOpen = true;
  let count = 0;
  const lane = async (): Promise<Purchase[]> => {
    const bought: Purchase[] = [];
    do {
      const index = count++;
      // No name is the beginning of another.
      bought.push(await purchases.buy(`${name}-${index}-of`, index));
    } while (isOpen);
    return bought;
  };
  const all = Promise.all(Array.from({ length: lanes }, lane)).then((bought) => bought.flat());
  return {
    stop(): Promise<Purchase[]> {
      isOpen = false;
      return all;
    },
  };
}

/** What the purchase has lost or done twice, in words; nothing of one that ended as it would have. */
export async function lossesOf(system: System, store: Store, bought: Purchase): Promise<string[]> {
  const { supplier, run, course, decided, refused } = bought;
  const reader = system.as('Mai Tran');
  const lost = [...refused];
  const expectEqual = (...of: Parameters<typeof unlessEqual>) => lost.push(...unlessEqual(...of));
  // Others may be cut off while this is counted.
  const view = await answered(`the run ${run}`, () => reader.run(run));
  const failures = view.steps.flatMap(({ id, failure }) => (failure ? [`${id}: ${failure.class}`] : []));
  expectEqual('status and failures', [view.status, failures], [course.ends, []]);
  const paid = system.tools.paymentsTo(supplier).map(({ amount }) => amount);
  expectEqual('payments', paid, course.paid);
  const { rows } = await answered(`the journal of ${run}`, () => reader.journal(run));
  const decisions = rows.filter(({ event }) => event === 'gate.decided').length;
  expectEqual('decisions in the log', decisions, course.says.length);
  for (const [gate, action] of decided) {
    const { verdict } = await answered(`the gate ${gate}`, () => reader.gate(gate));
    expectEqual(`the verdict of ${gate}`, verdict, action);
  }
  return [...lost, ...(await lossesOfLog(store, run))].map((what) => `${supplier} (run ${run}): ${what}`);
}
