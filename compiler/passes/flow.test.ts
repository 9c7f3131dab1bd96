import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EdgeDraft, StepDraft, StepKind, StepValues } from './draft.ts';
import { Flow } from './flow.ts';
import type { Code } from './phrases.ts';

const span = { start: 0, end: 0 };
const code: Code = { kind: 'code', code: '', places: [0], span };

function step(id: string, kind: StepKind, values: StepValues = {}, parent?: string): StepDraft {
  const heading = { text: id, depth: 3, anchor: id, span, thing: 'step' as const };
  return {
    id,
    title: id,
    kind,
    outputUnknown: false,
    headingSpan: span,
    block: { heading, nodes: [], span },
    settings: new Map(),
    values,
    instruction: '',
    ...(parent !== undefined && { parent }),
  };
}

const edge = (from: string, to: string, more: Partial<EdgeDraft> = {}): EdgeDraft => ({ from, to, span, ...more });
const when = (source: string): StepValues => ({ when: { source, code, span } });
const action = (name: string, effect: 'continue' | 'end' | 'link') => ({ name, effect, span });

describe('the flow of a document', () => {
  test('a step on an arm has run for those on the arm, and need not have for those after the join', () => {
    const arms = [{ span }, { span }];
    const flow = new Flow(
      [step('q', 'choose', { arms }), step('a', 'set'), step('b', 'set'), step('join', 'set')],
      [edge('q', 'a', { arm: 0 }), edge('a', 'b'), edge('q', 'join', { arm: 1 }), edge('b', 'join')],
    );
    expect(flow.hasRunBefore('a', 'b', false)).toBe(true);
    expect(flow.hasRunBefore('a', 'join', false)).toBe(false);
    expect(flow.hasRunAtEnd('join')).toBe(true);
  });

  test('of two exclusive arms one has run where the other is known not to have', () => {
    const arms = [{ span }, { span }];
    const flow = new Flow(
      [step('q', 'choose', { arms }), step('a', 'set'), step('b', 'set'), step('join', 'set')],
      [edge('q', 'a', { arm: 0 }), edge('q', 'b', { arm: 1 }), edge('a', 'join'), edge('b', 'join')],
    );
    expect(flow.hasRunBefore('b', 'join', true)).toBe(false);
    expect(flow.hasRunBefore('b', 'join', true, { present: [], absent: ['a'] })).toBe(true);
    expect(flow.hasRunAtEnd('b', { present: [], absent: ['a'] })).toBe(true);
    expect(flow.mayRunTogether('a', 'b')).toBe(false);
  });

  test('a step that is known to have run says that others on its arm have', () => {
    const arms = [{ span }, { span }];
    const flow = new Flow(
      [step('q', 'choose', { arms }), step('a', 'set'), step('b', 'set'), step('join', 'set')],
      [edge('q', 'a', { arm: 0 }), edge('a', 'b'), edge('b', 'join'), edge('q', 'join', { arm: 1 })],
    );
    expect(flow.hasRunBefore('a', 'join', true, { present: ['b'], absent: [] })).toBe(true);
  });

  test('an action leads to its own step only, and the others go on', () => {
    const actions = [action('approve', 'continue'), action('escalate', 'link'), action('reject', 'end')];
    const flow = new Flow(
      [step('gate', 'approve', { actions }), step('pay', 'tool'), step('director', 'set'), step('tell', 'set')],
      [
        edge('gate', 'pay'),
        edge('gate', 'director', { action: 'escalate' }),
        edge('pay', 'tell'),
        edge('director', 'tell'),
      ],
    );
    expect(flow.hasRunBefore('gate', 'tell', false)).toBe(true);
    expect(flow.hasRunBefore('pay', 'tell', false)).toBe(false);
    expect(flow.hasRunBefore('director', 'tell', false, { present: [], absent: ['pay'] })).toBe(true);
    expect(flow.mayRunTogether('pay', 'director')).toBe(false);
  });

  test('a link back changes nothing of what comes before what, and a branch that only leads back ends no pass', () => {
    const arms = [{ span }, { span }];
    const flow = new Flow(
      [step('write', 'agent'), step('check', 'set'), step('good', 'choose', { arms }), step('send', 'tool')],
      [
        edge('write', 'check'),
        edge('check', 'good'),
        edge('good', 'write', { arm: 0, back: { atMost: 2 } }),
        edge('good', 'send', { arm: 1 }),
      ],
    );
    expect(flow.cycles).toEqual([]);
    expect(flow.isBefore('good', 'write')).toBe(false);
    expect(flow.hasRunAtEnd('send')).toBe(true);
    expect(flow.back.map((one) => one.to)).toEqual(['write']);
  });

  test('a bound that is used up is an outcome of its arm', () => {
    const arms = [{ span }, { span }];
    const flow = new Flow(
      [step('write', 'agent'), step('good', 'choose', { arms }), step('ask', 'approve'), step('send', 'tool')],
      [
        edge('write', 'good'),
        edge('good', 'write', { arm: 0, back: { atMost: 2 } }),
        edge('good', 'ask', { arm: 0, on: 'used up' }),
        edge('good', 'send', { arm: 1 }),
        edge('ask', 'send'),
      ],
    );
    expect(flow.isReachable('ask')).toBe(true);
    expect(flow.hasRunBefore('ask', 'send', false)).toBe(false);
    expect(flow.hasRunAtEnd('send')).toBe(true);
  });

  test('what a step skips when it fails has no output, and what follows goes on', () => {
    const flow = new Flow(
      [step('fetch', 'tool', { ifItFails: { do: 'skip' } }), step('use', 'set')],
      [edge('fetch', 'use')],
    );
    expect(flow.hasRunBefore('fetch', 'use', false)).toBe(false);
    expect(flow.hasRunAtEnd('use')).toBe(true);
  });

  test('in a loop a failure leaves an item out, and there is a list whatever fails', () => {
    const each = { item: 'x', itemSpan: span, list: { source: 'input.xs', code, span } };
    const flow = new Flow(
      [step('fetch', 'tool', { ifItFails: { do: 'skip' }, each }), step('use', 'set')],
      [edge('fetch', 'use')],
    );
    expect(flow.hasRunBefore('fetch', 'use', false)).toBe(true);
  });

  test('steps in a container come before each other as others do, and after what comes before the container', () => {
    const flow = new Flow(
      [
        step('a', 'set'),
        step('box', 'steps'),
        step('in1', 'set', {}, 'box'),
        step('in2', 'set', {}, 'box'),
        step('z', 'set'),
      ],
      [edge('a', 'box'), edge('in1', 'in2'), edge('box', 'z')],
    );
    expect(flow.isBefore('a', 'in2')).toBe(true);
    expect(flow.isBefore('in1', 'in2')).toBe(true);
    expect(flow.isBefore('box', 'in1')).toBe(false);
    expect(flow.isBefore('in1', 'z')).toBe(false);
    expect(flow.hasRunBefore('in1', 'z', false)).toBe(true);
    expect(flow.order).toEqual(['a', 'in1', 'in2', 'box', 'z']);
    expect(flow.around('in2')).toEqual(['box']);
  });

  test('the same words are another question where a loop or a return gives them another meaning', () => {
    const flow = (source: string) =>
      new Flow(
        [step('a', 'set', when(source)), step('box', 'repeat'), step('b', 'set', when(source), 'box')],
        [edge('a', 'box')],
      );
    expect(flow('input.x').hasRunBefore('a', 'b', true)).toBe(true);
    expect(flow('has(feedback.x)').hasRunBefore('a', 'b', true)).toBe(false);
    expect(flow('previous.n > 1').hasRunBefore('a', 'b', true)).toBe(false);
    expect(flow('proposal.state.x').hasRunBefore('a', 'b', true)).toBe(false);
  });

  test('ids that are given twice, and a container in a step of its own name, end', () => {
    const flow = new Flow([step('a', 'steps'), step('a', 'set', {}, 'a'), step('b', 'set', {}, 'a')], []);
    expect(flow.order).toEqual(['b', 'a']);
    expect(flow.around('b')).toEqual(['a']);
  });
});

