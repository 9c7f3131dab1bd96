/** A plan as aligned text. */

import { durationInWords } from '../compiler/passes/quantities.ts';
import type { Plan, PlannedPrompt, PlannedStep, PlannedWait } from '../compiler/plan.ts';
import type { Range } from '../compiler/plan-costs.ts';
import { textTable } from './text-table.ts';

export function planText(plan: Plan): string {
  const parts: [heading: string, text: string][] = [
    ['Input', inputText(plan)],
    ['Order: steps of one layer run beside each other', orderText(plan)],
    ['Prompts', promptsText(plan)],
    ['Tools of agents', toolsText(plan)],
    ['Writes, and what guards them', writesText(plan)],
    ['Waits, and how long at most', waitsText(plan)],
    ['Total', totalText(plan)],
  ];
  const shown = parts.filter(([, text]) => text !== '').map(([heading, text]) => `${heading}\n\n${text}`);
  return [`Plan of ${plan.title} (${plan.document}). Nothing was run.`, ...shown].join('\n\n');
}

function inputText({ input }: Plan): string {
  if (!input.given) return 'None was given, so no condition is decided by it. Give one with --input.';
  if (input.violations.length === 0) return 'It fits the inputs of the document.';
  return input.violations.map(({ path, message }) => `${path || 'the whole input'}: ${message}`).join('\n');
}

function orderText({ layers }: Plan): string {
  const rows = rowsOf(layers, '');
  return textTable(
    [{ title: 'Layer' }, { title: 'Step' }, { title: 'Kind' }, { title: 'Runs' }, { title: 'Notes' }],
    rows,
  );
}

/** `3.1` is the first layer of a container in the third. */
function rowsOf(layers: readonly PlannedStep[][], around: string): string[][] {
  return layers.flatMap((layer, index) =>
    layer.flatMap((step) => {
      const number = `${around}${index + 1}`;
      const row = [number, step.title, step.kind, step.runs, step.notes.join('; ')];
      return [row, ...rowsOf(step.layers ?? [], `${number}.`)];
    }),
  );
}

function promptsText({ prompts }: Plan): string {
  if (prompts.length === 0) return '';
  const table = textTable(
    [
      ...['Step', 'Agent', 'Model', 'Blocks'].map((title) => ({ title })),
      ...['Calls', 'Tokens in', 'Tokens out', 'USD'].map((title) => ({ title, align: 'right' as const })),
    ],
    prompts.map((one) => [
      ...[one.step, one.agent, one.model, one.blocks.join(', ')],
      ...[
        rangeText(one.calls),
        rangeText(one.tokensIn),
        rangeText(one.tokensOut),
        one.usd ? usdText(one.usd) : 'no price',
      ],
    ]),
  );
  return [table, ...prompts.map(instructionText)].join('\n\n');
}

function instructionText({ step, instruction }: PlannedPrompt): string {
  const lines = instruction.split('\n').map((line) => (line === '' ? '' : `  ${line}`));
  return [`${step} is told:`, ...lines].join('\n');
}

function toolsText({ tools, delegations }: Plan): string {
  const rows = tools.map((one) => [one.agent, one.tool, one.effect, one.steps.join(', ') || 'no step']);
  const table = textTable([{ title: 'Agent' }, { title: 'Tool' }, { title: 'Effect' }, { title: 'In steps' }], rows);
  const lines = delegations.map(({ agent, mayDelegateTo }) => `${agent} may delegate to ${mayDelegateTo.join(', ')}`);
  return [...(rows.length > 0 ? [table] : []), ...lines].join('\n');
}

function writesText({ writes }: Plan): string {
  if (writes.length === 0) return '';
  return textTable(
    [{ title: 'Step' }, { title: 'Tools' }, { title: 'Writes' }, { title: 'Guarded by' }],
    writes.map(({ step, tools, known, guards }) => [
      step,
      tools.join(', '),
      known ? 'yes' : 'not known',
      guards.join(', ') || 'nothing',
    ]),
  );
}

const waitWords: Readonly<Record<PlannedWait['what'], string>> = {
  wait: 'waits',
  due: 'is due after',
  reminder: 'reminds every',
  call: 'one call takes at most',
};

function waitsText({ waits }: Plan): string {
  if (waits.length === 0) return '';
  return textTable(
    [{ title: 'Step' }, { title: 'What' }, { title: 'Time' }],
    waits.map(({ step, what, ms }) => [
      step,
      waitWords[what],
      ms === undefined ? 'until a moment that the run works out' : durationInWords(ms),
    ]),
  );
}

function totalText({ total }: Plan): string {
  const { calls, tokensIn, tokensOut, usd, unpriced, budget } = total;
  const rows = [
    ['calls of models', rangeText(calls)],
    ['tokens in', rangeText(tokensIn)],
    ['tokens out', rangeText(tokensOut)],
    ...(usd ? [['USD', usdText(usd)]] : []),
    ...(budget?.tokens === undefined ? [] : [['budget, tokens', String(budget.tokens)]]),
    ...(budget?.usd === undefined ? [] : [['budget, USD', String(budget.usd)]]),
  ];
  const lines = [
    textTable([{ title: 'What' }, { title: 'Once and at most', align: 'right' }], rows),
    ...(unpriced.length > 0 ? [`No price is known of ${unpriced.join(', ')}.`] : []),
    'Tokens are estimated, by the length of texts and by types. At most is with every try, item, pass and return;',
    'what an agent asks its tools comes on top.',
  ];
  return lines.join('\n');
}

function rangeText({ once, most }: Range): string {
  if (most === null) return `${once} to no bound`;
  return once === most ? String(once) : `${once} to ${most}`;
}

function usdText({ once, most }: Range): string {
  const text = (usd: number): string => usd.toFixed(4);
  return most === null ? `${text(once)} to no bound` : once === most ? text(once) : `${text(once)} to ${text(most)}`;
}
