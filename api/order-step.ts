/** Orders about a parked step: do it again, take this output, leave it out. What can be refused is refused here, by its place. */
import { ExpressionError, evaluateCondition } from '../compiler/expressions/evaluate.ts';
import { parseExpression } from '../compiler/expressions/parse.ts';
import { readsOf } from '../compiler/expressions/reads.ts';
import type { Graph, Node } from '../compiler/graph.ts';
import { downstreamOf } from '../compiler/graph-order.ts';
import { checksOf, inputsOf } from '../compiler/node-expressions.ts';
import { readersInNeed } from '../compiler/readers-in-need.ts';
import { guardedBy } from '../compiler/skeleton.ts';
import type { Json, Type } from '../compiler/types.ts';
import { valueValidator } from '../compiler/validate-value.ts';
import { getArtifact, putArtifact } from '../prisma/artifacts.ts';
import type { CommandBody } from '../prisma/commands.ts';
import { bodyText } from '../prisma/commands.ts';
import type { Identity, Tx } from '../prisma/open.ts';
import type { Fault } from './errors.ts';
import { notFound, Problem } from './errors.ts';
import type { GraphCache, LoadedGraph } from './graph-cache.ts';
import { giveOrder, runToOrder } from './operators.ts';
import { givenType, isItemOf, notParked, pendingOrder, placeIn, stepNow } from './parked-steps.ts';
import type { RunRow } from './run-view.ts';

export type StepRequest = { path: string; comment: string } & (
  | { kind: 'retry'; fresh: boolean; inputs: Record<string, Json> }
  | { kind: 'supply'; output: Json }
  | { kind: 'skip' }
);

/** The Result as a step that may be parked. No step has an upper-case id. */
const result = 'Result';

/**
 * Asking again for the same while the first order is not yet done gives that order.
 * @throws Problem not-found, not-permitted, run-ended, step-not-parked, not-for-this-step, step-is-needed, write-unsettled,
 *   invalid-input, invalid-output
 */
export async function orderStep(
  tx: Tx,
  graphs: GraphCache,
  person: Identity,
  at: { run: string; step: string },
  request: StepRequest,
): Promise<{ command: string }> {
  const run = await runToOrder(tx, person, at.run, `${request.kind} its steps`);
  const loaded = await graphs.load(tx, person.tenant, run.graphHash);
  const node = loaded?.graph.nodes.find(({ id }) => id === at.step);
  if (loaded === undefined || (node === undefined && at.step !== result)) throw notFound('step');
  const parts = { kind: request.kind, comment: request.comment, node: at.step, path: request.path };
  const body = await bodyFor(tx, loaded, run, node, request);
  const onItsWay = await pendingOrder(tx, run, at.step, request.path);
  if (onItsWay !== null) {
    if (onItsWay.kind === request.kind && onItsWay.body === bodyText(body)) return { command: onItsWay.id };
    throw notParked('an order about it is on its way');
  }
  const step = await stepNow(tx, run, at.step, request.path);
  if (step?.status !== 'failed') throw notParked(step === undefined ? 'it has not started' : `it is ${step.status}`);
  if (request.kind === 'supply') await requireSettledWrites(tx, run, at.step, request.path);
  return { command: await giveOrder(tx, person, run, { ...parts, body }) };
}

async function bodyFor(
  tx: Tx,
  loaded: LoadedGraph,
  run: RunRow,
  node: Node | undefined,
  request: StepRequest,
): Promise<CommandBody> {
  switch (request.kind) {
    case 'retry':
      return retryBody(tx, loaded, run, node, request);
    case 'supply':
      return supplyBody(tx, loaded, run, node, request);
    case 'skip':
      requireSkippable(loaded.graph, node, request.path);
      return {};
  }
}

async function retryBody(
  tx: Tx,
  loaded: LoadedGraph,
  run: RunRow,
  node: Node | undefined,
  { fresh, inputs, path }: StepRequest & { kind: 'retry' },
): Promise<CommandBody> {
  const body: CommandBody = {};
  if (node !== undefined && fresh) {
    const latest = await tx.stepExecution.findFirst({
      where: { tenantId: run.tenantId, rootRunId: run.rootRunId, node: node.id, path, generation: { gte: 0 } },
      orderBy: { generation: 'desc' },
    });
    body.generation = (latest?.generation ?? 0) + 1;
  }
  const names = Object.keys(inputs);
  if (names.length === 0) return body;
  if (node === undefined || !takesInputs(node)) throw notForThis('its input cannot be edited');
  requireUnguarded(loaded.graph, node, names);
  const edited: [string, string][] = [];
  for (const name of names) {
    const value = inputs[name] ?? null;
    requireInput(loaded, node, name, value);
    edited.push([name, await putArtifact(tx, run.tenantId, value)]);
  }
  return { ...body, inputs: Object.fromEntries(edited) };
}

const takesInputs = (node: Node): boolean =>
  node.kind === 'agent' || node.kind === 'tool' || node.kind === 'set' || node.kind === 'merge';

