/** How a model is asked to reason before it answers, which is not the same on every server. */
import type { Json } from '../../compiler/types.ts';
import type { Configuration } from '../configuration.ts';

/** As the OpenAI API says it. */
const usual: Record<string, Json> = { reasoning_effort: 'medium' };

/** Fields of the request, by what the configuration says of the model. */
export function thinkingOf({ models }: Configuration, alias: string): Record<string, Json> {
  return (Object.hasOwn(models, alias) ? models[alias]?.thinking : undefined) ?? usual;
}
