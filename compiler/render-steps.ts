/** The settings of each kind of step, as a document says what a node holds. What goes without saying is left out. */
import { approversText } from './approvers.ts';
import type { Budget, Edge, Graph, Node, NodeOf, Retry, Use } from './graph.ts';
import { unsaidActions } from './passes/action-values.ts';
import { unsaidTimeoutMs } from './passes/emit-nodes.ts';
import { durationInWords } from './passes/quantities.ts';
import { unsaidRetry } from './passes/retry-values.ts';
import type { SaidOrder } from './render-order.ts';
import type { Setting } from './render-text.ts';
import { codeText, commaList, linkText, numberText, wordsText } from './render-text.ts';
import type { TypeWriting } from './render-types.ts';
import { typeText } from './render-types.ts';
import type { Type } from './types.ts';

export interface StepWriting extends TypeWriting {
  graph: Graph;
  order: ReadonlyMap<string, SaidOrder>;
  /** A link to a step, by its id. */
  step: (id: string) => string;
  /** A link to an agent, in this document or another. */
  agent: (id: string) => string;
  /** Types that a step without `gives` has by what the tool's declaration says, where that is known. */
  answerOf: (tool: string) => Type | undefined;
  /** Says that no document can say this of the node; `at` is the field. */
  refuse: (at: string, message: string) => void;
}

/** Without `id`, which depends on the heading. */
export function stepSettings(node: Node, writing: StepWriting): Setting[] {
  const settings = (settingsOf[node.kind] as (node: Node, step: StepSettings) => Setting[])(
    node,
    new StepSettings(node, writing),
  );
  return settings.filter(({ value }) => value !== '' && value.length > 0);
}

const settingsOf: { [Kind in Node['kind']]: (node: NodeOf<Kind>, step: StepSettings) => Setting[] } = {
  agent: (node, step) => [
    step.say('agent', step.writing.agent(node.agent)),
    ...step.common(),
    ...step.each(node),
    step.uses('uses', node.uses),
    ...step.tools(node),
    step.gives(node.gives, { kind: 'text' }),
    ...step.calling(node),
    step.budget(node.budget),
    step.say('window', node.windowTokens && `${node.windowTokens} tokens`),
    step.say('think', node.think && 'yes'),
  ],
  tool: (node, step) => [
    step.say('tool', node.tool),
    ...step.common(),
    ...step.each(node),
    ...step.arguments(node.with),
    step.gives(node.gives, step.writing.answerOf(node.tool) ?? { kind: 'anything' }),
    ...step.calling(node),
    commaList('accepts untrusted', node.acceptsUntrusted ?? []),
    step.say('undo', node.undo),
  ],
  approve: (node, step) => [
    step.say('approve', approversText(node.approvers)),
    ...step.common(),
    step.say('quorum', node.quorum && String(node.quorum)),
    ...step.asking(node),
    step.actions(node),
    step.type('ask', node.ask),
    step.say('share', node.share),
  ],
  person: (node, step) => [
    step.say('person', approversText(node.approvers)),
    ...step.common(),
    step.gives(node.gives),
    step.checks(node),
    ...step.asking(node),
    ...step.place(node),
  ],
  choose: (node, step) => [step.arms(node), ...step.common()],
  merge: (node, step) => [
    step.merge(node),
    ...step.common(),
    step.stated(node.gives),
    step.checks(node),
    ...step.place(node),
  ],
  set: (node, step) => [
    step.named('set', node.values),
    ...step.common(),
    step.stated(node.gives),
    step.checks(node),
    ...step.place(node),
  ],
  wait: ({ until }, step) => [
    step.say('wait', 'ms' in until ? durationInWords(until.ms) : `until ${step.code(until.expr, 'until')}`),
    ...step.common(),
  ],
  run: (node, step) => [
    step.say('run', linkText(node.document.file.replace(/^.*\/|\.md$/gi, ''), 'document', node.document.file)),
    ...step.common(),
    ...step.arguments(node.with),
    step.checks(node),
    commaList('accepts untrusted', node.acceptsUntrusted ?? []),
    step.failing(node.ifItFails),
    ...step.place(node),
  ],
  repeat: (node, step) => [
    step.say('repeat', `at most ${times(node.atMost)} until ${step.code(node.until, 'until')}`),
    ...step.common(),
    step.leading('if not reached', node.ifNotReached, 'not reached'),
  ],
  'for each': (node, step) => [...step.each(node), ...step.common(), step.failing(node.ifItFails)],
  steps: (node, step) => [step.say('steps', node.order === 'parallel' ? 'in parallel' : 'in order'), ...step.common()],
  session: (node, step) => [
    step.say('session', node.who === 'assignee' ? 'assignee' : approversText(node.who)),
    step.say('agent', step.writing.agent(node.agent)),
    ...step.common(),
    step.uses('uses', node.uses),
    ...step.tools(node),
    step.checks(node),
    ...step.place(node),
    step.budget(node.budget),
    step.remind(node.remindEveryMs),
    step.due(node.dueMs),
    step.say('undo', node.undo),
  ],
};

