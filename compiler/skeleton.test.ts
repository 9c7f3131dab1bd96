import { describe, expect, test } from 'vitest';
import type { Graph, Node } from './graph.ts';
import { conditionsOf } from './node-expressions.ts';
import { nodeHash } from './node-hash.ts';
import { guardedBy, skeletonOf, viewPathsOf } from './skeleton.ts';

const producing = {
  gives: { kind: 'named', name: 'Receipt' },
  checks: [],
  retry: { times: 2, initialMs: 1000, factor: 2, maxMs: 60_000 },
  timeoutMs: 30_000,
} as const satisfies Partial<Node>;

const expense: Graph = {
  schemaVersion: 1,
  id: 'expense',
  title: 'Expense',
  inputs: [{ name: 'receipt', type: { kind: 'text' } }],
  types: [
    {
      name: 'Receipt',
      type: { kind: 'record', fields: [{ name: 'vendor', type: { kind: 'named', name: 'Vendor' } }] },
    },
    { name: 'Vendor', type: { kind: 'record', fields: [{ name: 'name', type: { kind: 'text' } }] } },
    { name: 'Unrelated', type: { kind: 'record', fields: [] } },
  ],
  agents: [
    {
      id: 'accountant',
      name: 'Accountant',
      model: 'small',
      tools: ['policy.lookup'],
      mayDelegateTo: [],
      instruction: 'Be careful.',
    },
  ],
  nodes: [
    {
      id: 'read',
      title: 'Read',
      kind: 'agent',
      agent: 'accountant',
      instruction: 'Read it.',
      uses: [{ name: 'receipt', expr: 'input.receipt' }],
      tools: [],
      ...producing,
      checks: [{ expr: 'output.vendor.name != ""' }],
    },
    {
      id: 'large',
      title: 'Large?',
      kind: 'choose',
      arms: [{ when: 'read["a.b"].c > 5', to: 'approve' }, { to: 'pay' }],
    },
    {
      id: 'approve',
      title: 'Approve',
      kind: 'approve',
      approvers: { need: 'any', of: [{ role: 'manager' }, { role: 'director' }] },
      notBy: ['requester'],
      show: [],
      actions: [
        { name: 'approve', effect: 'continue' },
        { name: 'reject', effect: 'end' },
      ],
      instruction: '',
    },
    {
      id: 'pay',
      title: 'Pay',
      kind: 'tool',
      tool: 'payments.transfer',
      when: 'has(approve.action) && size(read.lines) > 0',
      with: [{ name: 'amount', expr: 'read.amount' }],
      ...producing,
    },
  ],
  edges: [
    { from: 'read', to: 'large' },
    { from: 'large', to: 'approve', arm: 0 },
    { from: 'large', to: 'pay', arm: 1 },
    { from: 'approve', to: 'pay' },
  ],
  result: [{ name: 'paid', type: { kind: 'anything' }, value: 'pay' }],
  externals: [],
};

const nodeOf = (graph: Graph, id: string): Node => graph.nodes.find((node) => node.id === id)!;

describe('the skeleton of a graph', () => {
  test('holds what control flow needs, and no instruction, schema or tool', () => {
    expect(skeletonOf(expense)).toEqual({
      title: 'Expense',
      nodes: [
        { id: 'read', title: 'Read', kind: 'agent' },
        { id: 'large', title: 'Large?', kind: 'choose', arms: [{ when: 'read["a.b"].c > 5' }, {}], reads: ['read'] },
        {
          id: 'approve',
          title: 'Approve',
          kind: 'approve',
          actions: { approve: 'continue', reject: 'end' },
          waitsFor: 'manager or director',
          reads: ['read'],
        },
        {
          id: 'pay',
          title: 'Pay',
          kind: 'tool',
          when: 'has(approve.action) && size(read.lines) > 0',
          reads: ['read', 'approve'],
        },
      ],
      edges: [
        { from: 0, to: 1 },
        { from: 1, to: 2, arm: 0 },
        { from: 1, to: 3, arm: 1 },
        { from: 2, to: 3 },
      ],
      resultReads: ['pay'],
    });
  });

  test('a gate reads what the writes that it guards will read, though it does not name it', () => {
    expect(guardedBy(expense, 'approve').map((node) => node.id)).toEqual(['pay']);
    expect(skeletonOf(expense).nodes[2]?.reads).toEqual(['read']);
  });

  test('says of a gate in a container whether it guards writes after the container', () => {
    const inside = (ids: string[]) => {
      const nodes = expense.nodes.map((node) => (ids.includes(node.id) ? { ...node, parent: 'both' } : node));
      const both: Node = { id: 'both', title: 'Both', kind: 'steps', order: 'in order' };
      const edges = [{ from: 'both', to: 'pay' }];
      return skeletonOf({ ...expense, nodes: [both, ...nodes], edges }).nodes.find(({ id }) => id === 'approve');
    };
    expect(inside(['approve'])?.guardsOutside).toBe(true);
    expect(inside(['approve', 'pay'])?.guardsOutside).toBeUndefined();
  });

  test('says of tools and of conversations whether something takes their writes back', () => {
    const talk: Node = {
      ...{ id: 'talk', title: 'Talk', kind: 'session', who: 'assignee', agent: 'accountant', instruction: '' },
      ...{ uses: [], tools: ['policy.set'], gives: { kind: 'text' }, checks: [], section: 'Notes' },
    };
    const skeleton = skeletonOf({
      ...expense,
      nodes: [
        { ...talk, undo: 'policy.unset' },
        { ...talk, id: 'again' },
      ],
    });
    expect(skeleton.nodes.map(({ undo }) => undo)).toEqual([true, undefined]);
  });

  test('views hold the paths that conditions read, and dots in names are no separators', () => {
    expect(viewPathsOf(expense)).toEqual({ read: ['a~1b.c', 'lines'], approve: ['action'] });
    expect(conditionsOf(nodeOf(expense, 'large'))).toEqual(['read["a.b"].c > 5']);
  });
});

