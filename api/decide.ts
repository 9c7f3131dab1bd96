/**
 * Deciding a gate: one transaction, final when it commits. Everything that could refuse the decision is looked at under
 * the gate's lock, so of two decisions at once one is made and the other is told so. The workflow is rung afterwards.
 */
import { randomUUID } from 'node:crypto';
import type { Json } from '../compiler/types.ts';
import { deriveView } from '../compiler/view.ts';
import { putArtifact } from '../prisma/artifacts.ts';
import type { Actor, Tx } from '../prisma/open.ts';
import { appendEvents } from '../prisma/run-log.ts';
import { actionsOf, notByOf, rolesOf } from './gate-rows.ts';
import type { GraphCache } from './graph-cache.ts';
import type { RingPayload } from './outbox.ts';

export interface DecisionRequest {
  gate: string;
  action: string;
  /** Of the gate, as it was shown to the person. */
  subject: string;
  comment: string;
  form?: Json;
}

export type RefusalReason =
  | 'not-found'
  | 'not-open'
  | 'already-decided'
  | 'stale-subject'
  | 'not-an-approver'
  | 'separation-of-duties'
  | 'unknown-action';

export interface Decided {
  decision: string;
  gate: string;
  run: string;
  action: string;
  decidedAt: Date;
}

export type Verdict = { decided: Decided } | { refused: RefusalReason; run?: string; node?: string };

export async function decide(tx: Tx, graphs: GraphCache, actor: Actor, request: DecisionRequest): Promise<Verdict> {
  const { tenant, user } = actor;
  await tx.$queryRaw`SELECT 1 FROM gate WHERE tenant_id = ${tenant} AND id = ${request.gate} FOR UPDATE`;
  const gate = await tx.gate.findUnique({ where: { tenantId_id: { tenantId: tenant, id: request.gate } } });
  if (gate === null) return { refused: 'not-found' };
  const run = await tx.run.findUniqueOrThrow({ where: { tenantId_id: { tenantId: tenant, id: gate.runId } } });
  const refuse = (reason: RefusalReason): Verdict => ({ refused: reason, run: run.id, node: gate.node });

  if (gate.status === 'decided') return refuse('already-decided');
  if (gate.status !== 'open' || run.endedAt !== null) return refuse('not-open');
  if (gate.subject !== request.subject) return refuse('stale-subject');
  if (!(await hasOneOf(tx, actor, rolesOf(gate)))) return refuse('not-an-approver');
  if (notByOf(gate).includes('requester') && run.requesterId === user) return refuse('separation-of-duties');
  const action = actionsOf(gate).find(({ name }) => name === request.action);
  if (action === undefined) return refuse('unknown-action');

  const viewKeys = (await graphs.load(tx, tenant, run.graphHash))?.viewPaths[gate.node] ?? [];
  const output: Record<string, Json> = { action: action.name, comment: request.comment, by: user };
  if (action.effect === 'continue' && request.form !== undefined) output.form = request.form;
  const view = gate.purpose === 'step' ? deriveView(output, viewKeys) : undefined;
  const decision = randomUUID();
  const decidedAt = new Date();
  await tx.decision.create({
    data: {
      tenantId: tenant,
      id: decision,
      gateId: gate.id,
      userId: user,
      action: action.name,
      comment: request.comment,
      subject: gate.subject,
      decidedAt,
    },
  });
  await tx.gate.update({
    where: { tenantId_id: { tenantId: tenant, id: gate.id } },
    data: {
      status: 'decided',
      verdict: action.name,
      outputDigest: await putArtifact(tx, tenant, output),
      view: view === undefined ? null : JSON.stringify(view),
      decidedAt,
    },
  });
  await leaveRing(tx, tenant, run, { gate: gate.id }, decidedAt);
  await appendEvents(tx, [
    {
      run: run.id,
      type: 'gate.decided',
      sourceKey: `gate.decided:${gate.id}`,
      node: gate.node,
      body: { gate: gate.id, decision, action: action.name, user, subject: gate.subject },
    },
  ]);
  return { decided: { decision, gate: gate.id, run: run.id, action: action.name, decidedAt } };
}

/** Notes a refusal in the run's log. In a transaction of its own: the refused one left nothing. */
export async function logRefusal(
  tx: Tx,
  actor: Actor,
  refusal: { gate: string; run: string; node: string; reason: RefusalReason },
): Promise<void> {
  const { gate, run, node, reason } = refusal;
  await appendEvents(tx, [
    {
      run,
      type: 'gate.refused-decision',
      sourceKey: `gate.refused-decision:${randomUUID()}`,
      node,
      body: { gate, user: actor.user, reason },
    },
  ]);
}

/** Leaves the row from which the relay rings the run until it has heard. */
export async function leaveRing(
  tx: Tx,
  tenant: string,
  run: { id: string; workflowId: string },
  ring: RingPayload,
  nextAt: Date,
): Promise<void> {
  await tx.outbox.create({
    data: {
      tenantId: tenant,
      id: randomUUID(),
      runId: run.id,
      workflowId: run.workflowId,
      kind: 'ring',
      payload: JSON.stringify(ring),
      nextAt,
    },
  });
}

/** The person's rights as they are now, not as they were when the request came in. */
async function hasOneOf(tx: Tx, { tenant, user }: Actor, roles: string[]): Promise<boolean> {
  const person = await tx.user.findUnique({ where: { tenantId_id: { tenantId: tenant, id: user } } });
  if (person?.active !== true) return false;
  const held = await tx.membership.count({ where: { tenantId: tenant, userId: user, role: { in: roles } } });
  return held > 0;
}
