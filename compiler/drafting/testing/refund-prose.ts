/** A page of prose, what a model makes of each of its sections, and the document that follows. */
import type { DraftParts } from '../draft-parts.ts';
import { noParts } from '../draft-parts.ts';

export const refundProse = `# Refunds

A customer writes what happened and what they want back.

## Who looks

A clerk reads it and says how much is due.

## Who decides

A manager approves what is due.
`;

const field = { meaning: '', optional: false };

export const refundParts = [
  {
    ...noParts,
    inputs: [
      { ...field, name: 'story', type: 'text', meaning: 'what happened' },
      { ...field, name: 'wanted', type: 'number' },
    ],
  },
  {
    ...noParts,
    types: [{ name: 'Finding', fields: [{ ...field, name: 'due', type: 'number' }] }],
    agents: [{ id: 'clerk', name: 'Clerk', tools: [], instruction: 'You are a careful clerk.' }],
    steps: [
      {
        place: null,
        kind: 'agent',
        id: 'read_the_story',
        title: 'Read the story',
        agent: 'clerk',
        instruction: 'Say how much is due.',
        reads: ['input.story', 'input.wanted'],
        gives: 'Finding',
      },
    ],
  },
  {
    ...noParts,
    steps: [
      {
        place: null,
        kind: 'approve',
        id: 'manager_approves',
        title: 'Manager approves',
        roles: ['manager'],
        question: 'Is this due?',
        shows: ['read_the_story'],
        sendsBackTo: 'read_the_story',
      },
    ],
    result: [{ name: 'refund', type: 'Finding', value: 'read_the_story' }],
  },
] as const satisfies readonly Readonly<Record<keyof DraftParts, unknown>>[];

export const refundDocument = `# Refunds

## Inputs

| Name   | Type   | Meaning       |
|--------|--------|---------------|
| story  | text   | what happened |
| wanted | number |               |

## Types

### Finding

| Field | Type   |
|-------|--------|
| due   | number |

## Agents

### Clerk

- model: small

You are a careful clerk.

## Steps

### Read the story

- agent: [Clerk](#clerk)
- uses: \`input.story\`, \`input.wanted\`
- gives: Finding

Say how much is due.

### Manager approves

- approve: manager
- show: [Read the story](#read-the-story)
- actions:
  - approve: continue
  - reject: end
  - request changes: [Read the story](#read-the-story) at most 2 times

Is this due?

## Result

| Name   | Type    | Value            |
|--------|---------|------------------|
| refund | Finding | \`read_the_story\` |
`;