describe('the hash of a step', () => {
  const hash = (graph: Graph, id = 'read') => nodeHash(graph, nodeOf(graph, id), { model: 'm', tools: { a: 1 } });
  const edited = (edit: (graph: Graph) => void): Graph => {
    const copy = structuredClone(expense);
    edit(copy);
    return copy;
  };

  test.each<[string, (graph: Graph) => void]>([
    ['another step', (graph) => Object.assign(nodeOf(graph, 'pay'), { timeoutMs: 1 })],
    ['the edges', (graph) => void graph.edges.pop()],
    ['the heading', (graph) => Object.assign(nodeOf(graph, 'read'), { title: 'Read it again' })],
    ['a type that it does not use', (graph) => void graph.types.pop()],
  ])('is the same after an edit of %s', (_, edit) => {
    expect(hash(edited(edit))).toBe(hash(expense));
  });

  test.each<[string, (graph: Graph) => void]>([
    ['its instruction', (graph) => Object.assign(nodeOf(graph, 'read'), { instruction: 'Read it well.' })],
    ['its agent', (graph) => Object.assign(graph.agents[0]!, { instruction: 'Be quick.' })],
    ['its type', (graph) => Object.assign(graph.types[0]!, { type: { kind: 'text' } })],
    ['a type within its type', (graph) => Object.assign(graph.types[1]!, { type: { kind: 'text' } })],
  ])('changes with %s', (_, edit) => {
    expect(hash(edited(edit))).not.toBe(hash(expense));
  });

  test('changes with the model and the tools that configuration resolves', () => {
    const node = nodeOf(expense, 'read');
    const hashes = [{ model: 'm' }, { model: 'n' }, { model: 'm', tools: { a: 1 } }].map((one) =>
      nodeHash(expense, node, one),
    );
    expect(new Set(hashes).size).toBe(3);
  });

  test('covers the agents that the step’s may hand work to, near and far, with their models, and no others', () => {
    const clerk = expense.agents[0] as Graph['agents'][number];
    const agents = (near: string, far: string, other: string): Graph['agents'] => [
      { ...clerk, mayDelegateTo: ['near'] },
      { ...clerk, id: 'near', mayDelegateTo: ['far'], instruction: near },
      { ...clerk, id: 'far', instruction: far },
      { ...clerk, id: 'other', instruction: other },
    ];
    const hashOf = (all: Graph['agents'], models: Record<string, string> = {}) => {
      const graph = { ...expense, agents: all };
      return nodeHash(graph, nodeOf(graph, 'read'), { model: 'm', models });
    };
    const plain = hashOf(agents('a', 'b', 'c'));
    expect(hashOf(agents('a', 'b', 'edited'))).toBe(plain);
    const others = [agents('edited', 'b', 'c'), agents('a', 'edited', 'c')].map((all) => hashOf(all));
    const hashes = [plain, ...others, hashOf(agents('a', 'b', 'c'), { far: 'm2' })];
    expect(new Set(hashes).size).toBe(4);
  });
});

describe('a gate or a task that is overdue', () => {
  const gate = expense.nodes.find((node) => node.kind === 'approve');
  if (gate?.kind !== 'approve') throw new Error('the graph has no gate');
  const waits = (ifOverdue: typeof gate.ifOverdue, actions: object) => {
    const nodes = expense.nodes.map((node) => (node.id === gate.id ? { ...gate, dueMs: 1000, ifOverdue } : node));
    const found = skeletonOf({ ...expense, nodes } as Graph).nodes.find(({ id }) => id === gate.id);
    expect(found?.actions).toMatchObject(actions);
    return found;
  };

  test('has a verdict of its own where that has an effect, and else says whom it asks or where it leads', () => {
    expect(waits(undefined, {})?.actions).not.toHaveProperty('overdue');
    waits({ do: 'continue' }, { overdue: 'continue' });
    waits({ do: 'reject' }, { overdue: 'end' });
    expect(waits({ do: 'link' }, {})).toMatchObject({ ifOverdue: 'link' });
    const asked = { need: 'any', of: [{ role: 'director' }, { role: 'chair' }] } as const;
    const asks = waits({ do: 'ask', approvers: { need: asked.need, of: [...asked.of] } }, {});
    expect(asks).toMatchObject({ asksOn: 'director or chair' });
    expect(asks?.actions).not.toHaveProperty('overdue');
  });
});