function times(count: number): string {
  return count === 1 ? '1 time' : `${count} times`;
}

/** Of several kinds: a setting without a value is left out. */
class StepSettings {
  readonly node: Node;
  readonly writing: StepWriting;
  private readonly edges: readonly Edge[];

  constructor(node: Node, writing: StepWriting) {
    this.node = node;
    this.writing = writing;
    this.edges = writing.graph.edges.filter((edge) => edge.from === node.id);
  }

  say(name: string, value: string | undefined | false | 0): Setting {
    return { name, value: value || '' };
  }

  code(expression: string, at: string): string {
    const text = codeText(expression);
    if (text === undefined) this.writing.refuse(at, 'Unexpected expression of several lines, expected one line');
    return text ?? '';
  }

  common(): Setting[] {
    const { after, ends } = this.writing.order.get(this.node.id) ?? {};
    const { when } = this.node;
    return [
      after?.length === 0 ? this.say('after', 'start') : commaList('after', (after ?? []).map(this.writing.step)),
      this.say('when', when !== undefined && this.code(when, 'when')),
      this.say('then', ends && 'end'),
    ];
  }

  type(name: string, type: Type | undefined): Setting {
    const text = type && typeText(type, this.writing);
    if (type && text === undefined) {
      const message = `Unexpected type that has no name and cannot be said in words, expected one of the graph's types`;
      this.writing.refuse(name, message);
    }
    return this.say(name, text);
  }

  /** `unsaid` is what the step gives without the setting. */
  gives(type: Type, unsaid?: Type): Setting {
    return this.type('gives', unsaid && JSON.stringify(unsaid) === JSON.stringify(type) ? undefined : type);
  }

  /** What is worked out gives the record of its parts, which goes without saying. */
  stated(type: Type | undefined): Setting {
    return this.say('gives', type && typeText(type, this.writing));
  }

  named(name: string, values: readonly { name: string; expr: string }[]): Setting {
    return { name, value: values.map((one) => `${one.name}: ${this.code(one.expr, name)}`) };
  }

  uses(name: string, uses: readonly Use[]): Setting {
    return commaList(
      name,
      uses.map((use) => this.use(use, name)),
    );
  }

  private use({ name, expr, ifItRan }: Use, at: string): string {
    const isStep = this.writing.graph.nodes.some((node) => node.id === expr);
    if (ifItRan && !isStep) this.writing.refuse(at, `Unexpected ${expr} if it ran, expected the id of a step`);
    const value = isStep ? this.writing.step(expr) : this.code(expr, at);
    const isNamed = /^[A-Za-z_][\w.]*$/.test(expr) && expr.split('.').at(-1) === name;
    return `${value}${ifItRan ? ' if it ran' : ''}${isNamed ? '' : ` as ${name}`}`;
  }

  /** Only `uses` can say `if it ran`, and it comes after `with`. */
  arguments(values: readonly Use[]): Setting[] {
    const found = values.findIndex((one) => one.ifItRan);
    const first = found === -1 ? values.length : found;
    return [this.named('with', values.slice(0, first)), this.uses('uses', values.slice(first))];
  }

  tools({ agent, tools }: NodeOf<'agent'> | NodeOf<'session'>): Setting[] {
    const own = this.writing.graph.agents.find((one) => one.id === agent)?.tools ?? [];
    if (own.join() === tools.join()) return [];
    return [tools.length === 0 ? this.say('tools', 'none') : commaList('tools', tools)];
  }

  checks({ checks = [] }: { checks?: readonly { expr: string }[] | undefined }): Setting {
    return commaList(
      'check',
      checks.map(({ expr }) => this.code(expr, 'checks')),
    );
  }

  place({ section, state }: { section?: string | undefined; state?: readonly string[] | undefined }): Setting[] {
    const words = section === undefined ? undefined : wordsText(section, { plain: true });
    if (section !== undefined && words === undefined) this.writing.refuse('section', 'Unexpected name, expected words');
    return [this.say('section', words), this.say('state', state?.join('.'))];
  }

  calling(node: NodeOf<'agent'> | NodeOf<'tool'>): Setting[] {
    const { retry, timeoutMs, breaker, requiresApproval, ifItFails } = node;
    return [
      this.checks(node),
      this.say('retry', this.retryText(retry)),
      this.say('timeout', timeoutMs !== unsaidTimeoutMs && durationInWords(timeoutMs)),
      this.say(
        'breaker',
        breaker &&
          `after ${breaker.failures} ${breaker.failures === 1 ? 'failure' : 'failures'}, for ${durationInWords(breaker.forMs)}`,
      ),
      this.say('requires approval', requiresApproval && approversText(requiresApproval)),
      this.failing(ifItFails),
      ...this.place(node),
    ];
  }

