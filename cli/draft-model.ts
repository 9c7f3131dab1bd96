/** The model that a draft asks: named on the command line or by the configuration, at the address of the environment. */
import type { Surroundings } from '../compiler/surroundings.ts';
import type { ModelAddress } from '../models/ask-model.ts';
import { modelAddress } from '../models/ask-model.ts';
import type { ModelToDraft } from '../models/model-to-draft.ts';
import { aliasesOf, modelToDraft } from '../models/model-to-draft.ts';
import { CommandFailure, WrongUsage } from './failures.ts';
import type { World } from './world.ts';

export interface ModelToAsk extends ModelToDraft {
  address: ModelAddress;
}

/** The address is found as a worker finds it. @throws WrongUsage where no model is named, CommandFailure where there is no address */
export function modelToAsk(said: string | undefined, { models }: Surroundings, env: World['env']): ModelToAsk {
  const chosen = modelToDraft(models, said);
  if (!chosen && said === undefined) {
    throw new WrongUsage(
      'Unexpected draft without a model, expected --model, or models in waymark.config.json beside or above the page.',
    );
  }
  if (!chosen) {
    throw new WrongUsage(
      `Unexpected model ${said}, expected one of the configuration: ${aliasesOf(models).join(', ')}.`,
    );
  }
  const { OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: apiKey } = env;
  if (!baseUrl && !apiKey) {
    throw new CommandFailure(
      'There is no model to ask. Set OPENAI_API_KEY, or OPENAI_BASE_URL for another server that speaks the OpenAI API.',
    );
  }
  return { ...chosen, address: modelAddress({ ...(baseUrl && { baseUrl }), ...(apiKey && { apiKey }) }) };
}
