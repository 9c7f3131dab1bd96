/** What containers hand on, and what they run over: records, lists and items, made of outputs by their digests. */
import { canonicalJson, sha256Hex } from '../compiler/canonical.ts';
import { ExpressionError, evaluate } from '../compiler/expressions/evaluate.ts';
import type { Json } from '../compiler/types.ts';
import { deriveView } from '../compiler/view.ts';
import { getArtifact, putArtifact } from '../prisma/artifacts.ts';
import type { Tx } from '../prisma/open.ts';
import { appendEvents } from '../prisma/run-log.ts';
import { attemptStep } from './attempt-step.ts';
import { commitStep, noUsage } from './commit.ts';
import type { CollectInput, Digest, ListedItem, RunActivities, Scoped, StepInput, StepOutcome } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { applicationFailure, NotMade } from './failures.ts';
import { bindingsIn, bindingsNow } from './load-inputs.ts';
import { makeOrKeepWhy } from './not-made.ts';
import type { RunInHand } from './run-row.ts';
import { readRun } from './run-row.ts';
import { transitionEvents } from './transitions.ts';

/** Items that one answer names: some 100 KB of history at most. */
const pageOfItems = 1000;

/** Commits what a container gives: the record of its steps' outputs, or the list of its items'. */
export function runCollect(deps: Dependencies, input: CollectInput, signal: AbortSignal): Promise<StepOutcome> {
  const { items = [], joined = [] } = input;
  const memoInputs = input.as === 'record' ? { ...input.inputs } : { items: sha256Hex(canonicalJson([joined, items])) };
  return attemptStep(deps, { ...input, memoInputs }, signal, async (claim) => {
    const output = await deps.store.actAs(claim.actor, async (tx) => {
      if (input.as === 'list') return listOf(tx, claim.actor.tenant, items, joined);
      const { input: _input, ...outputs } = await bindingsIn(tx, claim, undefined, input.inputs);
      return outputs;
    });
    return commitStep(deps, claim, { output, usage: noUsage, quality: 1 });
  });
}

async function listOf(
  tx: Tx,
  tenant: string,
  digests: readonly Digest[],
  joined: readonly Digest[] = [],
): Promise<Json[]> {
  const items: Json[] = [];
  for (const digest of joined) {
    const part = await getArtifact(tx, tenant, digest);
    if (Array.isArray(part)) for (const item of part) items.push(item);
  }
  for (const digest of digests) items.push(await getArtifact(tx, tenant, digest));
  return items;
}

export async function joinItems(
  deps: Dependencies,
  input: Scoped & { items: Digest[] },
): ReturnType<RunActivities['joinItems']> {
  return readRun(deps, input, async (tx, run) => {
    const { tenant } = run.actor;
    const output = await putArtifact(tx, tenant, await listOf(tx, tenant, input.items));
    await appendEvents(tx, await transitionEvents(tx, deps, run.row, input.log));
    return { output };
  });
}

export async function collectReads(deps: Dependencies, input: StepInput): ReturnType<RunActivities['collectReads']> {
  return makeOrKeepWhy(deps, input, async (tx, run) => {
    const { input: _input, ...values } = (await bindingsNow(tx, deps, run, input.node, input.inputs)).bindings;
    const output = await putArtifact(tx, run.actor.tenant, values);
    const view = deriveView(values, run.loaded.viewPaths.feedback ?? []);
    await appendEvents(tx, await transitionEvents(tx, deps, run.row, input.log));
    return view === undefined ? { output } : { output, view };
  });
}

/** A value that is no list, and keys that are taken twice, fail as `bug`: the compiler could not know them. */
export async function listItems(
  deps: Dependencies,
  input: StepInput & { from: number },
): ReturnType<RunActivities['listItems']> {
  return makeOrKeepWhy(deps, input, async (tx, run) => {
    const node = run.loaded.nodes.get(input.node);
    const each = node && 'each' in node ? node.each : undefined;
    if (!each) throw applicationFailure(input.node, 'bug', { retry: false });
    const { bindings } = await bindingsNow(tx, deps, run, input.node, input.inputs);
    const list = valueFor(each.list, bindings);
    if (!Array.isArray(list)) throw new NotMade('bug', `Unexpected value of ${each.list}, expected a list`);
    const keys = keysOf(list, each, bindings);
    const items: ListedItem[] = [];
    for (let index = input.from; index < Math.min(list.length, input.from + pageOfItems); index += 1) {
      items.push(await itemOf(tx, run, list[index] ?? null, keys[index] ?? '', each.item));
    }
    await appendEvents(tx, await transitionEvents(tx, deps, run.row, input.log));
    return { total: list.length, items };
  });
}

async function itemOf(tx: Tx, run: RunInHand, value: Json, key: string, name: string): Promise<ListedItem> {
  const output = await putArtifact(tx, run.actor.tenant, value);
  const view = deriveView(value, run.loaded.viewPaths[name] ?? []);
  return view === undefined ? { output, key } : { output, key, view };
}

/** By the document's `key`, or by the item itself and which of its equals it is: an item keeps its key when others move. */
function keysOf(
  list: readonly Json[],
  each: { list: string; item: string; key?: string | undefined },
  bindings: Record<string, Json>,
): string[] {
  const seen = new Map<string, number>();
  return list.map((item, index) => {
    const said = each.key === undefined ? undefined : valueFor(each.key, { ...bindings, [each.item]: item });
    const key = said === undefined ? sha256Hex(canonicalJson(item)).slice(0, 16) : keyText(said);
    const times = (seen.get(key) ?? 0) + 1;
    seen.set(key, times);
    if (times === 1) return key;
    if (said !== undefined) {
      throw new NotMade(
        'bug',
        `Unexpected key of item ${index + 1} of ${each.list}, expected no other item to have it`,
      );
    }
    return `${key}-${times}`;
  });
}

/** A key that paths can hold: as it is, or a short hash of it. */
function keyText(value: Json): string {
  const text = typeof value === 'string' ? value : canonicalJson(value);
  return /^[A-Za-z0-9_-]{1,40}$/.test(text) ? text : sha256Hex(text).slice(0, 16);
}

/** A date is its first moment in UTC. */
export async function evaluateWait(deps: Dependencies, input: StepInput): ReturnType<RunActivities['evaluateWait']> {
  return makeOrKeepWhy(deps, input, async (tx, run) => {
    const node = run.loaded.nodes.get(input.node);
    if (node?.kind !== 'wait' || !('expr' in node.until)) throw applicationFailure(input.node, 'bug', { retry: false });
    const { bindings } = await bindingsNow(tx, deps, run, node.id, input.inputs);
    const value = valueFor(node.until.expr, bindings);
    const until = typeof value === 'string' ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(until))
      throw new NotMade('bug', `Unexpected value of ${node.until.expr}, expected a date or a time`);
    await appendEvents(tx, await transitionEvents(tx, deps, run.row, input.log));
    return { until };
  });
}

/** @throws NotMade bug where the expression has no value */
function valueFor(source: string, bindings: Record<string, Json>): Json {
  try {
    return evaluate(source, bindings);
  } catch (problem) {
    if (problem instanceof ExpressionError) throw new NotMade('bug', `${source} has no value: ${problem.message}`);
    throw problem;
  }
}
