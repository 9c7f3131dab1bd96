/** What a person says became of a write of which nobody knows: of a step that waits to be told, or of a session. */
import type { Declared } from '../compiler/declared-tools.ts';
import type { Graph } from '../compiler/graph.ts';
import { typeOfJsonSchema } from '../compiler/type-of-json-schema.ts';
import type { Json, Type } from '../compiler/types.ts';
import { valueValidator } from '../compiler/validate-value.ts';
import { putArtifact } from '../prisma/artifacts.ts';
import type { CommandBody, EffectAnswer } from '../prisma/commands.ts';
import { bodyText } from '../prisma/commands.ts';
import type { Identity, Tx } from '../prisma/open.ts';
import type { Fault } from './errors.ts';
import { notFound, Problem } from './errors.ts';
import type { GraphCache } from './graph-cache.ts';
import { giveOrder, runToOrder } from './operators.ts';
import { givenType, notParked, pendingOrder, placeIn, stepNow } from './parked-steps.ts';
import type { RunRow } from './run-view.ts';

export interface EffectRequest {
  answer: EffectAnswer;
  output?: Json;
  comment: string;
}

/** Of a step that parked because a write of it is not known to have happened, or is another than was recorded. */
const askedAbout = ['outcome-unknown', 'effect-conflict'];

type EffectRow = NonNullable<Awaited<ReturnType<typeof effectAt>>>;

/**
 * Says what became of a write. Its step is done again on that; a turn of a session goes on from it when its owner asks for
 * that. Only what was said first counts.
 * @throws Problem not-found, not-permitted, run-ended, step-not-parked, effect-not-asked, invalid-output
 */
export async function answerForEffect(
  tx: Tx,
  { graphs, declared }: { graphs: GraphCache; declared: Declared },
  person: Identity,
  at: { run: string; effect: string },
  { answer, output, comment }: EffectRequest,
): Promise<{ command: string }> {
  const run = await runToOrder(tx, person, at.run, 'say what became of its writes');
  const effect = await effectAt(tx, person.tenant, at.effect);
  if (effect === null || effect.rootRunId !== run.rootRunId) throw notFound('write');
  const { node, stepExecution, status } = effect;
  const path = stepExecution?.path ?? '';
  const notAsked = stepExecution === null ? notAskedOfSession : notAskedOfStep;
  const body: CommandBody = { effect: at.effect, answer };
  if (answer === 'happened' && status !== 'succeeded') {
    const loaded = await graphs.load(tx, person.tenant, run.graphHash);
    requireAnswered(loaded?.graph, effect, declared, output);
    if (output !== undefined) body.output = await putArtifact(tx, run.tenantId, output);
  } else if (output !== undefined) {
    throw notAsked(status === 'succeeded' ? 'its answer is recorded' : 'what did not happen has no answer');
  }
  const onItsWay = await pendingOrder(tx, run, node, path);
  if (onItsWay !== null) {
    if (onItsWay.kind === 'settle' && onItsWay.body === bodyText(body)) return { command: onItsWay.id };
    throw notParked('an order about it is on its way');
  }
  if (stepExecution === null) requireAskedOfSession(effect, answer);
  else await requireAskedOfStep(tx, run, effect, path, answer);
  return { command: await giveOrder(tx, person, run, { kind: 'settle', comment, node, path, body }) };
}

/** The write, and who made it: a step, or a turn of a session. */
function effectAt(tx: Tx, tenantId: string, effectKey: string) {
  const include = { stepExecution: { select: { path: true } }, turn: { select: { state: true } } };
  return tx.effect.findUnique({ where: { tenantId_effectKey: { tenantId, effectKey } }, include });
}

/** @throws Problem step-not-parked, effect-not-asked */
async function requireAskedOfStep(
  tx: Tx,
  run: RunRow,
  effect: EffectRow,
  path: string,
  answer: EffectAnswer,
): Promise<void> {
  const step = await stepNow(tx, run, effect.node, path);
  if (step?.status !== 'failed') throw notParked(step === undefined ? 'it has not started' : `it is ${step.status}`);
  if (!askedAbout.includes(step.class ?? ''))
    throw notAskedOfStep(`its step parked as ${step.class ?? 'something else'}`);
  if (effect.answer !== null) throw notAskedOfStep(`somebody said that it ${wordsOf(effect.answer)}`);
  if (effect.status === 'succeeded' && answer === 'did not happen')
    throw notAskedOfStep('that it happened is recorded');
}

/** @throws Problem effect-not-asked */
function requireAskedOfSession({ status, deadline, turn, answer: said }: EffectRow, answer: EffectAnswer): void {
  if (said !== null) throw notAskedOfSession(`somebody said that it ${wordsOf(said)}`);
  if (status === 'succeeded') throw notAskedOfSession('that it happened is recorded');
  if (status === 'failed') throw notAskedOfSession('that it did not happen is recorded');
  if (answer === 'send again') throw notAskedOfSession('who has the session asks for it again there');
  if (turn?.state === 'queued' || turn?.state === 'running') throw notAskedOfSession('its turn is under way');
  if (deadline > new Date()) throw notAskedOfSession(`until ${deadline.toISOString()} it may be under way`);
}

const wordsOf = (answer: string): string => (answer === 'send again' ? 'is to be sent again' : answer);

function notAskedOfStep(why: string): Problem {
  return new Problem('effect-not-asked', { detail: `Expected a write that a step waits for a person about; ${why}.` });
}

function notAskedOfSession(why: string): Problem {
  const expected = 'Expected a write of a session of which nobody knows whether it happened';
  return new Problem('effect-not-asked', { detail: `${expected}; ${why}.` });
}

/** @throws Problem invalid-output: of a tool step it has to be what that makes its output of, in a session what the tool answers */
function requireAnswered(
  graph: Graph | undefined,
  { node, tool, turn }: EffectRow,
  declared: Declared,
  output: Json | undefined,
): void {
  const step = graph?.nodes.find(({ id }) => id === node);
  const ofStep = step?.kind === 'tool' ? givenType(step, `${step.id}[`) : undefined;
  const type = turn === null ? ofStep : answeredType(declared, tool);
  if (type === undefined) return;
  const reading = { unknownFields: 'drop', nulls: 'leave out' } as const;
  const completed = valueValidator(type, graph?.types ?? [], reading).complete(output ?? null);
  if (completed.ok) return;
  const errors = completed.violations.map(
    ({ path, message }): Fault => ({ at: placeIn('output', path), in: 'body', message }),
  );
  throw new Problem('invalid-output', { errors });
}

/** What the tool is declared to answer; undefined where that is not known. */
function answeredType({ tools }: Declared, tool: string): Type | undefined {
  const schema = tools?.get(tool)?.output;
  const read = schema && typeOfJsonSchema(schema, { lenient: true });
  return read && 'type' in read ? read.type : undefined;
}
