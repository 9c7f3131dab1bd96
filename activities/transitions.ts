/** Transitions that only the workflow knows, as they ride an activity into the run log. */
import { randomUUID } from 'node:crypto';
import { canonicalJson, sha256Hex } from '../compiler/canonical.ts';
import type { Tx } from '../prisma/open.ts';
import type { EventType, NewEvent } from '../prisma/run-log.ts';
import type { Transition } from './contract.ts';
import type { Dependencies } from './dependencies.ts';

const eventOf = {
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
  for (const { node, path, to, detail } of transitions) {
    const said = to === 'chosen' ? { arm: detail ?? null } : to === 'parked' ? { class: detail ?? null } : {};
    events.push({
      run: run.id,
      type: eventOf[to],
      sourceKey: path === undefined ? `${to}:${node}` : `${to}:${node}:${path}`,
      node,
      body: path === undefined ? said : { ...said, path },
    });
  }
  return events;
}
