/** What a model says of types and words, as a graph has them. */
import type { Field, Type } from '../types.ts';
import { simpleKinds } from '../types.ts';
import type { DraftParts } from './draft-parts.ts';

export function fieldOf({ name, type, meaning, optional }: DraftParts['inputs'][number]): Field {
  const words = line(meaning);
  return {
    name,
    type: typeOfWords(type),
    ...(optional && { optional: true as const }),
    ...(words !== '' && { meaning: words }),
  };
}

/** What models say that have JSON Schema in mind. */
const jsonWords = new Map([
  ['string', 'text'],
  ['boolean', 'yes/no'],
]);

/** The words of the dialect, as `typeText` writes them. Other words are taken for the name of a type. */
export function typeOfWords(words: string): Type {
  const text = line(words);
  // No type that a person reads is longer.
  if (text.length > 500) return { kind: 'named', name: text };
  const [, container, of] = /^(list|map) of (.+)$/i.exec(text) ?? [];
  if (container && of) return { kind: container.toLowerCase() === 'list' ? 'list' : 'map', of: typeOfWords(of) };
  const values = /^one of (.+)$/i.exec(text)?.[1]?.split(',').map(line);
  if (values) return { kind: 'one of', values: [...new Set(values.filter((one) => one !== ''))] };
  const simple = simpleKinds.find((kind) => kind === (jsonWords.get(text) ?? text.toLowerCase()));
  return simple ? { kind: simple } : { kind: 'named', name: text };
}

/** In one line, as headings and settings are. */
export function line(text: string): string {
  return text.replace(/\s+/g, ' ').trim().normalize('NFC');
}

/** Headings in what a model writes would be headings of the document. */
export function prose(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/^#{1,6}\s+/gm, '')
    .trim()
    .normalize('NFC');
}
