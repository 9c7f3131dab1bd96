/**
 * The names by which a step and its effects are known for ever. They hang on the root run, so a resume finds what an
 * earlier run of the lineage did.
 */
import { canonicalJson, sha256Hex } from '../compiler/canonical.ts';
import type { Digest } from './contract.ts';

export interface MemoKeyParts {
  rootRun: string;
  node: string;
  path: string;
  generation: number;
  /** Of the instruction, agent, tools, types and resolved model. */
  nodeHash: string;
  inputDigests: Readonly<Record<string, Digest>>;
}

/** A step with a committed memoKey returns its record: nothing is asked or paid twice. */
export function memoKeyOf(parts: MemoKeyParts): string {
  const { rootRun, node, path, generation, nodeHash, inputDigests } = parts;
  return sha256Hex(canonicalJson(['memo', rootRun, node, path, generation, nodeHash, { ...inputDigests }]));
}

export interface EffectKeyParts {
  rootRun: string;
  node: string;
  path: string;
  /** Constant for a tool step; an agent's tool declares the arguments that name the effect. */
  slot: string;
  effectGeneration: number;
}

/** No graph hash and no input digests: an edit of the document or of an input does not make a second effect. */
export function effectKeyOf(parts: EffectKeyParts): string {
  const { rootRun, node, path, slot, effectGeneration } = parts;
  return sha256Hex(canonicalJson(['effect', rootRun, node, path, slot, effectGeneration]));
}

/** Is this path of one item of the step, which runs for each of a list? */
export function isItem(node: string, path: string): boolean {
  return path.slice(path.lastIndexOf('/') + 1).startsWith(`${node}[`);
}
