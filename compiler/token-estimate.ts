/** How many tokens text takes, where no model is there to count them. */

/** A cautious average over languages and JSON: it bounds cost, it does not measure it. */
export const bytesPerToken = 3;

const encoder = new TextEncoder();

export function tokensOf(text: string): number {
  return Math.ceil(encoder.encode(text).length / bytesPerToken);
}

/** Tokens of data a step may show a model, unless it says otherwise. */
export const defaultWindowTokens = 32_000;
