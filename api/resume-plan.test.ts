import { expect, test } from 'vitest';
import { compile } from '../compiler/compile.ts';
import type { Graph } from '../compiler/graph.ts';
import type { Recorded, ResumeRequest } from './resume-plan.ts';
import { planResume } from './resume-plan.ts';

const document = (settings: { prose?: string; last?: string } = {}) => `# Trip

## Inputs
| Name | Type |
|------|------|
| city | text |

## Types
### Fare
| Field  | Type   |
|--------|--------|
| amount | number |

## Agents
### Clerk
- model: small

You find fares.

## Steps
### Find
- agent: [Clerk](#clerk)
- uses: \`input.city\`
- gives: Fare

${settings.prose ?? 'Find one.'}

### Ask
- approve: manager
- show: [Find](#find)

### ${settings.last ?? 'Book'}
- tool: trips.book
- with:
  - amount: \`find.amount\`
`;

function graphOf(text: string): Graph {
  const { graph, diagnostics } = compile(text);
  if (!graph) throw new Error(JSON.stringify(diagnostics));
  return graph;
}

const graph = graphOf(document());

const done: Recorded = {
  executions: [
    { node: 'find', path: '', status: 'committed', costUsd: 0.25 },
    { node: 'book', path: '', status: 'committed', costUsd: 0 },
  ],
  gates: [{ id: 'g', node: 'ask', path: '', status: 'decided', verdict: 'approve' }],
  effects: [{ effectKey: 'e', node: 'book', tool: 'trips.book', status: 'succeeded' }],
};

function plan(more: Partial<ResumeRequest> = {}) {
  return planResume({
    run: 'run',
    before: graph,
    after: graph,
    graphHash: 'hash',
    input: 'digest',
    inputChanged: false,
    from: [],
    recorded: done,
    ...more,
  });
}

const why = ({ reruns }: ReturnType<typeof plan>) =>
  reruns.map(({ step, because, certain }) => [step, because, certain]);

test('what is done and unchanged is kept, decisions and effects too', () => {
  const { kept, reruns, approvals, effects, cost } = plan();
  expect(kept).toEqual([
    { step: 'find', times: 1 },
    { step: 'book', times: 1 },
  ]);
  expect(reruns).toEqual([]);
  expect(approvals).toEqual({ kept: [{ gate: 'g', step: 'ask', path: '', verdict: 'approve' }], lapsed: [] });
  expect(effects.kept).toEqual([{ effect: 'e', step: 'book', tool: 'trips.book', status: 'succeeded' }]);
  expect(cost).toEqual({ usd: 0, unknown: 0 });
});

test('what comes after a step that is done again may be, too, if it gives something else', () => {
  const from = plan({ from: ['find'] });
  expect(why(from)).toEqual([
    ['find', 'asked', true],
    ['ask', 'reads', false],
    ['book', 'reads', false],
  ]);
  expect(from.approvals.lapsed).toEqual([
    {
      gate: 'g',
      step: 'ask',
      path: '',
      reason: 'it shows or guards find, if that comes out different',
      certain: false,
    },
  ]);
  expect(from.cost).toEqual({ usd: 0.25, unknown: 0 });
});

test('an edited step runs again, an added one for the first time, and what a removed one wrote must be acknowledged', () => {
  const after = graphOf(document({ prose: 'Find a cheap one.', last: 'Reserve' }));
  const edited = plan({ after });
  expect(edited.graphChanged).toBe(true);
  expect(why(edited)).toEqual([
    ['find', 'changed', true],
    ['ask', 'guards', false],
    ['reserve', 'added', true],
  ]);
  expect(edited.effects).toEqual({
    kept: [],
    toAcknowledge: [{ effect: 'e', step: 'book', tool: 'trips.book', status: 'succeeded' }],
  });
  expect(edited.cost).toEqual({ usd: 0.25, unknown: 1 });
});

test('another input reruns what reads it, and a failed step is tried again', () => {
  expect(why(plan({ inputChanged: true }))[0]).toEqual(['find', 'input', false]);
  const executions = [done.executions[0], { node: 'book', path: '', status: 'failed', costUsd: 0 }] as const;
  expect(why(plan({ recorded: { ...done, executions: executions.filter((one) => one !== undefined) } }))).toEqual([
    ['book', 'failed', true],
  ]);
});

test('the digest is of the plan, the run and the input', () => {
  expect(plan().digest).toBe(plan().digest);
  const others = [
    plan({ run: 'other' }),
    plan({ input: 'other' }),
    plan({ from: ['ask'] }),
    plan({ graphHash: 'other' }),
  ];
  expect(new Set([plan(), ...others].map(({ digest }) => digest)).size).toBe(5);
});
