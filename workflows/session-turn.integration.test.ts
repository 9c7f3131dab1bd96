/** The workflow of a session over scripted activities: nothing that is asked is left out, and nothing runs beside another. */
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { NativeConnection, WorkflowBundle } from '@temporalio/worker';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { SessionActivities } from '../activities/contract.ts';
import { ringSignal, sessionTurnWorkflow } from './messages.ts';
import { bundleInterpreter, connectQuietly } from './testing/try-interpreter.ts';

const taskQueue = `session-turn-${process.pid}`;
const sessions = new Map<string, ScriptedSession>();
let connection: Connection;
let native: NativeConnection;
let client: Client;
let bundle: WorkflowBundle;
let worker: Worker;
let running: Promise<void>;

interface ScriptedSession {
  waiting: string[];
  answered: string[];
  /** How many are being answered now, and the most there ever were. */
  now: number;
  most: number;
  /** Called while a turn is answered. */
  during?: (turn: string) => Promise<void>;
}

const of = (session: string): ScriptedSession => {
  const found = sessions.get(session) ?? { waiting: [], answered: [], now: 0, most: 0 };
  sessions.set(session, found);
  return found;
};

const activities: SessionActivities = {
  async nextTurn({ session }) {
    const [turn] = of(session).waiting;
    return turn === undefined ? {} : { turn };
  },
  async runTurn({ session, turn }) {
    const scripted = of(session);
    scripted.now += 1;
    scripted.most = Math.max(scripted.most, scripted.now);
    await scripted.during?.(turn);
    scripted.now -= 1;
    scripted.waiting.shift();
    scripted.answered.push(turn);
    return { state: 'done' };
  },
};

beforeAll(async () => {
  connection = await Connection.connect({ address: inject('temporalAddress') });
  native = await connectQuietly(inject('temporalAddress'));
  client = new Client({ connection, namespace: inject('temporalNamespace'), identity: 'client' });
  bundle = await bundleInterpreter();
  worker = await Worker.create({
    connection: native,
    namespace: inject('temporalNamespace'),
    taskQueue,
    workflowBundle: bundle,
    activities: { ...activities },
    identity: 'worker',
  });
  running = worker.run();
});
afterAll(async () => {
  worker?.shutdown();
  await running;
  await Promise.all([native.close(), connection.close()]);
});

/** As the relay does it. */
const ring = (session: string) =>
  client.workflow.signalWithStart<(input: { session: string }) => Promise<void>, []>(sessionTurnWorkflow, {
    taskQueue,
    workflowId: `session/${session}`,
    args: [{ session }],
    signal: ringSignal,
    signalArgs: [],
  });

test('the turns that wait are answered in their order, and what comes meanwhile after them, one at a time', async () => {
  const scripted = of('busy');
  scripted.waiting.push('one', 'two');
  scripted.during = async (turn) => {
    if (turn !== 'two') return;
    scripted.waiting.push('three');
    await Promise.all([ring('busy'), ring('busy')]);
  };
  await (await ring('busy')).result();
  expect(scripted.answered).toEqual(['one', 'two', 'three']);
  expect(scripted.most).toBe(1);
});

test('twenty that ring one after the other leave nothing waiting, whether the workflow was about to end or had ended', async () => {
  const scripted = of('often');
  for (let nth = 0; nth < 20; nth++) {
    scripted.waiting.push(`turn ${nth}`);
    await ring('often');
    await new Promise((resolve) => setTimeout(resolve, nth * 7));
  }
  await expect.poll(() => scripted.answered.length, { timeout: 30_000 }).toBe(20);
  expect(scripted.answered).toEqual(Array.from({ length: 20 }, (_, nth) => `turn ${nth}`));
  expect(scripted.most).toBe(1);
});

test('history holds ids and nothing else of a session', async () => {
  const scripted = of('plain');
  scripted.waiting.push('first', 'second');
  const handle = await ring('plain');
  await handle.result();
  const history = historyToJSON(await handle.fetchHistory());
  const payloads = [...history.matchAll(/"data": ?"([^"]*)"/g)].map(([, data = '']) =>
    Buffer.from(data, 'base64').toString('utf8'),
  );
  expect(new Set(payloads)).toEqual(
    new Set([
      '{"session":"plain"}',
      '{"turn":"first"}',
      '{"session":"plain","turn":"first"}',
      '{"state":"done"}',
      '{"turn":"second"}',
      '{"session":"plain","turn":"second"}',
      '{}',
    ]),
  );
});
