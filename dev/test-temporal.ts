import { TestWorkflowEnvironment } from '@temporalio/testing';
import type { SearchAttributeType } from './temporal.ts';
import { addSearchAttributes } from './temporal.ts';

/**
 * A server of its own whose clock jumps over waiting, ready for workflows that use these search attributes. `binary` is what findTestServer gives; in tests,
 * `inject('temporalTestServer')`. The clock is one for the whole server: one test at a time. It does not list, count, reset or schedule.
 */
export async function createTimeSkipping(options: {
  binary: string;
  searchAttributes: Readonly<Record<string, SearchAttributeType>>;
}): Promise<TestWorkflowEnvironment> {
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: options.binary } },
  });
  await addSearchAttributes(environment.connection, environment.namespace ?? 'default', options.searchAttributes);
  return environment;
}

/**
 * The dev server that all integration tests share, as an environment with clients and connections; `inject('temporalAddress')` and
 * `inject('temporalNamespace')`. Tests keep apart by task queue and workflow id. Tearing it down leaves the server up.
 */
export function connectDevEnvironment(options: {
  address: string;
  namespace: string;
}): Promise<TestWorkflowEnvironment> {
  return TestWorkflowEnvironment.createFromExistingServer(options);
}
