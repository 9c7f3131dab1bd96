/**
 * What each kind of step reads: one table of settings per kind. A new setting is a row in the kinds that take it; a new
 * kind is a table. What a kind needs besides its own setting is said in `needed-settings.ts`.
 */
import { readActions } from './action-values.ts';
import * as container from './container-values.ts';
import type { StepKind } from './draft.ts';
import * as gate from './gate-values.ts';
import * as kind from './kind-values.ts';
import * as limit from './limit-values.ts';
import * as order from './order-values.ts';
import * as people from './people-values.ts';
import * as place from './place-values.ts';
import * as tries from './retry-values.ts';
import type { Reader } from './setting-values.ts';
import * as read from './setting-values.ts';

type Rows = readonly (readonly [name: string, reader: Reader])[];

/** `id` is read by the names pass, which runs before. */
const everyStep: Rows = [
  ['id', () => ({})],
  ['after', order.readAfter],
  ['when', read.readWhen],
  ['then', order.readThen],
];

const checked: Rows = [
  ['gives', read.readGives],
  ['check', read.readCheck],
];

/** Beside `agent` or `tool`, and of a container. */
const looped: Rows = [
  ['for each', container.readForEach],
  ['key', container.readKey],
];

/** Of what gives something: where in the proposal it goes. */
const placed: Rows = [
  ['section', place.readSection],
  ['state', place.readState],
];

/** Of gates and of tasks of people. */
const asking: Rows = [
  ['show', read.readShow],
  ['not by', gate.readNotBy],
  ['remind', gate.readRemind],
  ['due', gate.readDue],
];

const calling: Rows = [
  ['uses', read.readUsesSetting],
  ...checked,
  ['retry', tries.readRetry],
  ['timeout', tries.readTimeout],
  ['breaker', limit.readBreaker],
  ['requires approval', people.readRequiresApproval],
  ['if it fails', order.readIfItFails],
  ...looped,
  ...placed,
];

export const stepSettings: Readonly<Record<StepKind, ReadonlyMap<string, Reader>>> = {
  agent: new Map([
    ['agent', read.readAgent],
    ['tools', read.readTools],
    ...calling,
    ['budget', limit.readBudget],
    ['window', limit.readWindow],
    ['think', limit.readThink],
    ...everyStep,
  ]),
  tool: new Map([
    ['tool', read.readTool],
    ['with', read.readWith],
    ...calling,
    ['accepts untrusted', place.readAcceptsUntrusted],
    ['undo', place.readUndo],
    ...everyStep,
  ]),
  approve: new Map([
    ['approve', people.readApprove],
    ['actions', readActions],
    ...asking,
    ['if overdue', gate.readIfOverdue],
    ['quorum', gate.readQuorum],
    ['ask', gate.readAsk],
    ['share', gate.readShare],
    ...everyStep,
  ]),
  person: new Map([
    ['person', people.readApprove],
    ...asking,
    ['if overdue', gate.readIfTaskOverdue],
    ...checked,
    ...placed,
    ...everyStep,
  ]),
  choose: new Map([['choose', order.readChoose], ...everyStep]),
  merge: new Map([['merge', kind.readMerge], ...checked, ...placed, ...everyStep]),
  set: new Map([['set', read.readSet], ...checked, ...placed, ...everyStep]),
  wait: new Map([['wait', kind.readWait], ...everyStep]),
  run: new Map([
    ['run', kind.readRun],
    ['with', read.readWith],
    ['uses', read.readUsesSetting],
    ['check', read.readCheck],
    ['accepts untrusted', place.readAcceptsUntrusted],
    ['if it fails', order.readIfItFails],
    ...placed,
    ...everyStep,
  ]),
  repeat: new Map([['repeat', container.readRepeat], ['if not reached', order.readIfNotReached], ...everyStep]),
  'for each': new Map([...looped, ['if it fails', order.readIfItFails], ...everyStep]),
  steps: new Map([['steps', container.readGroup], ...everyStep]),
  session: new Map([
    ['session', kind.readSession],
    ['agent', read.readAgent],
    ['uses', read.readUsesSetting],
    ['tools', read.readTools],
    ['check', read.readCheck],
    ...placed,
    ['budget', limit.readBudget],
    ['remind', gate.readRemind],
    ['due', gate.readDue],
    ['undo', place.readUndo],
    ...everyStep,
  ]),
};

export const stepKinds = Object.keys(stepSettings) as StepKind[];
