/** A run with a step that waits for an operator, as the worker leaves it: for tests of orders. */
import { randomUUID } from 'node:crypto';
import type { Json } from '../../compiler/types.ts';
import { appendEvents } from '../../prisma/run-log.ts';
import type { ApiFixture } from './api-fixture.ts';

/** `fetch_it` is needed by nobody, `price_it` by the Result and by the gate, which guards `pay_it`. */
export const errandDocument = `# Errand

## Inputs
| Name   | Type   | Rule       | Meaning |
|--------|--------|------------|---------|
| amount | number | at least 0 |         |

## Types
### Price
| Field  | Type   | Rule       |
|--------|--------|------------|
| amount | number | at least 0 |

## Steps
### Fetch it
- tool: shop.fetch
- gives: Price

### Price it
- set:
  - amount: \`input.amount\`
- gives: Price
- check: \`output.amount <= input.amount\`

### Which way
- choose:
  - \`price_it.amount > 500\`: [Manager approves](#manager-approves)
  - otherwise: [Pay it](#pay-it)

### Manager approves
- approve: manager
- show: [Price it](#price-it)

### Pay it
- after: [Which way](#which-way), [Manager approves](#manager-approves)
- tool: shop.pay
- with:
  - amount: \`price_it.amount\`

## Result
| Name   | Type   | Value              |
|--------|--------|--------------------|
| amount | number | \`price_it.amount\` |
`;

/** Starts a run of it; gives its id. */
export async function startErrand(fixture: ApiFixture, user = 'an'): Promise<string> {
  const post = async (url: string, payload: object) => {
    const headers = await fixture.as(user, randomUUID());
    const response = await fixture.app.inject({ method: 'POST', url, headers, payload });
    if (response.statusCode > 201) throw new Error(response.body);
    return response.json();
  };
  await post('/documents', { markdown: errandDocument });
  return (await post('/runs', { document: 'errand', input: { amount: 40 } })).id;
}

/** Writes what the worker writes when a step fails for good; gives the id of the step's row. */
export async function parkStep(
  fixture: ApiFixture,
  run: string,
  step: string,
  { path = '', failureClass = 'tool-failed' }: { path?: string; failureClass?: string } = {},
): Promise<string> {
  const id = randomUUID();
  const at = { ...(path === '' ? {} : { path }), execution: id, attempt: 1 };
  await fixture.worker.actAs({ tenant: 'acme', user: 'an' }, async (tx) => {
    const row = { tenantId: 'acme', id, rootRunId: run, runId: run, node: step, path, memoKey: id, actorId: 'an' };
    await tx.stepExecution.create({ data: { ...row, status: 'running', attempt: 1, startedAt: new Date() } });
    const where = { tenantId_id: { tenantId: 'acme', id } };
    await tx.stepExecution.update({ where, data: { status: 'failed', failureClass, endedAt: new Date() } });
    await appendEvents(tx, [
      { run, type: 'step.started', sourceKey: `started:${id}`, node: step, body: { ...at, generation: 0 } },
      { run, type: 'step.failed', sourceKey: `failed:${id}`, node: step, body: { ...at, class: failureClass } },
    ]);
  });
  return id;
}

/** Writes what the worker writes once the run has heard of an order. */
export async function applyOrder(fixture: ApiFixture, run: string, command: string, applied = true): Promise<void> {
  await fixture.worker.actAs({ tenant: 'acme', user: 'an' }, async (tx) => {
    const where = { tenantId_id: { tenantId: 'acme', id: command } };
    await tx.command.update({ where, data: { heardAt: new Date(), applied } });
    const body: Record<string, Json> = { command, applied };
    await appendEvents(tx, [{ run, type: 'command.applied', sourceKey: `applied:${command}`, body }]);
  });
}

/** Writes a write of the step as the worker leaves it; gives its effectKey. */
export async function leaveWrite(fixture: ApiFixture, run: string, execution: string, status: string): Promise<string> {
  const effectKey = randomUUID();
  await fixture.worker.actAs({ tenant: 'acme', user: 'an' }, async (tx) => {
    const { node } = await tx.stepExecution.findUniqueOrThrow({
      where: { tenantId_id: { tenantId: 'acme', id: execution } },
    });
    await tx.effect.create({
      data: {
        tenantId: 'acme',
        effectKey,
        rootRunId: run,
        runId: run,
        stepExecutionId: execution,
        node,
        slot: 'call',
        tool: 'shop.pay',
        requestDigest: 'request',
        status,
        deadline: new Date(),
        firstIntentAt: new Date(),
        sends: 1,
      },
    });
  });
  return effectKey;
}
