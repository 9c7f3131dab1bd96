/**
 * Run as a process of its own: `node temporal-download.ts dev-server|test-server DIR`. Lets the SDK fetch its official binary into DIR, by
 * starting the server once. A process, because the SDK's download cannot be ended when it hangs, and because it would install
 * the SDK's native runtime in the caller before the caller's own settings for it.
 */
import { TestWorkflowEnvironment } from '@temporalio/testing';

const [what, downloadDir] = process.argv.slice(2);
if (downloadDir === undefined) throw new Error('usage: node temporal-download.ts dev-server|test-server DIR');

const options = { server: { executable: { type: 'cached-download', downloadDir } } } as const;
const environment =
  what === 'test-server'
    ? await TestWorkflowEnvironment.createTimeSkipping(options)
    : await TestWorkflowEnvironment.createLocal(options);
await environment.teardown();
