/**
 * The names of all settings of the dialect. What a place reads is said by its own table (`step-settings.ts`,
 * `read-document.ts`); a name that no table has is known here, so that it is not yet supported instead of unknown.
 */
import type { StepKind } from './draft.ts';

/** Settings that are not built yet, with the places they will be read in. */
export const settingsNotYet: Readonly<Record<string, readonly Place[]>> = {
  window: ['agent step'],
  think: ['agent step'],
  'accepts untrusted': ['tool step', 'run step'],
  breaker: ['agent step', 'tool step'],
  budget: ['document', 'agent', 'agent step', 'session step'],
  owner: ['document'],
  ask: ['approve step'],
  quorum: ['approve step'],
  remind: ['approve step', 'person step', 'session step'],
  due: ['approve step', 'person step', 'session step'],
  'if overdue': ['approve step', 'person step'],
  share: ['approve step'],
  section: ['agent step', 'tool step', 'person step', 'merge step', 'set step', 'session step'],
  state: ['agent step', 'tool step', 'person step', 'merge step', 'set step', 'session step'],
  undo: ['tool step'],
};

export type Place = 'document' | 'agent' | `${StepKind} step`;

/** Every setting that says a step's kind. */
export const stepKindNames: ReadonlySet<string> = new Set<StepKind>([
  ...(['agent', 'tool', 'approve', 'person', 'choose', 'merge', 'set', 'wait', 'run'] as const),
  ...(['repeat', 'for each', 'steps', 'session'] as const),
]);

/** Every name that an author may have meant as a setting. */
export const settingNames: ReadonlySet<string> = new Set([
  ...['id', 'dialect', 'model', 'tools', 'may delegate to'],
  ...stepKindNames,
  ...['after', 'when', 'then', 'uses', 'gives', 'with', 'check', 'retry', 'timeout', 'requires approval'],
  ...['show', 'actions', 'not by', 'key', 'if not reached', 'if it fails'],
  ...Object.keys(settingsNotYet),
]);

/** Do these settings say a step that holds other steps? `for each` beside an agent or a tool repeats that one step. */
export function isContainer(names: readonly string[]): boolean {
  if (names.includes('repeat') || names.includes('steps')) return true;
  return names.includes('for each') && !names.includes('agent') && !names.includes('tool');
}
