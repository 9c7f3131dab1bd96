/** What a person fills in at a gate or a task: held against its type, and for a task against the step's checks. */
import { ExpressionError, evaluateCondition } from '../compiler/expressions/evaluate.ts';
import type { Node } from '../compiler/graph.ts';
import { jsonSchemaOf } from '../compiler/json-schema.ts';
import type { Json, Type } from '../compiler/types.ts';
import type { ValueValidator, Violation } from '../compiler/validate-value.ts';
import { valueValidator } from '../compiler/validate-value.ts';
import { getArtifact } from '../prisma/artifacts.ts';
import type { Tx } from '../prisma/open.ts';
import type { GateRow } from './gate-rows.ts';
import { readsOf } from './gate-rows.ts';
import type { LoadedGraph } from './graph-cache.ts';

/** `value` is absent where nothing was asked or given. */
export type FilledForm = { ok: true; value?: Json } | { ok: false; violations: Violation[] };

/** Compiled once for each type of a graph, for as long as the graph is held. */
const validators = new WeakMap<Type, ValueValidator>();

function validatorOf({ graph }: LoadedGraph, type: Type): ValueValidator {
  let validator = validators.get(type);
  if (validator === undefined) {
    validator = valueValidator(type, graph.types);
    validators.set(type, validator);
  }
  return validator;
}

/** The type of what the gate asks for; undefined where its document names none. */
export function formType(node: Node | undefined): Type | undefined {
  if (node?.kind === 'person') return node.gives;
  return node?.kind === 'approve' ? node.ask : undefined;
}

/** As JSON Schema, for whoever draws the form. */
export function formSchema(loaded: LoadedGraph, gate: GateRow): Record<string, unknown> | undefined {
  const type = gate.purpose === 'approval' ? undefined : formType(nodeOf(loaded, gate));
  return type && jsonSchemaOf(type, loaded.graph.types, { computed: 'left out' });
}

export function nodeOf({ graph }: LoadedGraph, gate: GateRow): Node | undefined {
  return graph.nodes.find(({ id }) => id === gate.node);
}

/**
 * The form as it will be kept, defaults and computed fields filled. An action that continues needs one where the document
 * asks for it; one that leads elsewhere may have one; one that ends has none. All violations at once, by their fields.
 */
export async function fillForm(
  tx: Tx,
  loaded: LoadedGraph,
  gate: GateRow,
  action: string,
  given: Json | undefined,
): Promise<FilledForm> {
  const node = nodeOf(loaded, gate);
  const effect = node?.kind === 'approve' ? node.actions.find(({ name }) => name === action)?.effect : 'continue';
  if (effect === 'end') return { ok: true };
  const type = gate.purpose === 'approval' ? undefined : formType(node);
  if (type === undefined) return given === undefined ? { ok: true } : { ok: true, value: given };
  if (given === undefined && effect === 'link') return { ok: true };
  if (given === undefined) {
    return {
      ok: false,
      violations: [{ path: '', message: 'Unexpected absence, expected the form that is asked for' }],
    };
  }
  const completed = validatorOf(loaded, type).complete(given);
  if (!completed.ok || node?.kind !== 'person') return completed;
  const violations = await failedChecks(tx, gate, node.checks, completed.value);
  return violations.length > 0 ? { ok: false, violations } : completed;
}

/** Of a task, by what its checks read when it opened. */
export async function failedChecks(
  tx: Tx,
  gate: GateRow,
  checks: readonly { expr: string }[],
  output: Json,
): Promise<Violation[]> {
  const bindings = await readValues(tx, gate);
  return checks.flatMap(({ expr }) => failedCheck(expr, { ...bindings, output }));
}

async function readValues(tx: Tx, gate: GateRow): Promise<Record<string, Json>> {
  const values: [string, Json][] = [];
  for (const [name, digest] of Object.entries(readsOf(gate)))
    values.push([name, await getArtifact(tx, gate.tenantId, digest)]);
  return Object.fromEntries(values);
}

function failedCheck(expr: string, bindings: Record<string, Json>): Violation[] {
  try {
    return evaluateCondition(expr, bindings)
      ? []
      : [{ path: '', message: `Unexpected value, expected \`${expr}\` to hold` }];
  } catch (problem) {
    if (!(problem instanceof ExpressionError)) throw problem;
    return [{ path: '', message: `Unexpected value, expected \`${expr}\` to hold: ${problem.message}` }];
  }
}