  private retryText(retry: Retry): string | undefined {
    const { times: count, initialMs, factor, maxMs } = retry;
    const saysPause = initialMs !== unsaidRetry.initialMs || factor !== unsaidRetry.factor;
    if (saysPause && factor !== 1 && factor !== 2) {
      this.writing.refuse('retry/factor', `Unexpected factor ${factor}, expected 1, or 2 for doubling`);
    }
    const unsaidMax = Math.max(unsaidRetry.maxMs, initialMs);
    const parts = [
      count !== unsaidRetry.times && times(count),
      saysPause && `after ${durationInWords(initialMs)}`,
      saysPause && factor === 2 && 'doubling',
      maxMs !== unsaidMax && `at most ${durationInWords(maxMs)}`,
    ];
    return parts.filter((part) => part !== false).join(', ');
  }

  failing(what: 'skip' | 'link' | undefined): Setting {
    return this.leading('if it fails', what, 'failure');
  }

  leading(name: string, what: string | undefined, on: NonNullable<Edge['on']>): Setting {
    return this.say(name, what === 'link' ? this.target((edge) => edge.on === on, name) : what);
  }

  private target(isIt: (edge: Edge) => boolean, at: string): string {
    const edge = this.edges.find(isIt);
    if (edge === undefined) this.writing.refuse(at, 'Unexpected link without an edge, expected one that leads on');
    return edge ? this.edgeText(edge) : '';
  }

  private edgeText({ to, back }: Edge): string {
    return `${this.writing.step(to)}${back ? ` at most ${times(back.atMost)}` : ''}`;
  }

  arms({ arms }: NodeOf<'choose'>): Setting {
    const value = arms.map(({ when }, arm) => {
      const to = this.target((edge) => edge.arm === arm && edge.on === undefined, `arms/${arm}`);
      const then = this.edges.find((edge) => edge.arm === arm && edge.on === 'used up');
      const key = when === undefined ? 'otherwise' : this.code(when, `arms/${arm}/when`);
      return `${key}: ${to}${then ? `, then ${this.writing.step(then.to)}` : ''}`;
    });
    return { name: 'choose', value };
  }

  merge({ join, from }: NodeOf<'merge'>): Setting {
    if (join === 'fields')
      return commaList(
        'merge',
        from.map((one) => this.use({ ...one, name: one.expr }, 'from')),
      );
    return { name: 'merge', value: from.map((one) => `${one.name}: ${this.use({ ...one, name: one.expr }, 'from')}`) };
  }

  each({ each }: NodeOf<'agent'> | NodeOf<'tool'> | NodeOf<'for each'>): Setting[] {
    if (!each) return [];
    const atOnce = each.atOnce === undefined ? '' : `, at most ${each.atOnce} at once`;
    return [
      this.say('for each', `${each.item} in ${this.code(each.list, 'each/list')}${atOnce}`),
      this.say('key', each.key !== undefined && this.code(each.key, 'each/key')),
    ];
  }

  budget(budget: Budget | undefined): Setting {
    return this.say('budget', budget && budgetText(budget));
  }

  remind(everyMs: number | undefined): Setting {
    return this.say('remind', everyMs && `every ${durationInWords(everyMs)}`);
  }

  due(ms: number | undefined): Setting {
    return this.say('due', ms && durationInWords(ms));
  }

  asking({ notBy, show, remindEveryMs, dueMs, ifOverdue }: NodeOf<'approve'> | NodeOf<'person'>): Setting[] {
    const overdue = ifOverdue?.do === 'ask' ? `ask ${approversText(ifOverdue.approvers)}` : undefined;
    return [
      commaList('not by', notBy),
      this.uses('show', show),
      this.remind(remindEveryMs),
      this.due(dueMs),
      overdue ? this.say('if overdue', overdue) : this.leading('if overdue', ifOverdue?.do, 'overdue'),
    ];
  }

  actions({ actions }: NodeOf<'approve'>): Setting {
    const isUnsaid = (one: (typeof actions)[number], index: number): boolean =>
      one.name === unsaidActions[index]?.name && one.effect === unsaidActions[index].effect;
    if (actions.length === unsaidActions.length && actions.every(isUnsaid)) return this.say('actions', '');
    const value = actions.map(({ name, effect }, index) => {
      const to = effect === 'link' ? this.target((edge) => edge.action === name, `actions/${index}`) : effect;
      return `${name}: ${to}`;
    });
    return { name: 'actions', value };
  }
}

/** `20000 tokens, 0.50 USD`. */
export function budgetText({ tokens, usd }: Budget): string {
  const dollars = usd === undefined ? undefined : numberText(usd);
  return [tokens && `${tokens} tokens`, dollars && `${dollars} USD`].filter((part) => part).join(', ');
}
