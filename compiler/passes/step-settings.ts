/**
 * What each kind of step reads: one table of settings per kind. A new setting is a row in the kinds that take it; a new
 * kind is a table. What a kind needs besides its own setting is said in `needed`.
 */
import type { StepKind } from './draft.ts';
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
  ['retry', read.readRetry],
  ['timeout', read.readTimeout],
  ['requires approval', read.readRequiresApproval],
];

export const stepSettings: Readonly<Record<StepKind, ReadonlyMap<string, Reader>>> = {
  agent: new Map([['agent', read.readAgent], ['tools', read.readTools], ...calling, ...everyStep]),
  tool: new Map([['tool', read.readTool], ['with', read.readWith], ...calling, ...everyStep]),
  approve: new Map([
    ['approve', read.readApprove],
    ['show', read.readShow],
    ['actions', read.readActions],
    ['not by', read.readNotBy],
    ...everyStep,
  ]),
  choose: new Map([['choose', read.readChoose], ...everyStep]),
  set: new Map([['set', read.readSet], ['gives', read.readGives], ['check', read.readCheck], ...everyStep]),
};

export const stepKinds = Object.keys(stepSettings) as StepKind[];
