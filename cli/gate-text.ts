/** A gate as text: everything a decision is about. */
import type { Gate } from './api-shapes.ts';
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
    `  Decides    ${plainLine(gate.approvers.join(' or '))}${gate.notBy.length === 0 ? '' : `, not the ${plainLine(gate.notBy.join(' or '))}`}`,
    `  Actions    ${plainLine(gate.actions.map(({ name }) => name).join(', '))}`,
    ...(gate.question.trim() === '' ? [] : ['  Asked', indented(plainText(gate.question.trim()))]),
    ...gate.shown.flatMap(({ name, value }) => [
      `  ${plainLine(name)}`,
      indented(value === undefined ? '(not shown here)' : valueText(value)),
    ]),
  ].join('\n');
}

/** Text as it reads, everything else as JSON. */
const valueText = (value: unknown): string => (typeof value === 'string' ? plainText(value) : plainJson(value));
