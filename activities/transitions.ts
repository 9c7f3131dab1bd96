/** Transitions that only the workflow knows, as they ride an activity into the run log. */
import { randomUUID } from 'node:crypto';
import { canonicalJson, sha256Hex } from '../compiler/canonical.ts';
import type { Json } from '../compiler/types.ts';
import type { Tx } from '../prisma/open.ts';
import type { EventType, NewEvent } from '../prisma/run-log.ts';
import type { Transition } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { keepReason } from './kept-reasons.ts';

const eventOf = {
  applied: 'command.applied',
  'not applied': 'command.applied',
  skipped: 'step.skipped',
  bypassed: 'step.bypassed',
  refused: 'step.refused',
  chosen: 'step.chosen',
  parked: 'step.failed',
} as const satisfies Record<Transition['to'], EventType>;

/** What a transition needs to know of its run. */
export interface TransitionRun {
  tenantId: string;
  id: string;
  rootRunId: string;
  requesterId: string;
}

/**
 * The events of the transitions, for the caller to append last. A node that was skipped or refused without ever being
 * claimed gets its row here, so that a run's steps are all to be found in one table.
 */
export async function transitionEvents(
  tx: Tx,
  deps: Dependencies,
  run: TransitionRun,
  transitions: readonly Transition[] = [],
): Promise<NewEvent[]> {
  const events: NewEvent[] = [];
  const unreached = transitions.filter(({ to }) => to === 'skipped' || to === 'bypassed' || to === 'refused');
  if (unreached.length > 0) {
    await tx.stepExecution.createMany({
      data: unreached.map(({ node, path, to }) => ({
        tenantId: run.tenantId,
        id: randomUUID(),
        rootRunId: run.rootRunId,
        runId: run.id,
        node,
        ...(path === undefined ? {} : { path }),
        status: to === 'refused' ? 'refused' : 'skipped',
        memoKey: sha256Hex(canonicalJson(['unreached', run.rootRunId, node, ...(path === undefined ? [] : [path])])),
        actorId: run.requesterId,
        endedAt: deps.clock(),
      })),
      skipDuplicates: true,
    });
  }
  const leftOut = transitions.filter(({ to, order }) => to === 'bypassed' && order !== undefined);
  for (const { node, path = '' } of leftOut) {
    await tx.stepExecution.updateMany({
      where: { tenantId: run.tenantId, rootRunId: run.rootRunId, node, path, generation: { gte: 0 }, status: 'failed' },
      data: { status: 'skipped', endedAt: deps.clock() },
    });
  }
  for (const { node, path = '', detail: failureClass, why } of transitions) {
    if (why !== undefined && failureClass !== undefined)
      await keepReason(tx, deps, run, { node, path, failureClass, why });
  }
  for (const { node, path, to, detail, order } of transitions) {
    if (order !== undefined && (to === 'applied' || to === 'not applied')) {
      const applied = to === 'applied';
      await tx.command.updateMany({ where: { tenantId: run.tenantId, id: order, runId: run.id }, data: { applied } });
    }
    events.push({
      run: run.id,
      type: eventOf[to],
      sourceKey: [to, node, path, order].filter((part) => part !== undefined).join(':'),
      ...(node === '' ? {} : { node }),
      body: {
        ...saidOf(to, detail),
        ...(path === undefined ? {} : { path }),
        ...(order === undefined ? {} : { command: order }),
      },
    });
  }
  return events;
}

function saidOf(to: Transition['to'], detail: string | undefined): Record<string, Json> {
  if (to === 'chosen') return { arm: detail ?? null };
  if (to === 'parked') return { class: detail ?? null };
  return to === 'applied' || to === 'not applied' ? { applied: to === 'applied' } : {};
}