interface Plan {
  steps: StepDraft[];
  edges: EdgeDraft[];
}

/** What one step may be, and where it leads: indexes of later steps of its scope. */
interface Choice {
  kind: 'set' | 'skip' | 'fails' | 'gate' | 'choose' | 'person' | 'box' | 'not reached';
  when: 0 | 1 | 2;
  from: number[];
  to: number[];
}

const choice: fc.Arbitrary<Choice> = fc.record({
  kind: fc.constantFrom('set', 'set', 'skip', 'fails', 'gate', 'choose', 'person', 'box', 'not reached'),
  when: fc.constantFrom(0, 0, 1, 2),
  from: fc.array(fc.nat(3), { maxLength: 2 }),
  to: fc.array(fc.nat(3), { minLength: 2, maxLength: 2 }),
});

const plans: fc.Arbitrary<Plan> = fc
  .tuple(fc.array(choice, { minLength: 1, maxLength: 5 }), fc.array(choice, { minLength: 1, maxLength: 2 }))
  .map(([outer, inner]) => {
    const scope = planScope(outer, '', undefined);
    const box = scope.steps.find((one) => one.kind === 'steps' || one.kind === 'repeat');
    if (!box) return scope;
    const within = planScope(
      inner.map((one) => (one.kind === 'box' || one.kind === 'not reached' ? { ...one, kind: 'set' } : one)),
      'in',
      box.id,
    );
    return { steps: [...scope.steps, ...within.steps], edges: [...scope.edges, ...within.edges] };
  });

