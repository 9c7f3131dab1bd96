/** What model calls cost, from the prices of the configuration. */
import type { Configuration } from '../configuration.ts';

export interface ModelUsage {
  tokensIn: number;
  tokensOut: number;
}

/** The model's own name that an alias stands for; a name that is no alias is a model's own. */
export function modelNamed(configuration: Configuration, alias: string): string {
  return Object.hasOwn(configuration.models, alias) ? (configuration.models[alias]?.model ?? alias) : alias;
}

/** US dollars. A model without a price costs nothing that we know of. */
export function costOf(configuration: Configuration, alias: string, usage: ModelUsage): number {
  const price = Object.hasOwn(configuration.models, alias)
    ? configuration.models[alias]?.pricePerMillionTokens
    : undefined;
  if (!price) return 0;
  return (usage.tokensIn * price.in + usage.tokensOut * price.out) / 1_000_000;
}
