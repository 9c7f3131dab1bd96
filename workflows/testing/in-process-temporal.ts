/**
 * As much of `@temporalio/workflow` as the interpreter uses, in this process and without a server: for tests of many runs,
 * and for coverage, which does not see into the sandbox. What real histories, timers and cancels do is tested on a server.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { ActivityFailure, ApplicationFailure, CancelledFailure, RetryState } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { RunActivities } from '../../activities/contract.ts';

type Activity = (input: unknown) => Promise<unknown>;

export interface InProcessRun<Result> {
  result: Promise<Result>;
  /** Executions so far. */
  readonly executions: number;
  /** From now on, history is long once so many activities were scheduled in an execution. */
  goOnAfter(activities: number): void;
  ring(rung: unknown): void;
  cancel(): void;
  /** Current details, and the search attributes as they stand. */
  readonly details: string;
  readonly attributes: Record<string, unknown>;
  /** Activities in the order they were scheduled: `name type`, local ones by type alone. */
  readonly scheduled: string[];
}

interface Runtime {
  activities: Record<string, Activity>;
  conditions: { fn: () => boolean; resolve: () => void }[];
  onRing: ((rung: unknown) => void) | undefined;
  details: string;
  attributes: Record<string, unknown>;
  scheduled: string[];
  executions: number;
  longAfter: number;
  scheduledBefore: number;
}

/** A run that goes on for ever fails its test instead of holding up the machine. */
const mostExecutions = 1000;

class ContinueAsNew extends Error {
  override readonly name = 'ContinueAsNew';
  readonly input: unknown;

  constructor(input: unknown) {
    super('continued as new');
    this.input = input;
  }
}

const current = new AsyncLocalStorage<Runtime>();
/** Whatever an execution that has gone on in another still asks for is not done: on a server it is not there any more. */
const execution = new AsyncLocalStorage<{ over: boolean }>();
const never = new Promise<never>(() => undefined);
const scopes = new AsyncLocalStorage<CancellationScope>();

function runtime(): Runtime {
  const found = current.getStore();
  if (found === undefined) throw new Error('called outside a run');
  return found;
}

/** Runs a workflow function over these activities. */
export function runInProcess<Input, Result>(
  activities: RunActivities,
  workflow: (input: Input) => Promise<Result>,
  input: Input,
): InProcessRun<Result> {
  const own: Runtime = {
    activities: { ...activities } as unknown as Record<string, Activity>,
    conditions: [],
    onRing: undefined,
    details: '',
    attributes: {},
    scheduled: [],
    executions: 0,
    longAfter: Number.POSITIVE_INFINITY,
    scheduledBefore: 0,
  };
  const root = new CancellationScope({ parent: undefined });
  const execute = async (given: Input): Promise<Result> => {
    own.executions += 1;
    own.scheduledBefore = own.scheduled.length;
    own.conditions = [];
    try {
      return await execution.run({ over: false }, () => root.run(() => workflow(structuredClone(given))));
    } catch (error) {
      if (error instanceof ContinueAsNew && own.executions < mostExecutions) return execute(error.input as Input);
      throw error;
    }
  };
  const result = current.run(own, () => execute(input));
  const check = setInterval(() => checkConditions(own), 1);
  return {
    result: result.finally(() => clearInterval(check)),
    ring(rung) {
      own.onRing?.(rung);
      checkSoon(own);
    },
    cancel: () => root.cancel(),
    get executions() {
      return own.executions;
    },
    goOnAfter(count) {
      own.longAfter = count;
    },
    get details() {
      return own.details;
    },
    attributes: own.attributes,
    scheduled: own.scheduled,
  };
}

function checkConditions(own: Runtime): void {
  const held = own.conditions.filter(({ fn }) => fn());
  own.conditions = own.conditions.filter((one) => !held.includes(one));
  for (const { resolve } of held) resolve();
  if (held.length > 0) checkSoon(own);
}

/** When all that follows from what just happened has run. */
function checkSoon(own: Runtime): void {
  setImmediate(() => checkConditions(own));
}

export class CancellationScope {
  readonly cancelRequested: Promise<never>;
  consideredCancelled = false;
  private reject: (error: Error) => void = () => undefined;

