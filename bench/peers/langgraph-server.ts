/** LangGraph: a graph whose nodes do nothing but return, with a checkpoint in PostgreSQL before each next one. */
import { randomUUID } from 'node:crypto';
import { Annotation, END, START, StateGraph } from '@langchain/langgraph';
import { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres';
import pg from 'pg';
import type { BurstTimes } from './burst-server.ts';
import { peerSettings, serveBursts, stepClock } from './burst-server.ts';

const { port, databaseUrl, connections } = peerSettings();
const pool = new pg.Pool({ connectionString: databaseUrl, max: connections });
const checkpointer = new PostgresSaver(pool);
await checkpointer.setup();
let clock = stepClock();

const state = Annotation.Root({ run: Annotation<string>, output: Annotation<string> });

function chainOf(steps: number) {
  const names = Array.from({ length: steps }, (_, index) => `step_${index + 1}`);
  const graph = new StateGraph(state) as StateGraph<typeof state.spec, typeof state.State, typeof state.Update, string>;
  for (const name of names) {
    graph.addNode(name, ({ run }) => {
      clock.begin(run);
      return { output: `${name} of ${run}` };
    });
  }
  [START, ...names].forEach((from, index) => {
    graph.addEdge(from as typeof START, names[index] ?? END);
  });
  return graph.compile({ checkpointer });
}

const graphs = new Map<number, ReturnType<typeof chainOf>>();

serveBursts(
  port,
  async ({ runs, steps }): Promise<BurstTimes> => {
    const graph = graphs.get(steps) ?? chainOf(steps);
    graphs.set(steps, graph);
    clock = stepClock();
    const started = performance.now();
    await Promise.all(
      Array.from({ length: runs }, async () => {
        const run = randomUUID();
        const configurable = { thread_id: run };
        return graph.invoke({ run }, { configurable, durability: 'sync', recursionLimit: steps + 10 });
      }),
    );
    return { wallMs: performance.now() - started, stepMs: clock.gaps() };
  },
  () => pool.end(),
);
