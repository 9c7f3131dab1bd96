/** A run and its result as text. */
import type { Run, StartedRun } from './api-shapes.ts';
import { plainJson, plainLine } from './plain-text.ts';
import { textTable } from './text-table.ts';

/** Where the run stands and where to look at it. */
export function runHeading(run: StartedRun): string {
  const status = run.paused ? `${run.status}, paused` : run.status;
  const facts = [
    ['Run', run.id],
    ['Document', `${run.title} (${run.document}, graph ${run.graphHash.slice(0, 12)})`],
    ['Status', run.practice ? `${status} (practice: answered from a script)` : status],
    ['Started', `${run.createdAt} by ${run.requester}`],
    ...(run.endedAt === undefined ? [] : [['Ended', run.endedAt]]),
    ...(run.webUi === undefined ? [] : [['Web UI', run.webUi]]),
  ];
  return facts.map(([name = '', value = '']) => `${name.padEnd(9)} ${plainLine(value)}`).join('\n');
}

/** A row for each step of the document, with why it failed or what was decided. */
export function stepsTable(run: Run): string {
  return textTable(
    [{ title: 'step' }, { title: 'kind' }, { title: 'state' }, { title: 'attempts', align: 'right' }, { title: '' }],
    run.steps.map(({ title, kind, state, attempt, verdict, failure }) => [
      title,
      kind,
      state,
      attempt === 0 ? '' : String(attempt),
      failure === undefined ? (verdict ?? '') : [failure.class, failure.detail].filter(Boolean).join(': '),
    ]),
  );
}

/** A line for each open gate: for whom it waits, and the command that decides it. */
export function waitingLines(run: Run): string[] {
  return run.waiting.map(
    ({ gate, title, approvers, people, since }) =>
      `Waits for ${plainLine([...approvers, ...people].join(' or '))}: ${plainLine(title)}, since ${since} (npx waymark decide ${gate} ACTION)`,
  );
}

export function resultText(run: Run): string {
  return run.result === undefined ? 'The run has no result.' : `Result:\n${plainJson(run.result)}`;
}
