/** A document with a loop, a branch, a gate, containers and a write, for tests of plans. */
export const plannedDocument = `# Order parts

- budget: 50000 tokens, 2 USD

## Inputs

| Name  | Type         | Rule                |
|-------|--------------|---------------------|
| wish  | text         |                     |
| large | yes/no       | default no          |
| parts | list of text | length at most 4    |

## Agents

### Buyer

- model: small
- tools: prices.find, orders.place

You buy parts.

## Steps

### Look for prices

- agent: [Buyer](#buyer)
- uses: \`input.wish\`
- tools: prices.find
- retry: 1 time

Find a price.

### Large?

- choose:
  - \`input.large\`: [Director agrees](#director-agrees)
  - otherwise: [Place it](#place-it)

### Director agrees

- approve: director
- not by: requester
- show: [Look for prices](#look-for-prices)
- actions: approve, reject, request changes to [Look for prices](#look-for-prices) at most 2 times
- due: 2 days
- if overdue: reject

### Place it

- after: [Director agrees](#director-agrees)
- agent: [Buyer](#buyer)
- uses: [Look for prices](#look-for-prices)
- gives: number
- retry: 0 times
- requires approval: clerk

Order it.

### Follow up

- repeat: at most 3 times until \`ask.done\`

#### Wait for it

- wait: 1 hour

#### Ask

- tool: orders.status
- timeout: 10 seconds

### File the parts

- tool: files.store
- for each: part in \`input.parts\`, at most 2 at once
- with:
  - name: \`part\`
`;

export const plannedConfiguration = {
  models: { small: { model: 'tiny', pricePerMillionTokens: { in: 1, out: 10 } } },
  tools: {
    'prices.find': { effect: 'read' },
    'orders.place': { effect: 'write' },
    'orders.status': { effect: 'read' },
    'files.store': { effect: 'write' },
  },
};
