import { describe, expect, test } from 'vitest';
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
    { node: 'find', path: '', status: 'committed', costUsd: 0.25, proposalDiffers: false },
    { node: 'book', path: '', status: 'committed', costUsd: 0, proposalDiffers: false },
  ],
  gates: [{ id: 'g', node: 'ask', path: '', status: 'decided', verdict: 'approve', proposalDiffers: false }],
  effects: [{ effectKey: 'e', node: 'book', tool: 'trips.book', status: 'succeeded' }],
  edits: [],
  overwritten: [],
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
  const executions = done.executions.map((one) => (one.node === 'book' ? { ...one, status: 'failed' } : one));
  expect(why(plan({ recorded: { ...done, executions } }))).toEqual([['book', 'failed', true]]);
});

test('what the proposal gives otherwise by now is done again, and what a gate shows of it is asked again', () => {
  const gates = done.gates.map((gate) => ({ ...gate, proposalDiffers: true }));
  const { reruns, approvals, kept } = plan({ recorded: { ...done, gates } });
  expect(reruns.map(({ step, because, certain }) => [step, because, certain])).toEqual([['ask', 'proposal', true]]);
  const reason = 'the proposal holds something else by now of what it shows';
  expect(approvals).toEqual({ kept: [], lapsed: [{ gate: 'g', step: 'ask', path: '', reason, certain: true }] });
  expect(kept.map(({ step }) => step)).toEqual(['find', 'book']);

  const executions = done.executions.map((one) => ({ ...one, proposalDiffers: one.node === 'book' }));
  expect(why(plan({ recorded: { ...done, executions } }))).toEqual([['book', 'proposal', true]]);
});

test('a decision at one item stands where only what another item’s shows has changed', () => {
  const [gate] = done.gates;
  if (!gate) throw new Error('the run has no gate');
  const gates = [
    { ...gate, path: 'each[0]' },
    { ...gate, id: 'h', path: 'each[1]', proposalDiffers: true },
  ];
  const { approvals } = plan({ recorded: { ...done, gates } });
  expect(approvals.kept.map((one) => one.gate)).toEqual(['g']);
  expect(approvals.lapsed.map((one) => one.gate)).toEqual(['h']);
});

test('what a step that runs again writes over in the proposal is told', () => {
  const recorded = { ...done, overwritten: [{ node: 'find', place: 'Fare' }] };
  expect(plan({ recorded }).overwrites).toEqual([]);
  expect(plan({ recorded, inputChanged: true }).overwrites).toEqual([{ step: 'find', place: 'Fare', certain: false }]);
  expect(plan({ recorded, from: ['find'] }).overwrites).toEqual([{ step: 'find', place: 'Fare', certain: true }]);
});

describe('a value that an operator gave a step', () => {
  const edit = { path: '', by: 'olga', sameStep: true, proposalDiffers: false };
  const ofInput = { ...edit, node: 'find', name: 'input' };
  const ofFind = { ...edit, node: 'book', name: 'find' };
  const edits = (more: Partial<ResumeRequest> = {}, given: Partial<Recorded['edits'][number]> = {}) => {
    const recorded = { ...done, edits: [ofInput, ofFind].map((one) => ({ ...one, ...given })) };
    const { kept, dropped } = plan({ recorded, ...more }).edits;
    return {
      kept: kept.map(({ step, name, by }) => [step, name, by]),
      dropped: dropped.map(({ step, reason, certain }) => [step, reason, certain]),
    };
  };

  test('holds where the step and what it stands in place of are as they were', () => {
    const kept = [
      ['find', 'input', 'olga'],
      ['book', 'find', 'olga'],
    ];
    expect(edits()).toEqual({ kept, dropped: [] });
  });

  test('is dropped, for a reason, where they are not', () => {
    expect(edits({ from: ['find', 'book'] }).dropped).toEqual([
      ['find', 'the step is asked again, over what the document gives it', true],
      ['book', 'the step is asked again, over what the document gives it', true],
    ]);
    expect(edits({ from: ['find'] }).dropped[1]).toEqual([
      'book',
      'it stands in place of the output of find, if that comes out different',
      false,
    ]);
    expect(edits({ inputChanged: true }).dropped[0]).toEqual([
      'find',
      'it stood in place of the input there was',
      true,
    ]);
    expect(edits({}, { sameStep: false }).dropped[0]).toEqual([
      'find',
      'the step, or what the document takes as input, is another in this version',
      true,
    ]);
    expect(edits({}, { proposalDiffers: true }).dropped[0]).toEqual([
      'find',
      'the proposal holds something else by now than it stood in place of',
      true,
    ]);
    expect(edits({}, { node: 'gone' }).dropped[0]).toEqual(['gone', 'this version does not have the step', true]);
    expect(edits({ from: ['find'] }, { node: 'book', name: 'item' }).dropped[0]).toEqual([
      'book',
      'it stands in place of item, if that comes out different',
      false,
    ]);
  });
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
