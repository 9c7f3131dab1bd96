/** What a person says became of a write that a step waits to be told about. */
import type { Graph, Node } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
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

export interface EffectRequest {
  answer: EffectAnswer;
  output?: Json;
  comment: string;
}

/** Of a step that parked because a write of it is not known to have happened, or is another than was recorded. */
const askedAbout = ['outcome-unknown', 'effect-conflict'];

/**
 * Says what became of a write, and has its step done again on that. Only what was said first counts.
 * @throws Problem not-found, not-permitted, run-ended, step-not-parked, effect-not-asked, invalid-output
 */
export async function answerForEffect(
  tx: Tx,
  graphs: GraphCache,
  person: Identity,
  at: { run: string; effect: string },
  { answer, output, comment }: EffectRequest,
): Promise<{ command: string }> {
  const run = await runToOrder(tx, person, at.run, 'say what became of its writes');
  const where = { tenantId_effectKey: { tenantId: person.tenant, effectKey: at.effect } };
  const effect = await tx.effect.findUnique({ where, include: { stepExecution: { select: { path: true } } } });
  if (effect === null || effect.rootRunId !== run.rootRunId) throw notFound('write');
  const { node, stepExecution, status } = effect;
  if (stepExecution === null) throw notAsked('it was made in a session, whose owner looks and asks again');
  const { path } = stepExecution;
  const body: CommandBody = { effect: at.effect, answer };
  if (answer === 'happened' && status !== 'succeeded') {
    const loaded = await graphs.load(tx, person.tenant, run.graphHash);
    const step = loaded?.graph.nodes.find(({ id }) => id === node);
    if (loaded !== undefined && step?.kind === 'tool') requireAnswered(loaded.graph, step, output);
    if (output !== undefined) body.output = await putArtifact(tx, run.tenantId, output);
  } else if (output !== undefined) {
    throw notAsked(status === 'succeeded' ? 'its answer is recorded' : 'what did not happen has no answer');
  }
  const onItsWay = await pendingOrder(tx, run, node, path);
  if (onItsWay !== null) {
    if (onItsWay.kind === 'settle' && onItsWay.body === bodyText(body)) return { command: onItsWay.id };
    throw notParked('an order about it is on its way');
  }
  const step = await stepNow(tx, run, node, path);
  if (step?.status !== 'failed') throw notParked(step === undefined ? 'it has not started' : `it is ${step.status}`);
  if (!askedAbout.includes(step.class ?? '')) throw notAsked(`its step parked as ${step.class ?? 'something else'}`);
  if (effect.answer !== null) throw notAsked(`somebody said that it ${wordsOf(effect.answer)}`);
  if (status === 'succeeded' && answer === 'did not happen') throw notAsked('that it happened is recorded');
  return { command: await giveOrder(tx, person, run, { kind: 'settle', comment, node, path, body }) };
}

const wordsOf = (answer: string): string => (answer === 'send again' ? 'is to be sent again' : answer);

function notAsked(why: string): Problem {
  return new Problem('effect-not-asked', { detail: `Expected a write that a step waits for a person about; ${why}.` });
}

/** @throws Problem invalid-output: what the tool answered has to be what the step makes its output of */
function requireAnswered(graph: Graph, node: Node, output: Json | undefined): void {
  const type = givenType(node, `${node.id}[`);
  if (type === undefined) return;
  const completed = valueValidator(type, graph.types, { unknownFields: 'drop', nulls: 'leave out' }).complete(
    output ?? null,
  );
  if (completed.ok) return;
  const errors = completed.violations.map(
    ({ path, message }): Fault => ({ at: placeIn('output', path), in: 'body', message }),
  );
  throw new Problem('invalid-output', { errors });
}
