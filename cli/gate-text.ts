/** A gate as text: everything a decision is about. */
import type { Gate, Missing } from './api-shapes.ts';
import { plainJson, plainLine, plainText } from './plain-text.ts';

/** What other people wrote is set in under our own lines, so that it cannot pass for one of them. */
const indented = (text: string): string => text.replace(/^/gm, '    ');

export function gateText(gate: Gate): string {
  const { run } = gate;
  return [
    plainLine(gate.title),
    `  Gate       ${gate.id} (${gate.status})`,
    `  Run        ${plainLine(run.title)}, ${run.id}, started by ${plainLine(run.requester)}`,
    ...(run.practice ? ['  Practice   answered from a script'] : []),
    `  Decides    ${whoDecides(gate)}`,
    ...(gate.dueAt === undefined ? [] : [`  Due        ${gate.dueAt}${gate.overdue ? ', overdue' : ''}`]),
    ...(gate.claimed === undefined ? [] : [`  Claimed    by ${plainLine(gate.claimed.by)} at ${gate.claimed.at}`]),
    `  Actions    ${plainLine(gate.actions.map(({ name }) => name).join(', '))}`,
    ...(gate.question.trim() === '' ? [] : ['  Asked', indented(plainText(gate.question.trim()))]),
    ...gate.shown.flatMap(({ name, value }) => [
      `  ${plainLine(name)}`,
      indented(value === undefined ? '(not shown here)' : valueText(value)),
    ]),
    ...(gate.form === undefined ? [] : ['  To fill in, as JSON after this schema', indented(plainJson(gate.form))]),
    ...gate.decisions.flatMap(({ by, for: principal, action, comment, counts }) => [
      `  ${plainLine(by)}${principal === undefined ? '' : ` for ${plainLine(principal)}`}: ${plainLine(action)}${counts ? '' : ' (does not count now)'}`,
      ...(comment === '' ? [] : [indented(plainText(comment))]),
    ]),
    ...gate.delegations
      .filter(({ withdrawnAt }) => withdrawnAt === undefined)
      .map(({ from, to }) => `  ${plainLine(to)} may cast the vote of ${plainLine(from)}`),
    ...gate.messages.flatMap(({ id, kind, by, to, text }) => [
      `  ${plainLine(by)} ${kind === 'answer' ? 'answers' : `asks${to === undefined ? '' : ` ${plainLine(to)}`} (question ${id})`}`,
      indented(plainText(text)),
    ]),
  ].join('\n');
}

/** Text as it reads, everything else as JSON. */
const valueText = (value: unknown): string => (typeof value === 'string' ? plainText(value) : plainJson(value));

/** `2 of manager or director`, `finance and legal`; with whom `not by` binds. */
function whoDecides({ approvers, people, need, quorum, notBy }: Gate): string {
  const asked = [...approvers, ...people].join(need === 'all' ? ' and ' : ' or ');
  const who = `${quorum === undefined ? '' : `${quorum} of `}${plainLine(asked)}`;
  return notBy.length === 0 ? who : `${who}, not the ${plainLine(notBy.join(' or '))}`;
}

/** Who is still needed: `1 more of manager or director, 1 more of legal`. */
export function missingText(missing: readonly Missing[]): string {
  return missing
    .map(({ roles, people, more }) => `${more} more of ${plainLine([...roles, ...people].join(' or '))}`)
    .join(', ');
}
