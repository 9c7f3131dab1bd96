/** A step that a model drafted, as a node of a graph. */
import type { Node } from '../graph.ts';
import { unsaidActions } from '../passes/action-values.ts';
import { unsaidTimeoutMs } from '../passes/emit-nodes.ts';
import { idOf } from '../passes/resolve-names.ts';
import { unsaidRetry } from '../passes/retry-values.ts';
import type { Place, StepPart } from './draft-parts.ts';
import { line, prose, typeOfWords } from './parts-to-types.ts';

/** With its place, said or not. */
export type PlacedStep = StepPart & Place;

/** What the action that leads back is called. */
export const requestChanges = 'request changes';
const unitMs = { minutes: 60_000, hours: 3_600_000, days: 86_400_000 } as const;

/** `tools` are those of the agents, by id; `ids` those of all steps. What a model left unsaid is as the dialect has it. */
export function nodeOf(
  step: PlacedStep,
  tools: ReadonlyMap<string, readonly string[]>,
  ids: ReadonlySet<string>,
): Node {
  const { inside, when } = step;
  const base = {
    id: idOf(step.id),
    title: line(step.title) || step.id,
    ...(inside !== null && ids.has(idOf(inside)) && { parent: idOf(inside) }),
    ...(when !== null && line(when) !== '' && { when: line(when) }),
  };
  const calling = { checks: [], retry: unsaidRetry, timeoutMs: unsaidTimeoutMs };
  const uses = (expressions: readonly string[]) => usesOf(expressions, ids);
  switch (step.kind) {
    case 'agent':
      return {
        ...base,
        ...calling,
        kind: 'agent',
        agent: idOf(step.agent),
        instruction: prose(step.instruction),
        uses: uses(step.reads),
        tools: [...(tools.get(idOf(step.agent)) ?? [])],
        gives: typeOfWords(step.gives),
      };
    case 'tool': {
      const values = step.arguments.map(({ name, value }) => ({ name, expr: line(value) }));
      return { ...base, ...calling, kind: 'tool', tool: line(step.tool), with: values, gives: { kind: 'anything' } };
    }
    case 'approve': {
      const back = { name: requestChanges, effect: 'link' as const };
      const actions = [
        ...unsaidActions.map(({ name, effect }) => ({ name, effect })),
        ...(step.sendsBackTo === null ? [] : [back]),
      ];
      return { ...base, ...asking(step.roles, uses(step.shows), step.question), kind: 'approve', actions };
    }
    case 'person':
      return {
        ...base,
        ...asking(step.roles, uses(step.shows), step.task),
        kind: 'person',
        gives: typeOfWords(step.gives),
        checks: [],
      };
    case 'choose': {
      const arms = step.arms.map((arm) => ({ when: line(arm.when), to: idOf(arm.to) }));
      return { ...base, kind: 'choose', arms: [...arms, { to: idOf(step.otherwise) }] };
    }
    case 'set': {
      const values = step.values.map(({ name, value }) => ({ name, expr: line(value) }));
      return { ...base, kind: 'set', values, checks: [] };
    }
    case 'wait':
      return { ...base, kind: 'wait', until: { ms: Math.max(1, Math.round(step.amount * unitMs[step.unit])) } };
    case 'repeat':
      return { ...base, kind: 'repeat', atMost: Math.max(1, Math.round(step.atMost)), until: line(step.until) };
    case 'for each':
      return { ...base, kind: 'for each', each: { item: idOf(step.item), list: line(step.list) } };
    case 'group':
      return { ...base, kind: 'steps', order: step.parallel ? 'parallel' : 'in order' };
  }
}

function asking(roles: readonly string[], show: ReturnType<typeof usesOf>, instruction: string) {
  const of = roles.map((role) => ({ role: line(role) }));
  return { approvers: { need: 'any' as const, of }, notBy: [], show, instruction: prose(instruction) };
}

/** An expression that is no path gets a name by its place. */
function usesOf(expressions: readonly string[], ids: ReadonlySet<string>) {
  const taken = new Set<string>();
  return expressions.flatMap((written, index) => {
    const expr = ids.has(idOf(written)) && !written.includes('.') ? idOf(written) : line(written);
    const name = /^[A-Za-z_][\w.]*$/.test(expr) ? (expr.split('.').at(-1) ?? expr) : `value_${index + 1}`;
    if (expr === '' || taken.has(name)) return [];
    taken.add(name);
    return [{ name, expr }];
  });
}
