/** Carried state as text: JSON, deflated, base64; in parts where it is too long for one argument. */
import { deflatedText, inflatedText } from '../compiler/skeleton-code.ts';
import type { CarriedState } from './carry-over.ts';

/** Characters that go into the arguments of the new execution; more goes by reference. */
const mostInArguments = 256 * 1024;
/** Temporal refuses a payload of more than 2 MB. */
const mostInPart = 1024 * 1024;

export type Carried = { state: string } | { parts: string[] };

export function encodeCarried(state: CarriedState): Carried {
  const text = deflatedText(JSON.stringify(state));
  if (text.length <= mostInArguments) return { state: text };
  const parts: string[] = [];
  for (let start = 0; start < text.length; start += mostInPart) parts.push(text.slice(start, start + mostInPart));
  return { parts };
}

/** @throws on text that `encodeCarried` did not give */
export function decodeCarried(text: string): CarriedState {
  return JSON.parse(inflatedText(text)) as CarriedState;
}
