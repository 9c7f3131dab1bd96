import { expect, test } from 'vitest';
import type { StepLogEntry } from './step-log.ts';
import { jsonLinesLog } from './step-log.ts';

const entry: StepLogEntry = {
  workflowRunId: 'run-1',
  stepId: 'pay',
  attempt: 1,
  agent: null,
  latencyMs: 12,
  tokens: 3,
  cost: 0.1,
  status: 'committed',
  traceId: 'trace-1',
  level: 'info',
  event: 'step.committed',
};

test('an entry is one line of JSON with the time', () => {
  const lines: string[] = [];
  jsonLinesLog(
    (line) => lines.push(line),
    () => new Date(0),
  ).write({ ...entry, class: 'timeout' });
  expect(lines).toEqual([
    '{"at":"1970-01-01T00:00:00.000Z","level":"info","event":"step.committed","class":"timeout","workflowRunId":"run-1",' +
      '"stepId":"pay","attempt":1,"agent":null,"latencyMs":12,"tokens":3,"cost":0.1,"status":"committed","traceId":"trace-1"}',
  ]);
});

test('what is added to an entry does not reach the log', () => {
  const lines: string[] = [];
  jsonLinesLog((line) => lines.push(line)).write({ ...entry, ...{ comment: 'PLANTED' } });
  expect(lines.join()).not.toContain('PLANTED');
});
