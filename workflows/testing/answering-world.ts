/**
 * Activities that answer as a random document's answers say, and note what they were asked. Some gates are decided as they
 * open, some later, some lapse before; some steps ask for an approval of their own first; some park until a person has them
 * done again; a run that a step calls takes its time.
 */
import { setTimeout as delay, setImmediate as soon } from 'node:timers/promises';
import type {
  GateState,
  Order,
  Ring,
  RunActivities,
  StepInput,
  StepOutcome,
  Transition,
} from '../../activities/contract.ts';
import { encodeSkeleton } from '../../compiler/skeleton-code.ts';
import type { RandomDocument } from './random-documents.ts';
import { answersOf } from './random-documents.ts';
import type { Done } from './reference-model.ts';
import { failure } from './scripted-run.ts';

export interface AnsweringWorld {
  activities: RunActivities;
  /** What the run of this id has done; of one that did not end, as rejected. */
  doneBy(run: string): Done;
}

interface Row {
  document: RandomDocument;
  calls: Set<string>;
  /** Of those, the ones that gave what the step ends with. */
  ended: Set<string>;
  told: Set<string>;
  done?: Done['outcome'];
  turn: number;
  /** Gates as their rows stand, and how often each was opened. */
  gates: Map<string, GateState>;
  opened: Map<string, number>;
  /** Runs that were called, and whether they have ended. */
  called: Map<string, boolean>;
  /** Orders of people by their commands. */
  orders: Map<string, Order>;
  /** Steps that parked, and whether they were done again. */
  parked: Map<string, boolean>;
  /** What the workflow has looked into. */
  heard: Set<string>;
}

export type RingRun = (run: string, ring: Ring) => void;

/**
 * `documents`: by the ids of their runs. Activities take turns of their own, so that steps end in another order than they
 * began. `ring` reaches the workflow of a run; as the relay does, the world rings until it was heard.
 */