  constructor({
    cancellable = true,
    parent = scopes.getStore(),
  }: { cancellable?: boolean; parent?: CancellationScope | undefined } = {}) {
    this.cancelRequested = new Promise((_, reject) => {
      this.reject = reject;
    });
    this.cancelRequested.catch(() => undefined);
    if (cancellable) parent?.cancelRequested.catch(() => this.cancel());
  }

  static current(): CancellationScope {
    const scope = scopes.getStore();
    if (scope === undefined) throw new Error('called outside a run');
    return scope;
  }

  static nonCancellable<Result>(fn: () => Promise<Result>): Promise<Result> {
    return new CancellationScope({ cancellable: false }).run(fn);
  }

  run<Result>(fn: () => Promise<Result>): Promise<Result> {
    return scopes.run(this, fn);
  }

  cancel(): void {
    this.consideredCancelled = true;
    this.reject(new CancelledFailure('cancelled'));
  }
}

/** A time in words, such as a day, does not pass; one in milliseconds does. */
export function condition(fn: () => boolean, timeout?: number | string): Promise<boolean> {
  const own = runtime();
  return new Promise((resolve, reject) => {
    CancellationScope.current().cancelRequested.catch(reject);
    const waiting = { fn, resolve: () => resolve(true) };
    own.conditions.push(waiting);
    checkSoon(own);
    if (typeof timeout !== 'number') return;
    setTimeout(() => {
      // An execution that has ended waits for nothing any more.
      if (!own.conditions.includes(waiting)) return;
      own.conditions = own.conditions.filter((one) => one !== waiting);
      resolve(false);
    }, timeout).unref();
  });
}

/** Time does not pass, and nobody waits for it: it is over at once. */
export async function sleep(): Promise<void> {
  await Promise.race([Promise.resolve(), CancellationScope.current().cancelRequested]);
}

export async function scheduleActivity(type: string, [input]: unknown[], { activityId }: { activityId: string }) {
  const own = runtime();
  const scope = CancellationScope.current();
  if (execution.getStore()?.over) return never;
  own.scheduled.push(`${activityId} ${type}`);
  const fail = (cause: Error) =>
    new ActivityFailure(`${type} failed`, type, activityId, RetryState.NON_RETRYABLE_FAILURE, 'in process', cause);
  try {
    return await callUntilSettled(own, type, input, scope);
  } catch (error) {
    throw fail(
      scope.consideredCancelled && !(error instanceof ApplicationFailure)
        ? new CancelledFailure('cancelled')
        : (error as Error),
    );
  } finally {
    checkSoon(own);
  }
}

/** What may be retried is, at once. */
async function callUntilSettled(
  own: Runtime,
  type: string,
  input: unknown,
  scope?: CancellationScope,
): Promise<unknown> {
  const activity = own.activities[type];
  if (activity === undefined) throw new Error(`no activity ${type}`);
  for (;;) {
    const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
    scope?.cancelRequested.catch(() => environment.cancel());
    try {
      return await current.exit(() => environment.run(activity, structuredClone(input)));
    } catch (error) {
      if (!(error instanceof ApplicationFailure) || error.nonRetryable) throw error;
    }
  }
}

export function proxyLocalActivities() {
  return new Proxy<Record<string, Activity>>(
    {},
    {
      get: (_, type: string) => async (input: unknown) => {
        const own = runtime();
        if (execution.getStore()?.over) return never;
        own.scheduled.push(type);
        return await callUntilSettled(own, type, input).finally(() => checkSoon(own));
      },
    },
  );
}

export function workflowInfo() {
  const own = runtime();
  const historyLength = own.scheduled.length - own.scheduledBefore;
  return { historyLength, continueAsNewSuggested: historyLength >= own.longAfter };
}

export async function continueAsNew(input: unknown): Promise<never> {
  // Whatever still waits in this execution is gone with it.
  runtime().conditions = [];
  const left = execution.getStore();
  if (left !== undefined) left.over = true;
  throw new ContinueAsNew(structuredClone(input));
}

export function setHandler(_: unknown, handler: (rung: unknown) => void): void {
  runtime().onRing = handler;
}

export function setCurrentDetails(details: string): void {
  runtime().details = details;
}

export function upsertSearchAttributes(pairs: { key: { name: string }; value: unknown }[]): void {
  for (const { key, value } of pairs) {
    if (value === null) delete runtime().attributes[key.name];
    else runtime().attributes[key.name] = value;
  }
}
