import { expect, it } from 'vitest';
import { journalSchema } from './api-shapes.ts';
import { journalTable } from './journal-table.ts';
import { journal } from './testing/expense-run.ts';

it('shows a row for each event, the columns in which something is said, and the totals', () => {
  expect(journalTable(journalSchema.parse(journal))).toBe(
    [
      '#  time      event        step  attempt  status   agent       source    tokens in  out     USD  ms',
      '-  --------  -----------  ----  -------  -------  ----------  --------  ---------  ---  ------  --',
      '1  10:00:00  run.started                 running',
      '3  10:00:02  step.turn    read        1           accountant  practice        100   20  0.0013   7',
      '',
      'In all: 100 tokens in, 20 out, 0.0013 USD, quality 1.00 (practice: answered from a script)',
    ].join('\n'),
  );
});
