/** The expressions of a node, by what they are for. */
import type { Approvers, Node } from './graph.ts';

/** Those that decide where a run goes: `when`, the arms of a choose, the end of a repeat. */
export function conditionsOf(node: Node): string[] {
  const when = node.when === undefined ? [] : [node.when];
  if (node.kind === 'choose')
    return [...when, ...node.arms.flatMap((arm) => (arm.when === undefined ? [] : [arm.when]))];
  return node.kind === 'repeat' ? [...when, node.until] : when;
}

/** Those whose values the node's model, tool, person or computation is given. */
export function inputsOf(node: Node): string[] {
  switch (node.kind) {
    case 'agent':
    case 'session':
      return node.uses.map(({ expr }) => expr);
    case 'tool':
    case 'run':
      return node.with.map(({ expr }) => expr);
    case 'approve':
    case 'person':
      return node.show.map(({ expr }) => expr);
    case 'merge':
      return node.from.map(({ expr }) => expr);
    case 'set':
      return node.values.map(({ expr }) => expr);
    case 'wait':
      return 'expr' in node.until ? [node.until.expr] : [];
    case 'choose':
    case 'repeat':
    case 'for each':
    case 'steps':
      return [];
  }
}

/** The list that the node runs over. Its `key` reads the item, as the step itself does. */
export function listsOf(node: Node): string[] {
  return 'each' in node && node.each ? [node.each.list] : [];
}

/** Those over `output` that must hold before it counts. */
export function checksOf(node: Node): string[] {
  return ('checks' in node ? (node.checks ?? []) : []).map(({ expr }) => expr);
}

/** Of these, those that its work is done for: a document that is run knows nothing of the checks of its Result. */
export function checksWorkedFor(node: Node): string[] {
  return node.kind === 'run' ? [] : checksOf(node);
}

/** Those that name the people who may decide. */
export function peopleOf(node: Node): string[] {
  const said: (Approvers | undefined)[] = [];
  if ('approvers' in node) {
    said.push(node.approvers);
    if (node.ifOverdue?.do === 'ask') said.push(node.ifOverdue.approvers);
  }
  if (node.kind === 'session' && node.who !== 'assignee') said.push(node.who);
  if ('requiresApproval' in node) said.push(node.requiresApproval);
  return said.flatMap((one) => one?.of ?? []).flatMap((one) => ('person' in one ? [one.person] : []));
}

/** All that the node says of itself, in the order in which it is needed. A loop's key is left out: it reads the item alone. */
export function expressionsOf(node: Node): string[] {
  return [...beforeChecks(node), ...checksOf(node)];
}

/** Without what is looked at only when its work is done: another value there does not make it other work. */
export function workOf(node: Node): string[] {
  return [...beforeChecks(node), ...checksWorkedFor(node)];
}

function beforeChecks(node: Node): string[] {
  return [...conditionsOf(node), ...listsOf(node), ...inputsOf(node), ...peopleOf(node)];
}
