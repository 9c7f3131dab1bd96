/** Roles and models, against those that are known. */
import type { Span } from '../source-text.ts';
import type { Around } from './around.ts';
import { settingOf } from './around.ts';
import type { ApproversDraft } from './draft.ts';
import { valueSpan } from './read-settings.ts';

export function checkRoles(around: Around): void {
  const { roles } = around.surroundings;
  const said = around.draft.steps.flatMap(({ values }) => {
    const asked = values.ifOverdue?.do === 'ask' ? values.ifOverdue.approvers : undefined;
    const who = values.who === 'assignee' ? undefined : values.who;
    return [values.approvers, values.requiresApproval, asked, who].flatMap(rolesOf);
  });
  if (!roles) {
    if (said.length > 0) around.unchecked.push({ check: 'roles', why: 'no roles are declared here' });
    return;
  }
  for (const { role, span } of said) {
    if (roles.has(role)) continue;
    const nearest = { word: role, candidates: roles };
    const message = `Unexpected role ${role}, expected one that is declared`;
    around.report.error('unknown-role', span, message, { nearest });
  }
}

function rolesOf(approvers: ApproversDraft | undefined): { role: string; span: Span }[] {
  return (approvers?.of ?? []).flatMap((one) => ('role' in one ? [{ role: one.role, span: one.span }] : []));
}

export function checkModels(around: Around): void {
  const { models } = around.surroundings;
  const agents = around.draft.agents.filter((agent) => agent.model !== '');
  if (!models) {
    if (agents.length > 0) around.unchecked.push({ check: 'models', why: 'no models are declared here' });
    return;
  }
  for (const agent of agents) {
    if (models.has(agent.model)) continue;
    const setting = settingOf(around, agent.block, 'model');
    const span = setting ? valueSpan(setting) : agent.block.heading.span;
    const nearest = { word: agent.model, candidates: models.keys() };
    const message = `Unexpected model ${agent.model}, expected one that is declared`;
    around.report.error('unknown-model', span, message, { nearest });
  }
}