function planScope(choices: readonly Choice[], prefix: string, parent: string | undefined): Plan {
  const edges: EdgeDraft[] = [];
  const id = (index: number): string => `${prefix}${index}`;
  const steps = choices.map((one, index) => {
    const later = one.to.map((at) => index + 1 + at).filter((at) => at < choices.length);
    const [left, right] = later;
    for (const at of one.from) {
      const before = index - 1 - at;
      if (before >= 0 && choices[before]?.kind !== 'choose') edges.push(edge(id(before), id(index)));
    }
    const said = one.when === 0 ? {} : when(`input.${one.when}`);
    switch (one.kind) {
      case 'skip':
        return step(id(index), 'tool', { ...said, ifItFails: { do: 'skip' } }, parent);
      case 'fails':
        if (left === undefined) return step(id(index), 'set', said, parent);
        edges.push(edge(id(index), id(left), { on: 'failure' }));
        return step(id(index), 'tool', { ...said, ifItFails: { do: 'link', to: { step: id(left), span } } }, parent);
      case 'gate': {
        const actions = [action('yes', 'continue'), action('no', 'end')];
        if (left === undefined) return step(id(index), 'approve', { ...said, actions }, parent);
        edges.push(edge(id(index), id(left), { action: 'other' }));
        return step(id(index), 'approve', { ...said, actions: [...actions, action('other', 'link')] }, parent);
      }
      case 'person':
        return step(id(index), 'person', { ...said, ifOverdue: { do: 'continue' } }, parent);
      case 'choose':
        if (left === undefined || right === undefined) return step(id(index), 'set', {}, parent);
        edges.push(edge(id(index), id(left), { arm: 0 }), edge(id(index), id(right), { arm: 1 }));
        return step(id(index), 'choose', { arms: [{ span }, { span }] }, parent);
      case 'not reached':
        if (left === undefined) return step(id(index), 'repeat', said, parent);
        edges.push(edge(id(index), id(left), { on: 'not reached' }));
        return step(
          id(index),
          'repeat',
          { ...said, ifNotReached: { do: 'link', to: { step: id(left), span } } },
          parent,
        );
      default:
        return step(id(index), one.kind === 'box' ? 'steps' : 'set', said, parent);
    }
  });
  const plain = (one: EdgeDraft): boolean =>
    choices[Number(one.from.slice(prefix.length))]?.kind !== 'choose' || one.arm !== undefined;
  return { steps, edges: edges.filter(plain) };
}

/** Everything that may be decided: what each `when` says and how each step ends. */
type World = ReadonlyMap<string, string>;

function endsOf({ kind, values }: StepDraft): string[] {
  if (kind === 'choose') return ['0', '1'];
  if (kind === 'approve') return (values.actions ?? []).map((one) => one.name);
  if (kind === 'person') return ['done', 'overdue'];
  if (values.ifItFails) return ['done', 'failure'];
  return values.ifNotReached ? ['done', 'not reached'] : ['done'];
}

function worldsOf(steps: readonly StepDraft[]): World[] {
  const questions: [string, string[]][] = [
    ['input.1', ['yes', 'no']],
    ['input.2', ['yes', 'no']],
    ...steps.map((one): [string, string[]] => [one.id, endsOf(one)]),
  ];
  return questions.reduce<Map<string, string>[]>(
    (worlds, [name, answers]) => worlds.flatMap((world) => answers.map((answer) => new Map(world).set(name, answer))),
    [new Map()],
  );
}

