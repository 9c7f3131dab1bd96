/**
 * The names of all settings of the dialect. What a place reads is said by its own table (`step-settings.ts`,
 * `read-document.ts`); a name that no table has is known here, so that it is not yet supported instead of unknown.
 */

/** Settings that say a step's kind and are not built yet. */
export const kindsNotYet = ['person', 'merge', 'wait', 'run', 'repeat', 'for each', 'steps', 'session'] as const;

/** Other settings that are not built yet, with the places they will be read in. */
export const settingsNotYet: Readonly<Record<string, readonly Place[]>> = {
  window: ['agent step'],
  think: ['agent step'],
  'accepts untrusted': ['tool step'],
  breaker: ['agent step', 'tool step'],
  'if it fails': ['agent step', 'tool step'],
  budget: ['document', 'agent', 'agent step'],
  owner: ['document'],
  ask: ['approve step'],
  quorum: ['approve step'],
  remind: ['approve step'],
  due: ['approve step'],
  'if overdue': ['approve step'],
  share: ['approve step'],
  section: ['agent step', 'tool step', 'set step'],
  state: ['agent step', 'tool step', 'set step'],
  undo: ['tool step'],
  key: [],
  'if not reached': [],
};

export type Place = 'document' | 'agent' | 'agent step' | 'tool step' | 'approve step' | 'choose step' | 'set step';

/** Every name that an author may have meant as a setting. */
export const settingNames: ReadonlySet<string> = new Set([
  ...['id', 'dialect', 'model', 'tools', 'may delegate to'],
  ...['agent', 'tool', 'approve', 'choose', 'set'],
  ...['after', 'when', 'then', 'uses', 'gives', 'with', 'check', 'retry', 'timeout', 'requires approval'],
  ...['show', 'actions', 'not by'],
  ...kindsNotYet,
  ...Object.keys(settingsNotYet),
]);

/** Every setting that says a step's kind, built or not. */
export const stepKindNames: ReadonlySet<string> = new Set([
  'agent',
  'tool',
  'approve',
  'choose',
  'set',
  ...kindsNotYet,
]);
