/** Which of the declared models drafts documents. */
import type { Surroundings } from '../compiler/surroundings.ts';

export interface ModelToDraft {
  /** The model's own name. */
  model: string;
  /** What drafted agents name as theirs. */
  agentModel: string;
}

/**
 * `said` is an alias or a model's own name; unsaid, `small` where it is declared, else the first alias. Undefined where
 * none is named, or where `said` is not among those that are declared.
 */
export function modelToDraft(models: Surroundings['models'], said?: string): ModelToDraft | undefined {
  const aliases = aliasesOf(models);
  const usual = aliases.includes('small') ? 'small' : aliases[0];
  const alias = said ?? usual;
  if (alias === undefined || (models && !models.has(alias))) return undefined;
  return { model: models?.get(alias)?.model ?? alias, agentModel: usual ?? alias };
}

/** In the order of the configuration. */
export function aliasesOf(models: Surroundings['models']): string[] {
  return [...(models ?? [])].filter(([alias, facts]) => facts.model !== alias).map(([alias]) => alias);
}
