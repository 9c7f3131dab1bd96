/** Types, steps and agents in Markdown, for whoever points at them. */
import { typeText } from '../expressions/check.ts';
import { rulesInWords } from '../json-schema.ts';
import type { AgentDraft, StepDraft } from '../passes/draft.ts';
import type { Field, SimpleKind, Type } from '../types.ts';
import type { Findings } from './analyze.ts';

export const simpleTypes: Readonly<Record<SimpleKind, string>> = {
  text: 'any text',
  number: 'a number',
  integer: 'a whole number',
  'yes/no': 'yes or no; `true` or `false` in expressions',
  date: 'a day, such as `2026-01-31`',
  time: 'a moment, such as `2026-01-31T09:00:00Z`',
  url: 'an address with its scheme',
  anything: 'any value; nothing is checked',
};

/** `amount`: number, at least 0. What was paid */
export function describeField(field: Field): string {
  const untold = field.optional === true ? ['optional'] : [];
  const said = [
    typeText(field.type),
    ...rulesInWords(field.rules ?? {}),
    ...untold,
    ...(field.default === undefined ? [] : [`default \`${JSON.stringify(field.default)}\``]),
    ...(field.computed === undefined ? [] : [`computed \`${field.computed}\``]),
    ...(field.untrusted === true ? ['untrusted'] : []),
  ];
  return `\`${field.name}\`: ${said.join(', ')}${field.meaning === undefined ? '' : `. ${plain(field.meaning)}`}`;
}

/** The name of a type, and the fields of a record. */
export function describeType(type: Type, { types }: Pick<Findings, 'types'>): string {
  const own = type.kind === 'named' ? types.get(type.name) : type;
  const name = plain(typeText(type));
  if (own?.kind === 'record') return [`${name}:`, '', ...own.fields.map((one) => `- ${describeField(one)}`)].join('\n');
  return name;
}

export function describeStep(step: StepDraft, { outputs, types }: Pick<Findings, 'outputs' | 'types'>): string {
  const what = step.kind === undefined ? 'step' : `${step.kind} step`;
  const head = `**${plain(step.title)}**: ${what} \`${step.id}\``;
  const output = outputs.get(step.id);
  if (!output || step.kind === 'choose' || step.kind === undefined) return head;
  return `${head}\n\nGives ${describeType(output, { types })}`;
}

export function describeAgent(agent: AgentDraft): string {
  const tools = agent.tools.length > 0 ? agent.tools.map((tool) => `\`${tool}\``).join(', ') : 'none';
  return `**${plain(agent.name)}**: agent\n\n- model: ${plain(agent.model) || 'not said'}\n- tools: ${tools}`;
}

/** Words of an author as Markdown shows them unchanged. */
export function plain(words: string): string {
  return words.replace(/[\\`*_{}[\]<>#|!~&]/g, '\\$&');
}
