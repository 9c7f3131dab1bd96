/** A document whose gates and task ask for all that can be asked, for tests: its gates are opened as the worker does. */
import { randomUUID } from 'node:crypto';
import type { Json } from '../../compiler/types.ts';
import { putArtifact } from '../../prisma/artifacts.ts';
import type { ApiFixture } from './api-fixture.ts';
import { openClaimGate } from './api-fixture.ts';

export const purchaseDocument = `# Purchase

## Inputs
| Name  | Type   | Rule       | Meaning |
|-------|--------|------------|---------|
| limit | number | at least 0 |         |

## Types
### Offer
| Field    | Type   | Rule              |
|----------|--------|-------------------|
| amount   | number | at least 0        |
| supplier | text   | length at least 1 |
| currency | text   | default EUR       |

### Terms
| Field | Type    | Rule       |
|-------|---------|------------|
| days  | integer | at least 1 |

## Steps
### Get an offer
- person: employee
- gives: Offer
- check: \`output.amount <= input.limit\`

### Sign
- approve: manager
- ask: Terms
- show: [Get an offer](#get-an-offer)
- actions:
  - approve: continue
  - reject: end
  - request changes: [Get an offer](#get-an-offer) at most 2 times

### Noted
- set:
  - amount: \`get_an_offer.amount\`

## Result
| Name   | Type   | Value          |
|--------|--------|----------------|
| amount | number | \`noted.amount\` |
`;

type Row = NonNullable<Parameters<typeof openClaimGate>[2]>['row'];

export interface Purchase {
  run: string;
  gates: {
    /** The task of the person step. */
    task(row?: Row): Promise<{ id: string; subject: string }>;
    sign(row?: Row): Promise<{ id: string; subject: string }>;
  };
}

/** A run of the document that An started, with a limit of 500. */
export async function startPurchase(fixture: ApiFixture, input: Json = { limit: 500 }): Promise<Purchase> {
  const post = async (url: string, payload: object) =>
    fixture.app.inject({ method: 'POST', url, headers: await fixture.as('an', randomUUID()), payload });
  const published = await post('/documents', { markdown: purchaseDocument });
  if (published.statusCode > 201) throw new Error(published.body);
  const started = await post('/runs', { document: 'purchase', input });
  if (started.statusCode !== 201) throw new Error(started.body);
  const run = started.json<{ id: string }>().id;
  const inputDigest = await fixture.store.actAs({ tenant: 'acme', user: 'an' }, (tx) => putArtifact(tx, 'acme', input));
  const bindings = JSON.stringify({ shown: [], guards: {}, lapses: 0, reads: { input: inputDigest } });
  return {
    run,
    gates: {
      task: (row = {}) =>
        openClaimGate(fixture, run, {
          row: {
            node: 'get_an_offer',
            purpose: 'task',
            title: 'Get an offer',
            approverRoles: '["employee"]',
            notBy: '[]',
            actions: '[{"name":"done","effect":"continue"}]',
            bindings,
            ...row,
          },
        }),
      sign: (row = {}) =>
        openClaimGate(fixture, run, {
          row: {
            node: 'sign',
            title: 'Sign',
            notBy: '[]',
            actions:
              '[{"name":"approve","effect":"continue"},{"name":"reject","effect":"end"},{"name":"request changes","effect":"continue"}]',
            ...row,
          },
        }),
    },
  };
}
