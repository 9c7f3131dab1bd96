/** A run that has come to its `session` step: the task is open, the proposal is Rita's, and people can talk. */
import type { Graph, NodeOf } from '../../../compiler/graph.ts';
import type { Json } from '../../../compiler/types.ts';
import type { Actor } from '../../../prisma/open.ts';
import { askTurn, continueSession } from '../../../prisma/sessions.ts';
import type { Dependencies } from '../../dependencies.ts';
import { openGate } from '../../gates.ts';
import type { Fixture, Settings } from '../../testing/run-fixture.ts';
import { dependencies, graphOf, manager, requester, startRun, tenant } from '../../testing/run-fixture.ts';
import { runTurn } from '../run-turn.ts';
import type { StreamingModel } from './streaming-model.ts';

export const clerk: Graph['agents'][number] = {
  id: 'clerk',
  name: 'Clerk',
  model: 'small',
  tools: [],
  mayDelegateTo: [],
  instruction: 'You ask one question at a time.',
};

export const talk: NodeOf<'session'> = {
  id: 'talk',
  title: 'Talk it over',
  kind: 'session',
  who: 'assignee',
  agent: 'clerk',
  instruction: 'Find out how many days it takes.',
  uses: [],
  tools: [],
  gives: { kind: 'number' },
  checks: [],
  section: 'Days',
};

/** A document with that step, whose proposal has the one section `Days`. */
export function talkGraph(step: Partial<NodeOf<'session'>> = {}, parts: Partial<Graph> = {}): Graph {
  return graphOf({
    nodes: [{ ...talk, ...step }],
    agents: [{ ...clerk, tools: step.tools ?? [] }],
    proposal: { sections: [{ field: { name: 'Days', type: { kind: 'number' } } }] },
    ...parts,
  });
}

export function sessionDependencies(fixture: Fixture, model: StreamingModel, settings: Settings = {}): Dependencies {
  return { ...dependencies(fixture, settings), model: { baseUrl: model.url, apiKey: 'none', practice: false } };
}

export interface TalkedOver {
  run: string;
  /** Of the step's task. */
  gate: string;
  proposal: string;
  /** Says something in one's own session. */
  say(actor: Actor, text: string): Promise<{ session: string; turn: string }>;
  /** Says something and has it answered; gives how the turn ended. */
  talk(actor: Actor, text: string): Promise<{ state: string; session: string; turn: string }>;
  /** Data of the last message of this kind in that session. */
  last(actor: Actor, session: string, kind: string): Promise<Json>;
}

const never = new AbortController().signal;

/** Mona reviews the proposal. */
export async function openTalk(fixture: Fixture, deps: Dependencies, graph: Graph): Promise<TalkedOver> {
  const run = await startRun(fixture, graph);
  const { gate } = await openGate(deps, { run, node: 'talk' });
  const { id: proposal } = await fixture.api.actAs(requester, (tx) =>
    tx.proposal.findUniqueOrThrow({ where: { tenantId_runId: { tenantId: tenant, runId: run } } }),
  );
  await fixture.api.actAs(requester, (tx) =>
    tx.collaborator.create({
      data: {
        tenantId: tenant,
        proposalId: proposal,
        userId: manager.user,
        mode: 'reviewer',
        addedBy: requester.user,
        addedAt: new Date(),
      },
    }),
  );
  const say: TalkedOver['say'] = (actor, text) =>
    fixture.api.actAs(actor, async (tx) => {
      const { session } = await continueSession(tx, actor, proposal);
      const { turn } = await askTurn(tx, actor, session.id, text);
      return { session: session.id, turn: turn.id };
    });
  return {
    run,
    gate,
    proposal,
    say,
    async talk(actor, text) {
      const asked = await say(actor, text);
      return { ...asked, ...(await runTurn(deps, asked, never)) };
    },
    last: (actor, session, kind) =>
      fixture.api.actAs(actor, async (tx) => {
        const { body } = await tx.message.findFirstOrThrow({
          where: { tenantId: tenant, sessionId: session, kind },
          orderBy: { seq: 'desc' },
        });
        return kind === 'text' ? body : (JSON.parse(body) as Json);
      }),
  };
}
