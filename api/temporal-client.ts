/** What the API asks of Temporal, and all it asks: start a run's workflow, ring it, and say whether the server answers. */
import { Client, Connection, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import type { Ring, RunDocumentInput, SessionInput, searchAttributes } from '../workflows/messages.ts';
import { ringSignal, runDocumentWorkflow, sessionTurnWorkflow } from '../workflows/messages.ts';

export interface RunToStart {
  workflowId: string;
  run: string;
  document: string;
  title: string;
  /** The run that it goes on from. */
  resumes?: string;
}

export interface Workflows {
  /** A workflow that was started before under this id, running or ended, is success. */
  start(run: RunToStart): Promise<void>;
  /** `absent`: no workflow is running under this id now. */
  ring(workflowId: string, ring: Ring): Promise<'rung' | 'absent'>;
  /** Has the session's workflow look for turns that wait: the one that runs, or a new one. */
  answer(workflowId: string, session: string): Promise<void>;
  /** `ended`: however it did, it runs no more. `absent`: the server knows no workflow of this id. */
  look(workflowId: string): Promise<'running' | 'ended' | 'absent'>;
  /** Throws when the server does not answer. */
  check(): Promise<void>;
  close(): Promise<void>;
}

export interface TemporalSettings {
  /** `host:port` */
  address: string;
  namespace: string;
  taskQueue: string;
}

const endedStatuses: ReadonlySet<string> = new Set(['COMPLETED', 'FAILED', 'CANCELLED', 'TERMINATED', 'TIMED_OUT']);

const keyword = (name: keyof typeof searchAttributes) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
const documentKey = keyword('WaymarkDocument');
const statusKey = keyword('WaymarkStatus');

/** Connects when first used, so an API starts, and takes decisions, while Temporal is away. */
export function connectWorkflows(settings: TemporalSettings): Workflows {
  const connection = Connection.lazy({ address: settings.address });
  const client = new Client({ connection, namespace: settings.namespace });
  return {
    async start({ workflowId, run, document, title, resumes }) {
      try {
        await client.workflow.start<(input: RunDocumentInput) => Promise<unknown>>(runDocumentWorkflow, {
          workflowId,
          taskQueue: settings.taskQueue,
          args: [{ run }],
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          workflowIdConflictPolicy: 'FAIL',
          staticSummary: title,
          ...(resumes === undefined ? {} : { staticDetails: `Goes on from run ${resumes}` }),
          typedSearchAttributes: new TypedSearchAttributes([
            { key: documentKey, value: document },
            { key: statusKey, value: 'running' },
          ]),
        });
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    },
    async ring(workflowId, ring) {
      try {
        await client.workflow.getHandle(workflowId).signal(ringSignal, ring);
        return 'rung';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return 'absent';
        throw error;
      }
    },
    async answer(workflowId, session) {
      await client.workflow.signalWithStart<(input: SessionInput) => Promise<void>, []>(sessionTurnWorkflow, {
        workflowId,
        taskQueue: settings.taskQueue,
        args: [{ session }],
        signal: ringSignal,
        signalArgs: [],
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        staticSummary: 'Session',
      });
    },
    async look(workflowId) {
      try {
        const { status } = await client.workflow.getHandle(workflowId).describe();
        return endedStatuses.has(status.name) ? 'ended' : 'running';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return 'absent';
        throw error;
      }
    },
    async check() {
      await connection.withDeadline(Date.now() + 2_000, () =>
        connection.workflowService.describeNamespace({ namespace: settings.namespace }),
      );
    },
    close: () => connection.close(),
  };
}
