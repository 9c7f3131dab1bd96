/** An agent step with a scripted model behind real HTTP: for the integration tests of agent steps. */
import type { Graph } from '../../compiler/graph.ts';
import type { Json } from '../../compiler/types.ts';
import type { StepOutcome } from '../contract.ts';
import type { Dependencies } from '../dependencies.ts';
import { isModelUnavailable } from '../models/client.ts';
import type { PracticeServer } from '../practice/server.ts';
import { startPracticeServer } from '../practice/server.ts';
import { runAgentStep } from '../run-agent-step.ts';
import { isToolUnavailable } from '../tools/tool-problem.ts';
import { attemptOf } from './attempt.ts';
import type { Fixture, Settings } from './run-fixture.ts';
import { dependencies, graphOf, retry, startRun } from './run-fixture.ts';

export interface ScriptedModel {
  server: PracticeServer;
  scripts: Map<string, string>;
}

export async function startScriptedModel(): Promise<ScriptedModel> {
  const scripts = new Map<string, string>();
  const server = await startPracticeServer({ loadScript: async (run) => scripts.get(run) });
  return { server, scripts };
}

/** Dependencies of a worker whose models are answered by the script of the run. */
export function agentDependencies(fixture: Fixture, model: ScriptedModel, settings: Settings = {}): Dependencies {
  return {
    ...dependencies(fixture, {
      breakers: { counts: (error) => isToolUnavailable(error) || isModelUnavailable(error), failures: 50 },
      practiceUrl: model.server.url,
      ...settings,
    }),
    model: { baseUrl: model.server.baseUrl, apiKey: 'practice', practice: true },
  };
}

type AgentNode = Extract<Graph['nodes'][number], { kind: 'agent' }>;

/** A document of one agent step, `read`, that gives a Receipt. */
export function receiptGraph(node: Partial<AgentNode> = {}): Graph {
  return graphOf({
    inputs: [
      { name: 'receipt', type: { kind: 'text' }, untrusted: true },
      { name: 'claimed', type: { kind: 'number' } },
    ],
    types: [
      {
        name: 'Receipt',
        type: {
          kind: 'record',
          fields: [
            { name: 'merchant', type: { kind: 'text' }, rules: { lengthAtLeast: 1 } },
            { name: 'amount', type: { kind: 'number' }, rules: { atLeast: 0 } },
          ],
        },
      },
    ],
    agents: [
      { id: 'clerk', name: 'Clerk', model: 'small', tools: [], mayDelegateTo: [], instruction: 'You are careful.' },
    ],
    nodes: [
      {
        kind: 'agent',
        id: 'read',
        title: 'Read the receipt',
        agent: 'clerk',
        instruction: 'Extract what was bought.',
        uses: [
          { name: 'receipt', expr: 'input.receipt' },
          { name: 'claimed', expr: 'input.claimed' },
        ],
        tools: [],
        gives: { kind: 'named', name: 'Receipt' },
        checks: [{ expr: 'output.amount <= input.claimed' }],
        retry: retry(2, 10),
        timeoutMs: 5_000,
        ...node,
      },
    ],
  });
}

export const goodReceipt = { merchant: 'Railways', amount: 640 };

/** Starts a run whose model answers `turns`; gives its id. */
export async function startReceiptRun(
  fixture: Fixture,
  model: ScriptedModel,
  turns: Json[],
  more: { node?: Partial<AgentNode>; receipt?: string; tools?: Json } = {},
): Promise<string> {
  const input = { receipt: more.receipt ?? 'Train 640.00', claimed: 650 };
  const practice = JSON.stringify({
    steps: { read: [{ turns }] },
    ...(more.tools === undefined ? {} : { tools: more.tools }),
  });
  const run = await startRun(fixture, receiptGraph(more.node), input, { practice });
  model.scripts.set(run, practice);
  return run;
}

export function attemptRead(deps: Dependencies, run: string): ReturnType<typeof attemptOf<StepOutcome>> {
  return attemptOf((signal) => runAgentStep(deps, { run, node: 'read' }, signal));
}

/** Model calls of this run, in order: the conversation that was sent each time. */
export function modelCalls(model: ScriptedModel, run: string): { role: string; content: string | null }[][] {
  return model.server
    .requests()
    .filter(({ path, run: of }) => path === '/v1/chat/completions' && of === run)
    .map(({ body }) => (body as { messages: { role: string; content: string | null }[] }).messages);
}
