/**
 * What an edit of a document changes in its graph, and which steps a resume with the new graph may run again. Things are
 * told apart by their ids and names, so a step that gets another id is one removed and one added.
 */
import { canonicalJson } from './canonical.ts';
import type { Edge, Graph, Node } from './graph.ts';
import { declaredTypesIn, nodeHash, typesOf } from './node-hash.ts';
import { guardedBy } from './skeleton.ts';
import { valuesRead } from './values-read.ts';

/** Something that both graphs have and that is not the same in them. */
export interface Changed {
  /** Its id, or the name of what has none. */
  name: string;
  /** What of it differs: settings as documents name them, `heading`, `prose`; of inputs and types the fields. */
  what: string[];
}

export interface ChangedStep extends Changed {
  /** Declarations the step uses that differ: `agent accountant`, `type Receipt`. */
  through: string[];
  /** Does its nodeHash differ? A new heading or condition alone leaves it as it was. */
  rerun: boolean;
}

export interface ListDiff<Change = Changed> {
  /** In the order of the new graph, of the removed in that of the old. */
  added: string[];
  removed: string[];
  changed: Change[];
  /** Do those that both have stand in another order? */
  reordered: boolean;
}

export interface MayRerun {
  step: string;
  /** `changed`: its nodeHash differs. The others: what it works on may. */
  because: 'changed' | 'reads' | 'input' | 'guards';
  /** The steps that it reads, or whose call it guards; of `input` none. */
  steps: string[];
}

export interface GraphDiff {
  /** True exactly when the canonical JSON of both graphs, and so their hash, is the same. */
  same: boolean;
  /** Of the document itself: `id`, `heading`. */
  document: string[];
  inputs: ListDiff;
  types: ListDiff;
  agents: ListDiff;
  steps: ListDiff<ChangedStep>;
  edges: { added: Edge[]; removed: Edge[] };
  result: ListDiff;
  /**
   * Steps of both graphs that a resume may run again, or ask again where they are gates, in the order of the new graph.
   * They may: a step that runs again and gives the same output reruns nothing after it.
   */
  mayRerun: MayRerun[];
}

/** Both must have compiled. What configuration adds to a step (its model, the declarations of tools) is taken as the same. */
export function diffGraphs(before: Graph, after: Graph): GraphDiff {
  const list = <Item>(of: (graph: Graph) => readonly Item[], name: (item: Item) => string, what: WhatDiffers<Item>) =>
    diffLists(of(before), of(after), name, what);
  const steps = diffSteps(before, after);
  const inputs = diffInputs(before, after);
  return {
    same: same(before, after),
    document: fieldsDiffer(documentOf(before), documentOf(after)),
    inputs,
    types: list((graph) => graph.types, nameOf, typeDiffers),
    agents: list(
      (graph) => graph.agents,
      (agent) => agent.id,
      fieldsDiffer,
    ),
    steps,
    edges: { added: without(after.edges, before.edges), removed: without(before.edges, after.edges) },
    result: list((graph) => graph.result, nameOf, fieldsDiffer),
    mayRerun: mayRerun(before, after, steps, inputs),
  };
}

/**
 * Does what a person gave this step in place of a value that it reads hold for the step of the other graph? Not where the
 * step is another one, nor for `input` where the document takes other inputs: it was held against the types there were.
 */
export function editHolds(before: Graph, after: Graph, step: string, name: string): boolean {
  const [was, now] = [before, after].map((graph) => graph.nodes.find(({ id }) => id === step));
  if (was === undefined || now === undefined || nodeHash(before, was) !== nodeHash(after, now)) return false;
  return name !== 'input' || !inputValuesDiffer(before, after, diffInputs(before, after));
}

function diffInputs(before: Graph, after: Graph): ListDiff {
  return diffLists(before.inputs, after.inputs, nameOf, fieldsDiffer);
}

function documentOf({
  inputs: _i,
  types: _t,
  agents: _a,
  nodes: _n,
  edges: _e,
  result: _r,
  ...document
}: Graph): object {
  return document;
}

type WhatDiffers<Item> = (before: Item, after: Item) => string[];

function diffLists<Item>(
  before: readonly Item[],
  after: readonly Item[],
  name: (item: Item) => string,
  what: WhatDiffers<Item>,
): ListDiff {
  const old = new Map(before.map((item) => [name(item), item]));
  const added: string[] = [];
  const changed: Changed[] = [];
  const kept: string[] = [];
  for (const item of after) {
    const was = old.get(name(item));
    if (was === undefined) {
      added.push(name(item));
      continue;
    }
    kept.push(name(item));
    if (!same(was, item)) changed.push({ name: name(item), what: what(was, item) });
  }
  const keeps = new Set(kept);
  const keptBefore = before.map(name).filter((one) => keeps.has(one));
  const removed = before.map(name).filter((one) => !keeps.has(one));
  return { added, removed, changed, reordered: !same(keptBefore, kept) };
}

function diffSteps(before: Graph, after: Graph): ListDiff<ChangedStep> {
  const steps = diffLists(before.nodes, after.nodes, (node) => node.id, fieldsDiffer);
  const own = new Map(steps.changed.map((one) => [one.name, one.what]));
  const old = new Map(before.nodes.map((node) => [node.id, node]));
  const changed = after.nodes.flatMap((node) => {
    const was = old.get(node.id);
    if (!was) return [];
    const what = own.get(node.id) ?? [];
    const rerun = nodeHash(before, was) !== nodeHash(after, node);
    if (!rerun && what.length === 0) return [];
    return [{ name: node.id, what, through: declarationsDiffer(before, was, after, node), rerun }];
  });
  return { ...steps, changed };
}

