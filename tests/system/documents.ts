/** The documents of the whole-system tests. Their timeouts are short, so that a process that died is found out soon. */

/** Read by an agent, above 500 approved by a manager, paid. */
export const claim = `# Claim

## Inputs
| Name     | Type   | Rule      | Meaning |
|----------|--------|-----------|---------|
| receipt  | text   | untrusted |         |
| claimed  | number |           |         |
| claimant | text   |           |         |

## Types
### Receipt
| Field    | Type   | Rule       |
|----------|--------|------------|
| merchant | text   |            |
| amount   | number | at least 0 |

### Payment
| Field     | Type |
|-----------|------|
| reference | text |

## Agents
### Reader
- model: small
- tools: policy.lookup

You read receipts.

## Steps
### Read the receipt
- agent: [Reader](#reader)
- uses: \`input.receipt\`, \`input.claimed\`
- gives: Receipt
- check: \`output.amount <= input.claimed\`
- retry: 2 times, after 1 second
- timeout: 6 seconds

Extract what was bought and for how much.

### Is it large?
- choose:
  - \`read_the_receipt.amount > 500\`: [Manager approves](#manager-approves)
  - otherwise: [Pay](#pay)

### Manager approves
- approve: manager
- not by: requester
- show: [Read the receipt](#read-the-receipt), \`input.claimant\`

Is the amount right?

### Pay
- after: [Is it large?](#is-it-large), [Manager approves](#manager-approves)
- tool: payments.transfer
- with:
  - to: \`input.claimant\`
  - amount: \`read_the_receipt.amount\`
- gives: Payment
- retry: 1 times, after 1 second
- timeout: 6 seconds

## Result
| Name    | Type    | Value              |
|---------|---------|--------------------|
| receipt | Receipt | \`read_the_receipt\` |
| paid    | Payment | \`pay\`              |
`;

/** Asks a manager, then pays: no model. */
export const order = `# Order

## Inputs
| Name     | Type   |
|----------|--------|
| amount   | number |
| supplier | text   |

## Types
### Payment
| Field     | Type |
|-----------|------|
| reference | text |

## Steps
### Manager approves
- approve: manager
- not by: requester
- show: \`input.amount\`, \`input.supplier\`

Shall this be ordered?

### Pay
- tool: payments.transfer
- with:
  - to: \`input.supplier\`
  - amount: \`input.amount\`
- gives: Payment
- timeout: 6 seconds

## Result
| Name | Type    | Value |
|------|---------|-------|
| paid | Payment | \`pay\` |
`;

/** One call of a writing tool. */
export const write = (title: string, tool: string, fields: readonly string[]) => `# ${title}

## Inputs
| Name   | Type   |
|--------|--------|
| to     | text   |
| amount | number |

## Types
### Receipt
| Field     | Type |
|-----------|------|
| reference | text |

## Steps
### Write
- tool: ${tool}
- with:
${fields.map((field) => `  - ${field}: \`input.${field}\``).join('\n')}
- gives: Receipt
- timeout: 6 seconds

## Result
| Name | Type    | Value   |
|------|---------|---------|
| done | Receipt | \`write\` |
`;

/** One agent step; a wrong answer may be corrected once, a failed call made once more. */
export const reading = (title: string, model: string) => `# ${title}

## Inputs
| Name    | Type   | Rule      |
|---------|--------|-----------|
| receipt | text   | untrusted |
| claimed | number |           |

## Types
### Receipt
| Field    | Type   |
|----------|--------|
| merchant | text   |
| amount   | number |

## Agents
### Reader
- model: ${model}

You read receipts.

## Steps
### Read
- agent: [Reader](#reader)
- uses: \`input.receipt\`
- gives: Receipt
- check: \`output.amount <= input.claimed\`
- retry: 1 times, after 1 second
- timeout: 2 seconds

Extract what was bought and for how much.

## Result
| Name    | Type    | Value  |
|---------|---------|--------|
| receipt | Receipt | \`read\` |
`;
