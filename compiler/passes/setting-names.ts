/** The names of all settings of the dialect. What a place reads is said by its own table, such as `step-settings.ts`. */
import type { StepKind } from './draft.ts';

export type Place = 'document' | 'agent' | `${StepKind} step`;

/** Every setting that says a step's kind. */
export const stepKindNames: ReadonlySet<string> = new Set<StepKind>([
  ...(['agent', 'tool', 'approve', 'person', 'choose', 'merge', 'set', 'wait', 'run'] as const),
  ...(['repeat', 'for each', 'steps', 'session'] as const),
]);

/** Every name that an author may have meant as a setting. */
export const settingNames: ReadonlySet<string> = new Set([
  ...['id', 'dialect', 'owner', 'budget', 'model', 'tools', 'may delegate to'],
  ...stepKindNames,
  ...['after', 'when', 'then', 'uses', 'gives', 'with', 'check', 'retry', 'timeout', 'requires approval'],
  ...['breaker', 'window', 'think', 'accepts untrusted', 'undo', 'section', 'state', 'if it fails'],
  ...['show', 'actions', 'not by', 'quorum', 'ask', 'remind', 'due', 'if overdue', 'share', 'key', 'if not reached'],
]);

/** Do these settings say a step that holds other steps? `for each` beside an agent or a tool repeats that one step. */
export function isContainer(names: readonly string[]): boolean {
  if (names.includes('repeat') || names.includes('steps')) return true;
  return names.includes('for each') && !names.includes('agent') && !names.includes('tool');
}
