/** Which model drafts: what was said, else what the configuration names; at the address that the environment gives, as a worker's. */
import type { Surroundings } from '../compiler/surroundings.ts';
import type { ModelAddress } from '../models/ask-model.ts';
import { CommandFailure, WrongUsage } from './failures.ts';
import type { World } from './world.ts';

export interface ModelToAsk {
  address: ModelAddress;
  /** The model's own name. */
  model: string;
  /** What drafted agents name. */
  agentModel: string;
}

/**
 * `said` is an alias or a model's own name; unsaid, `small` where it is declared, else the first alias.
 * @throws WrongUsage where no model is named, CommandFailure where there is no address
 */
export function modelToAsk(said: string | undefined, { models }: Surroundings, env: World['env']): ModelToAsk {
  const aliases = [...(models ?? [])].filter(([alias, facts]) => facts.model !== alias).map(([alias]) => alias);
  const usual = aliases.includes('small') ? 'small' : aliases[0];
  const alias = said ?? usual;
  if (alias === undefined) {
    throw new WrongUsage(
      'Unexpected draft without a model, expected --model, or models in waymark.config.json beside or above the page.',
    );
  }
  if (models && said !== undefined && !models.has(said)) {
    throw new WrongUsage(`Unexpected model ${said}, expected one of the configuration: ${aliases.join(', ')}.`);
  }
  const { OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: apiKey } = env;
  if (!baseUrl && !apiKey) {
    throw new CommandFailure(
      'There is no model to ask. Set OPENAI_API_KEY, or OPENAI_BASE_URL for another server that speaks the OpenAI API.',
    );
  }
  return {
    // Servers of one's own often want no key, but the client insists on something.
    address: { baseUrl: baseUrl || 'https://api.openai.com/v1', apiKey: apiKey || 'none' },
    model: models?.get(alias)?.model ?? alias,
    agentModel: usual ?? alias,
  };
}
