/** What the settings of a gate or of a person's task say together. */
import type { Report } from '../diagnostics.ts';
import type { Span } from '../source-text.ts';
import { unsaidActions } from './action-values.ts';
import type { StepDraft } from './draft.ts';
import { valueSpan } from './read-settings.ts';

export function checkDecisions(steps: readonly StepDraft[], report: Report): void {
  for (const step of steps) {
    checkQuorum(step, report);
    checkForm(step, report);
    checkOverdue(step, report);
  }
}

/** With `and` the number is that of the roles; of persons there are no more than are named. */
function checkQuorum({ settings, values }: StepDraft, report: Report): void {
  const { quorum, approvers } = values;
  const setting = settings.get('quorum');
  if (quorum === undefined || !approvers || !setting) return;
  const related = relatedTo(settings.get('approve')?.nameSpan, 'who decides is said here');
  if (approvers.need === 'all') {
    const message = 'Unexpected quorum where each role decides once, expected or between them, or no quorum';
    report.error('clashing-settings', setting.nameSpan, message, { related });
  } else if (approvers.of.every((one) => 'person' in one) && quorum > approvers.of.length) {
    const many = approvers.of.length === 1 ? 'one person' : `${approvers.of.length} persons`;
    const message = `Unexpected quorum of ${quorum} where ${many} may decide, expected no more than there are`;
    report.error('out-of-range', valueSpan(setting), message, { related });
  }
}

/** Only an action that continues fills the form. */
function checkForm({ settings, values }: StepDraft, report: Report): void {
  const setting = settings.get('ask');
  // Actions that could not be read may continue.
  if (!setting || (settings.has('actions') && !values.actions)) return;
  if ((values.actions ?? unsaidActions).some((action) => action.effect === 'continue')) return;
  const related = relatedTo(settings.get('actions')?.nameSpan, 'none of these continues');
  const message = 'Unexpected ask on a gate that no action lets continue, expected an action such as approve: continue';
  report.error('clashing-settings', setting.nameSpan, message, { related });
}

function checkOverdue({ settings }: StepDraft, report: Report): void {
  const setting = settings.get('if overdue');
  if (!setting || settings.has('due')) return;
  const message = 'Unexpected if overdue without due, expected how long it may take, such as due: 2 days';
  report.error('missing-setting', setting.nameSpan, message);
}

function relatedTo(span: Span | undefined, message: string): { span: Span; message: string }[] {
  return span ? [{ span, message }] : [];
}
