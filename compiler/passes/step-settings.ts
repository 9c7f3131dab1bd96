/**
 * What each kind of step reads: one table of settings per kind. A new setting is a row in the kinds that take it; a new
 * kind is a table. What a kind needs besides its own setting is said in `needed`.
 */
import type { StepKind } from './draft.ts';
import * as gate from './gate-values.ts';
import * as tries from './retry-values.ts';
import type { Reader } from './setting-values.ts';
import * as read from './setting-values.ts';

type Rows = readonly (readonly [name: string, reader: Reader])[];

/** `id` is read by the names pass, which runs before. */
const everyStep: Rows = [
  ['id', () => ({})],
  ['after', read.readAfter],
  ['when', read.readWhen],
  ['then', read.readThen],
];

const calling: Rows = [
  ['uses', read.readUsesSetting],
  ['gives', read.readGives],
  ['check', read.readCheck],
  ['retry', tries.readRetry],
  ['timeout', tries.readTimeout],
  ['requires approval', gate.readRequiresApproval],
];

export const stepSettings: Readonly<Record<StepKind, ReadonlyMap<string, Reader>>> = {
  agent: new Map([['agent', read.readAgent], ['tools', read.readTools], ...calling, ...everyStep]),
  tool: new Map([['tool', read.readTool], ['with', read.readWith], ...calling, ...everyStep]),
  approve: new Map([
    ['approve', gate.readApprove],
    ['show', read.readShow],
    ['actions', gate.readActions],
    ['not by', gate.readNotBy],
    ...everyStep,
  ]),
  choose: new Map([['choose', read.readChoose], ...everyStep]),
  set: new Map([['set', read.readSet], ['gives', read.readGives], ['check', read.readCheck], ...everyStep]),
};

export const stepKinds = Object.keys(stepSettings) as StepKind[];
