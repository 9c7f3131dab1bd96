/**
 * What stands around a document and is not in it: the documents it links to, and the tools, roles and models that are
 * known. The compiler reads nothing itself; what is not given here is not checked, and the receipt says so.
 */
import type { Graph } from './graph.ts';
import type { Receipt } from './receipt.ts';
import type { Json } from './types.ts';

/** A document that others link to. */
export type OtherDocument =
  /** The receipt gives the anchors of its headings; without one (a graph published as JSON) names stand for headings. */
  | { graph: Graph; hash: string; receipt?: Receipt | undefined }
  /** It cannot be used: it has so many mistakes itself. */
  | { mistakes: number }
  /** It links back to the document that is compiled: the files from that one to itself, in order. */
  | { circle: readonly string[] };

export interface ToolFacts {
  effect: 'read' | 'write';
  /** A write that has no key and no way to look its outcome up: it may be sent once at most. */
  once?: true | undefined;
  /** JSON Schemas of the arguments and the answer. */
  input?: { [keyword: string]: Json } | undefined;
  output?: { [keyword: string]: Json } | undefined;
  /** Of a write by an agent: the arguments that name the effect. */
  callSlot?: string[] | undefined;
  as?: 'service' | undefined;
}

export interface ModelFacts {
  /** The model's own name, which an alias stands for. */
  model?: string | undefined;
  /** In US dollars. */
  pricePerMillionTokens?: { in: number; out: number } | undefined;
}

export interface Surroundings {
  /** By the path as a link of this document gives it, as `linkedFile` writes it. */
  documents?: ReadonlyMap<string, OtherDocument>;
  tools?: ReadonlyMap<string, ToolFacts>;
  roles?: ReadonlySet<string>;
  /** By alias, and by the models' own names. */
  models?: ReadonlyMap<string, ModelFacts>;
}

/** The file and the anchor that a link to another document names: the file without `.` and with `..` first. */
export interface FileLink {
  file: string;
  anchor?: string;
}

/** Undefined for a link that leads to no other document: within this one, to the web, or from the root of a disk. */
export function fileLinkOf(url: string): FileLink | undefined {
  const [path = '', ...anchor] = url.split('#');
  if (!/^[^:?/\\][^:?\\]*\.md$/i.test(path)) return undefined;
  const file = normalizePath(decode(path)).normalize('NFC');
  return anchor.length === 0 || anchor[0] === '' ? { file } : { file, anchor: anchorOf(anchor.join('#')) };
}

/** As anchors are compared: percent-encoding read, in NFC, lower case. */
export function anchorOf(text: string): string {
  return decode(text).normalize('NFC').toLowerCase();
}

/** Without `.`, empty parts, and `..` after a name. A leading `/` stays. */
export function normalizePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else parts.push(part);
  }
  return (path.startsWith('/') ? '/' : '') + parts.join('/');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
