/** The blocks of Agents: a model, tools, and whom work may be handed to. */
import { foldName } from '../source-text.ts';
import type { AgentDraft, Named } from './draft.ts';
import { readBudgetOf } from './limit-values.ts';
import { phrasesSpan, phrasesText } from './phrases.ts';
import type { Block } from './read-sections.ts';
import type { Body, Setting } from './read-settings.ts';
import { entriesOf, proseOf } from './read-settings.ts';
import { followLink } from './resolve-names.ts';
import type { Context } from './setting-values.ts';
import { invalid, readToolNames, readWords } from './setting-values.ts';
import { sortSettings } from './sort-settings.ts';

export const agentSettings = ['model', 'tools', 'may delegate to', 'budget', 'id'] as const;

export function readAgentBlock(block: Block, body: Body, context: Context): AgentDraft {
  const { report, names, source } = context;
  const settings = sortSettings(body.settings, agentSettings, 'an agent', report);
  const model = settings.get('model');
  const tools = settings.get('tools');
  const delegation = settings.get('may delegate to');
  const budget = settings.get('budget');
  const written = body.settings.some((one) => one.name === 'model') || body.late?.includes('model');
  if (!written) {
    const message = `Unexpected agent ${block.heading.text} without a model, expected a setting such as model: small`;
    report.error('missing-setting', block.heading.span, message);
  }
  const delegates = delegation ? readDelegates(delegation, context) : [];
  const spends = budget && readBudgetOf(budget, context);
  return {
    id: names.ids.get(block.heading) ?? '',
    name: block.heading.text,
    model: (model && readWords(model, 'the name of a model', context)) ?? '',
    tools: tools ? readToolNames(tools, context).map((tool) => tool.name) : [],
    mayDelegateTo: delegates.map((one) => one.name),
    instruction: proseOf(body.rest, source),
    ...(spends && { budget: spends }),
    block,
    settings,
    delegates,
  };
}

/** Ids of the agents that are linked, with the places of the links. */
function readDelegates(setting: Setting, context: Context): Named[] {
  const delegates: Named[] = [];
  const entries = entriesOf(setting);
  for (const entry of entries) {
    if (entries.length === 1 && foldName(phrasesText(entry)) === 'none') return [];
    const [only] = entry;
    if (entry.length !== 1 || only?.kind !== 'link') {
      invalid(setting, entry, 'links to agents such as [Accountant](#accountant), or none', context);
      continue;
    }
    const agent = followLink(only, 'agent', context.names, context.report);
    if (agent === undefined) continue;
    const span = phrasesSpan(entry, setting.span);
    if (delegates.some((one) => one.name === agent)) {
      const message = 'Unexpected second link to the same agent, expected each once';
      context.report.error('repeated-value', span, message);
    } else delegates.push({ name: agent, span });
  }
  return delegates;
}