interface Happened {
  reached: Set<string>;
  ran: Set<string>;
  gave: Set<string>;
  refused: boolean;
}

/** Runs a scope in document order, by the rules for edges and joins. */
function simulate(plan: Plan, parent: string | undefined, world: World, happened: Happened): void {
  const resolved = new Map<EdgeDraft, 'live' | 'untaken' | 'refused'>();
  for (const one of plan.steps.filter((each) => each.parent === parent)) {
    const into = plan.edges.filter((each) => each.to === one.id).map((each) => resolved.get(each));
    const out = plan.edges.filter((each) => each.from === one.id);
    const isPlain = (each: EdgeDraft): boolean =>
      each.arm === undefined && each.action === undefined && each.on === undefined;
    const all = (as: 'live' | 'untaken' | 'refused', which: (each: EdgeDraft) => boolean = () => true): void => {
      for (const each of out) resolved.set(each, which(each) ? as : 'untaken');
    };
    if (into.includes('refused')) all('refused');
    else if (into.length > 0 && !into.includes('live')) all('untaken');
    else {
      happened.reached.add(one.id);
      const condition = one.values.when?.source;
      if (condition !== undefined && world.get(condition) === 'no') {
        all('live', isPlain);
        continue;
      }
      happened.ran.add(one.id);
      const end = world.get(one.id);
      const inner: Happened = { ...happened, refused: false };
      simulate(plan, one.id, world, inner);
      if (inner.refused || end === 'no') {
        happened.refused = true;
        all('refused');
        continue;
      }
      if (one.kind !== 'choose' && end !== 'failure' && (one.kind !== 'person' || end === 'done'))
        happened.gave.add(one.id);
      if (one.kind === 'choose') all('live', (each) => String(each.arm) === end);
      else if (end === 'other') all('live', (each) => each.action === 'other');
      else if (end === 'not reached') all('live', (each) => each.on === 'not reached');
      else if (end === 'failure' && one.values.ifItFails?.do === 'link') all('live', (each) => each.on === 'failure');
      else all('live', isPlain);
    }
  }
}

/** Is there a way from the one to the other, or to a container of it, in the scope of the one? */
function leadsTo({ steps, edges }: Plan, one: string, other: string): boolean {
  const parentOf = (id: string): string | undefined => steps.find((each) => each.id === id)?.parent;
  let start = other;
  while (parentOf(start) !== parentOf(one)) {
    const parent = parentOf(start);
    if (parent === undefined) return false;
    start = parent;
  }
  return edges.some((each) => each.to === start && (each.from === one || leadsTo({ steps, edges }, one, each.from)));
}

test('of any small flow, what is said to have run has run in each of its runs, and what is not has not in some', () => {
  fc.assert(
    fc.property(plans, (plan) => {
      const flow = new Flow(plan.steps, plan.edges);
      const runs = worldsOf(plan.steps).map((world) => {
        const happened: Happened = { reached: new Set(), ran: new Set(), gave: new Set(), refused: false };
        simulate(plan, undefined, world, happened);
        return happened;
      });
      for (const { id } of plan.steps) {
        expect(flow.isReachable(id)).toBe(runs.some((run) => run.reached.has(id)));
        expect(flow.hasRunAtEnd(id)).toBe(runs.every((run) => run.refused || run.gave.has(id)));
        for (const { id: reader } of plan.steps) {
          expect(flow.isBefore(id, reader)).toBe(leadsTo(plan, id, reader));
          const container = flow.around(id).at(-1) ?? id;
          if (flow.isBefore(container, reader)) {
            const always = (met: 'reached' | 'ran') => runs.every((run) => !run[met].has(reader) || run.gave.has(id));
            expect(flow.hasRunBefore(id, reader, false)).toBe(always('reached'));
            expect(flow.hasRunBefore(id, reader, true)).toBe(always('ran'));
          } else if (flow.mayRunTogether(id, reader)) {
            expect(runs.some((run) => run.ran.has(id) && run.ran.has(reader))).toBe(true);
          }
        }
      }
    }),
    { numRuns: 300 },
  );
}, 60_000);