function declarationsDiffer(before: Graph, was: Node, after: Graph, node: Node): string[] {
  const agent = (graph: Graph, one: Node) =>
    one.kind === 'agent' || one.kind === 'session' ? graph.agents.find(({ id }) => id === one.agent) : undefined;
  const oldAgent = agent(before, was);
  const newAgent = agent(after, node);
  const oldTypes = new Map(declaredTypesIn(before, typesOf(was)).map((type) => [type.name, type]));
  const types = declaredTypesIn(after, typesOf(node)).filter(({ name }) => oldTypes.has(name));
  return [
    // Another agent is said by the step's own setting.
    ...(oldAgent && newAgent && oldAgent.id === newAgent.id && !same(oldAgent, newAgent)
      ? [`agent ${newAgent.id}`]
      : []),
    ...types.filter((type) => !same(type, oldTypes.get(type.name))).map(({ name }) => `type ${name}`),
  ];
}

/**
 * A committed step is not run again while its nodeHash and the digests of what it reads are the same. A gate is asked again
 * when a call that it guards is another one.
 */
function mayRerun(before: Graph, after: Graph, steps: ListDiff<ChangedStep>, inputs: ListDiff): MayRerun[] {
  const hashed = new Set(steps.changed.filter((step) => step.rerun).map((step) => step.name));
  const added = new Set(steps.added);
  const valuesDiffer = inputValuesDiffer(before, after, inputs);
  const reads = valuesRead(after);
  const found = new Map<string, MayRerun>();
  for (const node of after.nodes) {
    if (added.has(node.id)) continue;
    const calls = node.kind === 'approve' ? guardedBy(after, node.id).map(({ id }) => id) : [];
    const guarded = calls.filter((id) => hashed.has(id) || added.has(id));
    // A loop over another list gives its steps other items.
    const loops = (reads.get(node.id)?.loops ?? []).filter((id) => hashed.has(id));
    const put = (because: MayRerun['because'], steps: string[]) =>
      found.set(node.id, { step: node.id, because, steps });
    if (hashed.has(node.id)) put('changed', []);
    else if (guarded.length > 0) put('guards', guarded);
    else if (loops.length > 0) put('reads', loops);
    else if (valuesDiffer && reads.get(node.id)?.input) put('input', []);
  }
  // A gate reads what the calls it guards read, which may stand below it: again until nothing is added.
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const node of after.nodes) {
      if (added.has(node.id) || found.has(node.id)) continue;
      const read = (reads.get(node.id)?.steps ?? []).filter((step) => found.has(step));
      if (read.length > 0) found.set(node.id, { step: node.id, because: 'reads', steps: read });
    }
  }
  return after.nodes.flatMap((node) => found.get(node.id) ?? []);
}

/** Rules and meanings leave the values of an input as they are. */
function inputValuesDiffer(before: Graph, after: Graph, { added, removed, changed }: ListDiff): boolean {
  const declared = (graph: Graph) =>
    declaredTypesIn(
      graph,
      graph.inputs.map((input) => input.type),
    );
  const filledByField = ['type', 'default', 'optional', 'computed'];
  return (
    added.length > 0 ||
    removed.length > 0 ||
    changed.some(({ what }) => what.some((one) => filledByField.includes(one))) ||
    !same(declared(before), declared(after))
  );
}

function nameOf({ name }: { name: string }): string {
  return name;
}

function typeDiffers(before: Graph['types'][number], after: Graph['types'][number]): string[] {
  if (before.type.kind !== 'record' || after.type.kind !== 'record') return ['type'];
  const { added, removed, changed, reordered } = diffLists(before.type.fields, after.type.fields, nameOf, fieldsDiffer);
  const fields = [...added, ...removed, ...changed.map(nameOf)].map((name) => `field ${name}`);
  return reordered ? [...fields, 'order of fields'] : fields;
}

/** Words for what the graph and the document name differently. */
const words: Readonly<Record<string, string>> = {
  title: 'heading',
  name: 'heading',
  instruction: 'prose',
  checks: 'check',
  timeoutMs: 'timeout',
  requiresApproval: 'requires approval',
  approvers: 'approve',
  notBy: 'not by',
  arms: 'choose',
  values: 'set',
  parent: 'container',
  each: 'for each',
  from: 'merge',
  join: 'merge',
  document: 'run',
  order: 'steps',
  who: 'session',
  ifItFails: 'if it fails',
  ifNotReached: 'if not reached',
  ifOverdue: 'if overdue',
  dueMs: 'due',
  remindEveryMs: 'remind',
  windowTokens: 'window',
  acceptsUntrusted: 'accepts untrusted',
  atMost: 'repeat',
  mayDelegateTo: 'may delegate to',
};

/** Of a wait or a repeat the kind itself says when it ends. */
function wordFor(key: string, kind: unknown): string {
  return key === 'until' && typeof kind === 'string' ? kind : (words[key] ?? key);
}

function fieldsDiffer(before: object, after: object): string[] {
  const old = new Map(Object.entries(before));
  const now = new Map(Object.entries(after));
  const keys = new Set([...now.keys(), ...old.keys()]);
  const differ = [...keys].filter((key) => !same(old.get(key), now.get(key)));
  return [...new Set(differ.map((key) => wordFor(key, now.get('kind'))))];
}

function without(edges: readonly Edge[], others: readonly Edge[]): Edge[] {
  const known = new Set(others.map(canonicalJson));
  return edges.filter((edge) => !known.has(canonicalJson(edge)));
}

function same(a: unknown, b: unknown): boolean {
  if (a === undefined || b === undefined) return a === b;
  return canonicalJson(a) === canonicalJson(b);
}