export function answeringWorld(documents: ReadonlyMap<string, RandomDocument>, ring: RingRun): AnsweringWorld {
  const rows = new Map<string, Row>();

  function rowOf(run: string): Row {
    const document = documents.get(run);
    if (document === undefined) throw failure('bug');
    const fresh = (): Row => ({
      document,
      calls: new Set(),
      ended: new Set(),
      told: new Set(),
      turn: document.seed,
      gates: new Map(),
      opened: new Map(),
      called: new Map(),
      orders: new Map(),
      parked: new Map(),
      heard: new Set(),
    });
    const row = rows.get(run) ?? fresh();
    rows.set(run, row);
    return row;
  }

  /** 0 to `sides` - 1, other at each throw. */
  function throwDice(row: Row, sides: number): number {
    row.turn = (row.turn * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor(row.turn / 65_536) % sides;
  }

  async function takeTurns(row: Row): Promise<void> {
    for (let waited = throwDice(row, 4); waited > 0; waited -= 1) await soon();
  }

  /** Does it after other things have happened, then rings until it was heard of or the run is over. */
  async function later(run: string, what: Ring, doIt: () => void): Promise<void> {
    const row = rowOf(run);
    await takeTurns(row);
    doIt();
    const name = what.gate ?? what.run ?? '';
    for (let wait = 1; !row.heard.has(name) && row.done === undefined; wait = Math.min(wait * 2, 1000)) {
      ring(run, what);
      // A test that has failed waits for nobody.
      await delay(wait, undefined, { ref: false });
    }
  }

  /** A row that people are asked by: decided later, or before its opening was answered, or lapsed before it is. */
  function ask(run: string, place: string, action: string, mayBeDecided: boolean): GateState {
    const row = rowOf(run);
    const times = (row.opened.get(place) ?? 0) + 1;
    row.opened.set(place, times);
    const gate = `${place} #${times}`;
    const decided: GateState = { gate, verdict: { action, output: gate } };
    const chance = throwDice(row, 6);
    if (chance < 2 && mayBeDecided) return decided;
    row.gates.set(gate, { gate });
    const becomes: GateState = chance === 2 && times < 3 ? { gate, lapsed: true } : decided;
    void later(run, { gate }, () => row.gates.set(gate, becomes));
    return { gate };
  }

  /** A person has a parked step done again. An order that comes before the step has parked changes nothing, so there is another. */
  async function haveItDone(run: string, step: string, order: { node: string; path?: string }): Promise<void> {
    const row = rowOf(run);
    await takeTurns(row);
    for (let times = 1; row.parked.get(step) === false && row.done === undefined; times += 1) {
      const command = `${step} again, order ${times}`;
      row.orders.set(command, { ...order, command, does: 'retry' });
      ring(run, { command });
      await delay(Math.min(2 ** times, 1000), undefined, { ref: false });
    }
  }

  /** What an order led to is the person's, and no rule's. */
  function tell(row: Row, log: Transition[] = []): void {
    for (const { node, path = '', to, order } of log) if (order === undefined) row.told.add(`${node} ${path} ${to}`);
  }

  async function note(activity: string, { run, node, path = '', log }: StepInput) {
    const row = rowOf(run);
    tell(row, log);
    row.calls.add(`${activity} ${node} ${path}`);
    await takeTurns(row);
    return { row, path, answers: answersOf(row.document), document: row.document };
  }

  /** A step that has ended is not done again: were it, that would be a call that no rule knows. */
  function noteEnd(row: Row, activity: string, { node, path = '' }: StepInput): void {
    const call = `${activity} ${node} ${path}`;
    if (row.ended.has(call)) row.calls.add(`${call}, a second time`);
    row.ended.add(call);
  }

  /** `asks`: it may need an approval of its own. */
  const work =
    (activity: string, asks = false) =>
    async (input: StepInput): Promise<StepOutcome> => {
      const { row, path, answers } = await note(activity, input);
      const { run, node, gates = [] } = input;
      const own = `approval of ${node} ${path}`;
      if (gates.length === 0 && (row.opened.has(own) || (asks && throwDice(row, 4) === 0))) {
        const { gate } = ask(run, own, 'approve', false);
        return { status: 'awaiting-approval', gate, waitsFor: 'manager' };
      }
      const step = `${node} ${path}`;
      if (row.parked.has(step)) row.parked.set(step, true);
      else if (waitsWhenParked(row.document, node) && throwDice(row, 8) === 0) {
        row.parked.set(step, false);
        void haveItDone(run, step, path === '' ? { node } : { node, path });
        throw failure('tool-failed');
      }
      noteEnd(row, activity, input);
      const outcome = answers.outcome(node, path);
      if (outcome === 'failed') throw failure('tool-failed');
      return outcome === 'refused' ? { status: 'refused' } : { status: 'committed', output: `${input.node} ${path}` };
    };

  const activities: Partial<RunActivities> = {
    beginRun: async ({ run }) => ({
      skeleton: encodeSkeleton(rowOf(run).document.skeleton),
      // No condition can be decided by it: an activity is asked for each.
      input: { opaque: [''] },
    }),
    async finishRun({ run, outcome, log }) {
      const row = rowOf(run);
      tell(row, log);
      if (outcome === 'completed' || outcome === 'rejected') row.done = outcome;
      return {};
    },
    flushLog: async ({ run, log }) => tell(rowOf(run), log),
    runAgentStep: work('runAgentStep', true),
    runToolStep: work('runToolStep', true),
    runSetStep: work('runSetStep'),
    runMergeStep: work('runMergeStep'),
    async runSubflow(input) {
      const { row, path } = await note('runSubflow', input);
      const called = `run of ${input.node} ${path}`;
      if (row.called.get(called)) return work('runSubflow')(input);
      if (!row.called.has(called)) {
        row.called.set(called, false);
        void later(input.run, { run: called }, () => row.called.set(called, true));
      }
      return { status: 'called', run: called };
    },
    async evaluateWait(input) {
      await note('evaluateWait', input);
      return { until: 0 };
    },
    async runCollect(input) {
      const { row, path } = await note('runCollect', input);
      noteEnd(row, 'runCollect', input);
      return { status: 'committed', output: `${input.node} ${path}` };
    },
    async collectReads(input) {
      return { output: (await note('collectReads', input)).path };
    },
    async joinItems({ run, log }) {
      tell(rowOf(run), log);
      return { output: 'joined' };
    },
    async listItems({ from, ...input }) {
      const { path, answers } = await note('listItems', input);
      const total = answers.items(input.node, path);
      const items = Array.from({ length: total }, (_, key) => ({ output: `item ${key}`, key: String(key) }));
      return { total, items: items.slice(from, from + 2) };
    },
    async evaluateConditions({ conditions, ...input }) {
      const { path, answers } = await note('evaluateConditions', input);
      return { holds: conditions.find(({ of, index }) => answers.holds(input.node, path, `${of} ${index}`)) ?? null };
    },
    async openGate({ without = [], ...input }) {
      const { path, answers, document } = await note('openGate', input);
      const { actions = { done: 'continue' } } = document.skeleton.nodes.find(({ id }) => id === input.node) ?? {};
      const offered = Object.keys(actions).filter((action) => !without.includes(action));
      return ask(input.run, `${input.node} ${path}`, answers.verdict(input.node, path, offered), true);
    },
    async hear({ run, ring: rung, log }) {
      const row = rowOf(run);
      tell(row, log);
      const name = rung.gate ?? rung.run ?? '';
      row.heard.add(name);
      const order = row.orders.get(rung.command ?? '');
      if (order !== undefined) return { kind: 'order', order };
      if (rung.run !== undefined && row.called.get(name)) return { kind: 'run', run: name };
      const state = row.gates.get(name);
      return state?.verdict || state?.lapsed ? { kind: 'gate', state } : { kind: 'nothing' };
    },
    async readGates({ run, gates, log }) {
      const row = rowOf(run);
      tell(row, log);
      const states = gates.flatMap((gate) => row.gates.get(gate) ?? []);
      const decided = states.filter(({ verdict, lapsed }) => verdict !== undefined || lapsed);
      for (const { gate } of decided) row.heard.add(gate);
      return { decided };
    },
  };

  return {
    activities: activities as RunActivities,
    doneBy(run) {
      const { done = 'rejected', calls, told } = rowOf(run);
      return { outcome: done, calls: [...calls].sort(), told: [...told].sort() };
    },
  };
}

/** No setting of the step's own, or of a container around it, says what becomes of its failure. */
function waitsWhenParked({ skeleton: { nodes } }: RandomDocument, id: string): boolean {
  for (let node = nodes.find((one) => one.id === id); node !== undefined; node = nodes[node.parent ?? -1]) {
    if (node.ifItFails !== undefined) return false;
  }
  return true;
}