/** An approval was given over what the step read: another value needs another approval, which asking the gate's steps again gives. */
function requireUnguarded(graph: Graph, node: Node, names: string[]): void {
  for (const gate of graph.nodes) {
    if (gate.kind !== 'approve' || !guardedBy(graph, gate.id).some(({ id }) => id === node.id)) continue;
    const after = downstreamOf(graph, gate.id);
    const bound = names.find((name) => !after.has(name) && name !== gate.id);
    if (bound !== undefined) throw notForThis(`${gate.title} approved what it reads as ${bound}`);
  }
}

/** @throws Problem invalid-input */
function requireInput({ graph, inputs }: LoadedGraph, node: Node, name: string, value: Json): void {
  const roots = new Set([...inputsOf(node), ...checksOf(node)].flatMap(rootsOf));
  const faults = (): Fault[] => {
    if (!roots.has(name)) {
      const expected = [...roots].filter((root) => root !== 'output').join(', ') || 'none: it reads nothing';
      return [
        { at: `inputs.${name}`, in: 'body', message: `Unexpected name, expected one that the step reads: ${expected}` },
      ];
    }
    const type = typeOf(graph, name);
    const validator = name === 'input' ? inputs : type && valueValidator(type, graph.types);
    const completed = validator?.complete(value) ?? { ok: true };
    return completed.ok
      ? []
      : completed.violations.map(({ path, message }) => ({ at: placeIn(`inputs.${name}`, path), in: 'body', message }));
  };
  const errors = faults();
  if (errors.length > 0) throw new Problem('invalid-input', { errors });
}

function typeOf(graph: Graph, id: string): Type | undefined {
  const node = graph.nodes.find((one) => one.id === id);
  return node && givenType(node, '');
}

async function supplyBody(
  tx: Tx,
  { graph }: LoadedGraph,
  run: RunRow,
  node: Node | undefined,
  { output, path }: StepRequest & { kind: 'supply' },
): Promise<CommandBody> {
  if (node?.kind === 'approve' || node?.kind === 'person' || node?.kind === 'session')
    throw notForThis('what people decide is decided by them alone');
  if (node === undefined || !(takesInputs(node) || node.kind === 'run'))
    throw notForThis('no output can be given for it');
  const type = givenType(node, path);
  const completed =
    type === undefined ? { ok: true as const, value: output } : valueValidator(type, graph.types).complete(output);
  if (!completed.ok) {
    const errors = completed.violations.map(
      ({ path: at, message }): Fault => ({ at: placeIn('output', at), in: 'body', message }),
    );
    throw new Problem('invalid-output', { errors });
  }
  const input = await getArtifact(tx, run.tenantId, run.inputDigest);
  const errors = checksOf(node).flatMap((check) => failedCheck(check, { input, output: completed.value }));
  if (errors.length > 0) throw new Problem('invalid-output', { errors });
  return { output: await putArtifact(tx, run.tenantId, output) };
}

/** Checks over more than the output and the run's input are made when the output is committed. */
function failedCheck(check: string, bindings: { input: Json; output: Json }): Fault[] {
  if (!rootsOf(check).every((root) => Object.hasOwn(bindings, root))) return [];
  try {
    if (evaluateCondition(check, bindings)) return [];
  } catch (problem) {
    if (!(problem instanceof ExpressionError)) throw problem;
  }
  return [{ at: 'output', in: 'body', message: `Unexpected output, expected ${check}` }];
}

/** @throws Problem not-for-this-step, step-is-needed */
function requireSkippable(graph: Graph, node: Node | undefined, path: string): void {
  if (node === undefined) throw notForThis('a run ends with its Result');
  if (node.kind === 'approve' || node.kind === 'person' || node.kind === 'session')
    throw notForThis('what people decide cannot be left out');
  if (node.kind === 'choose') throw notForThis('one of its ways has to be taken');
  if (isItemOf(node.id, path)) return;
  const readers = readersInNeed(graph, node.id);
  if (readers.length > 0) {
    throw new Problem('step-is-needed', {
      detail: `${readers.join(', ')} would read its output. Supply an output instead.`,
    });
  }
}

function notForThis(why: string): Problem {
  return new Problem('not-for-this-step', { detail: `${why.slice(0, 1).toUpperCase()}${why.slice(1)}.` });
}

function rootsOf(source: string): string[] {
  const parsed = parseExpression(source);
  return parsed.ok ? readsOf(parsed.expression).map(({ root }) => root) : [];
}

/** @throws Problem write-unsettled */
async function requireSettledWrites(tx: Tx, run: RunRow, node: string, path: string): Promise<void> {
  const unsettled = await tx.effect.findFirst({
    where: {
      tenantId: run.tenantId,
      rootRunId: run.rootRunId,
      node,
      status: { in: ['intent', 'unknown'] },
      answer: null,
      stepExecution: { path },
    },
  });
  if (unsettled !== null) {
    throw new Problem('write-unsettled', {
      detail: `Answer first what became of its write by ${unsettled.tool}: the run's state lists it.`,
    });
  }
}
