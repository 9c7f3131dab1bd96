/** Documents of three trades whose result is a proposal, as graphs: the container knows none of them. */
import { randomUUID } from 'node:crypto';
import { canonicalJson, sha256Hex } from '../../compiler/canonical.ts';
import type { Graph } from '../../compiler/graph.ts';
import { graphSchema } from '../../compiler/graph.ts';
import type { Json } from '../../compiler/types.ts';
import { storeVersion } from '../publish.ts';
import type { ApiFixture } from './api-fixture.ts';

const graphOf = (id: string, title: string, more: Partial<Graph>): Graph =>
  graphSchema.parse({
    schemaVersion: 1,
    id,
    title,
    inputs: [],
    types: [],
    agents: [],
    nodes: [],
    edges: [],
    result: [],
    externals: [],
    ...more,
  });

const text = { kind: 'text' } as const;
const number = { kind: 'number' } as const;

/** Texts, a list of records, a state with a default, a section that finance owns and one that a named person owns. */
export const onboarding = graphOf('onboarding-plan', 'Onboarding plan', {
  inputs: [{ name: 'buddy', type: text }],
  types: [
    {
      name: 'Task',
      type: {
        kind: 'record',
        fields: [
          { name: 'what', type: text, rules: { lengthAtLeast: 1 } },
          { name: 'day', type: { kind: 'integer' }, rules: { atLeast: 1 } },
        ],
      },
    },
  ],
  proposal: {
    state: {
      kind: 'record',
      fields: [
        { name: 'phase', type: { kind: 'one of', values: ['draft', 'ready'] }, default: 'draft' },
        { name: 'mentor', type: text, optional: true },
      ],
    },
    sections: [
      { field: { name: 'Welcome', type: text, rules: { lengthAtMost: 500 } } },
      { field: { name: 'First week', type: { kind: 'list', of: { kind: 'named', name: 'Task' } } } },
      { field: { name: 'Equipment', type: text }, owner: { role: 'operator' } },
      { field: { name: 'Notes of the buddy', type: text }, owner: { person: 'input.buddy' } },
    ],
  },
});

/** Amounts, and values that code computes: within a section's records, and a section from another. */
export const expense = graphOf('expense-report', 'Expense report', {
  proposal: {
    sections: [
      {
        field: {
          name: 'Lines',
          type: {
            kind: 'list',
            of: {
              kind: 'record',
              fields: [
                { name: 'what', type: text },
                { name: 'each', type: number, rules: { atLeast: 0 } },
                { name: 'count', type: { kind: 'integer' }, rules: { atLeast: 1 } },
                { name: 'total', type: number, computed: 'this.each * this.count' },
              ],
            },
          },
          default: [],
        },
      },
      {
        field: {
          name: 'Total',
          type: number,
          computed: 'sum(this.Lines.map(line, line.total))',
          rules: { atMost: 1000 },
        },
      },
      { field: { name: 'Purpose', type: text } },
    ],
  },
});

/** A state alone holds the facts; nobody is the assignee until an operator claims it. */
export const incident = graphOf('incident-report', 'Incident report', {
  proposal: {
    owner: { role: 'operator' },
    state: {
      kind: 'record',
      fields: [
        { name: 'severity', type: { kind: 'integer' }, rules: { atLeast: 1, atMost: 4 } },
        { name: 'affected', type: { kind: 'list', of: text } },
        { name: 'urgent', type: { kind: 'yes/no' }, computed: 'this.severity == 1' },
      ],
    },
    sections: [{ field: { name: 'Timeline', type: text } }, { field: { name: 'Cause', type: text } }],
  },
});

/** Without `## Proposal`: a proposal of a run of it has the rows of its Result. `startClaim` starts one. */
export const claim = graphOf('claim', 'Claim', {
  inputs: [
    { name: 'amount', type: number },
    { name: 'purpose', type: text },
  ],
  nodes: [
    {
      kind: 'set',
      id: 'note_the_claim',
      title: 'Note the claim',
      values: [{ name: 'amount', expr: 'input.amount' }],
      checks: [],
    },
  ],
  result: [{ name: 'amount', type: number, value: 'note_the_claim.amount' }],
});

/** Publishes the graph as An, in Acme; gives its hash. */
export async function publishGraph(fixture: ApiFixture, graph: Graph): Promise<string> {
  const hash = sha256Hex(canonicalJson(graph));
  const actor = { tenant: 'acme', user: 'an' };
  await fixture.store.actAs(actor, (tx) => storeVersion(tx, actor, { graph, hash, receipt: null, markdown: '' }));
  return hash;
}

/** Starts a proposal of a published document; gives its id. */
export async function startProposalOf(
  fixture: ApiFixture,
  document: string,
  user = 'an',
  input: Json = {},
): Promise<string> {
  const response = await fixture.app.inject({
    method: 'POST',
    url: '/proposals',
    headers: await fixture.as(user, randomUUID()),
    payload: { document, input },
  });
  if (response.statusCode !== 201) throw new Error(response.body);
  return response.json<{ id: string }>().id;
}
