/** Budgets: no part of a document may spend more than the whole of it. */
import type { Report } from '../diagnostics.ts';
import type { Budget } from '../graph.ts';
import type { Span } from '../source-text.ts';
import type { DocumentDraft, StepDraft } from './draft.ts';
import type { Flow } from './flow.ts';
import type { Setting } from './read-settings.ts';
import { valueSpan } from './read-settings.ts';

interface Spender {
  /** As messages name it. */
  name: string;
  budget: Budget;
  /** Absent for an agent of another document. */
  span?: Span;
}

const units = ['tokens', 'usd'] as const;

/**
 * A budget above that of the agent or document around it can never be spent: a mistake. Budgets that are each below it and
 * only together above it are most that may be spent, not what will be: a warning.
 */
export function checkBudgets(draft: DocumentDraft, flow: Flow, report: Report): void {
  const document = spenderOf('the document', draft.budget, draft.settings);
  const agents = new Map<string, Spender>();
  for (const { id, name, budget } of draft.others.agents) if (budget) agents.set(id, { name, budget });
  for (const { id, name, budget, settings } of draft.agents) {
    const agent = spenderOf(name, budget, settings);
    if (!agent) continue;
    agents.set(id, agent);
    reportAbove(agent, [document], report);
  }
  const certain: Spender[] = [];
  for (const step of draft.steps) {
    const spender = spenderOf(step.title, step.values.budget, step.settings);
    if (!spender) continue;
    const above = reportAbove(spender, [agents.get(step.values.agent ?? ''), document], report);
    if (!above && runsAlways(step, flow)) certain.push(spender);
  }
  if (document) for (const unit of units) warnOfSum(certain, document, unit, report);
}

function spenderOf(
  name: string,
  budget: Budget | undefined,
  settings: ReadonlyMap<string, Setting>,
): Spender | undefined {
  const setting = settings.get('budget');
  return budget && setting && { name, budget, span: valueSpan(setting) };
}

/** Itself and all containers around it, in every run that completes. */
function runsAlways(step: StepDraft, flow: Flow): boolean {
  const [outermost = step.id] = flow.around(step.id).toReversed();
  const inner = [step.id, ...flow.around(step.id)];
  return (
    flow.hasRunAtEnd(outermost) &&
    inner.every((id, index) => index === inner.length - 1 || flow.hasRunBefore(id, inner[index + 1] ?? '', true))
  );
}

function reportAbove(spender: Spender, around: readonly (Spender | undefined)[], report: Report): boolean {
  for (const whole of around) {
    const unit = whole && units.find((one) => (spender.budget[one] ?? 0) > (whole.budget[one] ?? Infinity));
    if (!whole || !unit || !spender.span) continue;
    const related = whole.span ? [{ span: whole.span, message: `the budget of ${whole.name}` }] : [];
    const message = `Unexpected budget of ${amount(spender, unit)}, expected at most the ${amount(whole, unit)} of ${whole.name}`;
    report.error('budget-above', spender.span, message, { related });
    return true;
  }
  return false;
}

/** At the budget that goes beyond: those before it fit. */
function warnOfSum(certain: readonly Spender[], document: Spender, unit: (typeof units)[number], report: Report): void {
  const most = document.budget[unit];
  if (most === undefined) return;
  let sum = 0;
  for (const { budget, span } of certain) {
    const before = sum;
    // Cents and fractions of them add up as people add them.
    sum = Math.round((sum + (budget[unit] ?? 0)) * 1e6) / 1e6;
    if (sum <= most || before > most || !span) continue;
    const related = document.span ? [{ span: document.span, message: 'the budget of the document' }] : [];
    const all = certain.reduce((total, one) => Math.round((total + (one.budget[unit] ?? 0)) * 1e6) / 1e6, 0);
    const message = `Unexpected sum of ${words(all, unit)} over the steps that every run takes, expected at most the ${words(most, unit)} of the document`;
    report.warning('budget-sum', span, message, { related });
  }
}

function amount({ budget }: Spender, unit: (typeof units)[number]): string {
  return words(budget[unit] ?? 0, unit);
}

function words(number: number, unit: (typeof units)[number]): string {
  return `${number} ${unit === 'usd' ? 'USD' : 'tokens'}`;
}
