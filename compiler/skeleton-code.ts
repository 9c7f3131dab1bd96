/**
 * The skeleton as it travels through history: JSON, deflated (RFC 1951), base64. Pure and free of Node, since it is
 * read in the workflow sandbox. The same skeleton gives the same text.
 */
import { deflateSync, inflateSync } from 'fflate';
import type { Skeleton } from './skeleton.ts';

/** Compresses well: a step costs some 30 characters. */
export function encodeSkeleton(skeleton: Skeleton): string {
  return deflatedText(JSON.stringify(skeleton));
}

/** Throws on text that `encodeSkeleton` did not write. */
export function decodeSkeleton(text: string): Skeleton {
  return JSON.parse(inflatedText(text)) as Skeleton;
}

export function deflatedText(text: string): string {
  return toBase64(deflateSync(new TextEncoder().encode(text), { level: 9 }));
}

/** Throws on text that `deflatedText` did not write. */
export function inflatedText(text: string): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(inflateSync(fromBase64(text)));
}

// The sandbox has neither Buffer nor atob.
const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const values = new Map([...digits].map((digit, value) => [digit.charCodeAt(0), value]));

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let start = 0; start < bytes.length; start += 3) {
    const group = ((bytes[start] ?? 0) << 16) | ((bytes[start + 1] ?? 0) << 8) | (bytes[start + 2] ?? 0);
    const used = Math.min(bytes.length - start, 3) + 1;
    for (let digit = 0; digit < 4; digit += 1) {
      text += digit < used ? digits[(group >> (18 - 6 * digit)) & 63] : '=';
    }
  }
  return text;
}

function fromBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0) throw new Error('expected base64 of a length that is a multiple of 4');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let group = 0;
  for (let position = 0, written = 0; position < text.length; position += 1) {
    const isPadding = position >= text.length - padding;
    const value = isPadding ? 0 : values.get(text.charCodeAt(position));
    if (value === undefined) throw new Error(`expected a base64 digit at ${position}`);
    group = (group << 6) | value;
    if (position % 4 !== 3) continue;
    for (let shift = 16; shift >= 0 && written < bytes.length; shift -= 8) bytes[written++] = (group >> shift) & 255;
    group = 0;
  }
  return bytes;
}
