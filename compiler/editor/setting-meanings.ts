/**
 * What each setting means and what its value is made of, for a person at a keyboard. Which place reads which setting is said by
 * the passes' own tables; a test holds the names of both together.
 */
import type { StepKind } from '../passes/draft.ts';
import { agentSettings } from '../passes/read-agent.ts';
import { documentSettings } from '../passes/read-document.ts';
import { proposalSettings } from '../passes/read-proposal.ts';
import { stepSettings } from '../passes/step-settings.ts';
import type { Surroundings } from './spot.ts';

/** What an editor offers after the colon. */
export type Offer =
  | 'agents'
  | 'steps'
  | 'values'
  | 'types'
  | 'tools'
  | 'roles'
  | 'models'
  /** Of the proposal. */
  | 'sections'
  | 'state fields'
  /** Words of the dialect. */
  | { words: readonly string[] };

interface SettingMeaning {
  meaning: string;
  /** As an author writes it. */
  example: string;
  offers: readonly Offer[];
}

const words = (...all: string[]): Offer => ({ words: all });

type Row = readonly [name: string, meaning: string, example: string, ...offers: Offer[]];

const rows: readonly Row[] = [
  // The document and its agents
  ['id', 'The id that expressions and runs use, instead of the one made from the heading.', 'id: pay'],
  ['dialect', 'The version of the document language.', 'dialect: 1', words('1')],
  ['owner', 'The role or person who answers for this document.', 'owner: finance', 'roles'],
  ['budget', 'The most that may be spent here; beyond it the step parks.', 'budget: 20000 tokens, 0.50 USD'],
  [
    'model',
    "The model that this agent asks: an alias of the configuration, or a model's own name.",
    'model: small',
    'models',
  ],
  [
    'tools',
    'The tools that the agent may call. On a step it narrows those of its agent.',
    'tools: policy.lookup',
    'tools',
    words('none'),
  ],
  [
    'may delegate to',
    'The agents that this agent may hand work to. Unsaid or `none`, it does all itself.',
    'may delegate to: [Reader](#reader)',
    'agents',
    words('none'),
  ],
  // Kinds of steps
  [
    'agent',
    'An agent does this step, with the prose under the heading as its instruction. Without `gives` it gives text.',
    'agent: [Accountant](#accountant)',
    'agents',
  ],
  ['tool', 'This step calls a tool; `with` and `uses` are its arguments.', 'tool: payments.transfer', 'tools'],
  ['approve', 'A gate: the run waits here until a person of this role decides.', 'approve: manager', 'roles'],
  [
    'choose',
    'Branches, tried in order. The last is `otherwise`.',
    'choose:\n  - `amount > 500`: [Ask](#ask)\n  - otherwise: [Pay](#pay)',
    'steps',
    words('otherwise'),
  ],
  ['set', 'Values that are worked out by expressions.', 'set:\n  - total: `input.a + input.b`', 'values'],
  ['person', 'A task that a person of this role does; `gives` is its form.', 'person: clerk', 'roles'],
  ['merge', 'Joins what several steps gave into one record.', 'merge: [A](#a), [B](#b)', 'steps'],
  ['wait', 'Waits for a time, or until a moment.', 'wait: 2 days', 'values'],
  ['run', 'Runs another document; its Result is what this step gives.', 'run: [Payment](payment.md)'],
  [
    'repeat',
    'Repeats the steps under this one, a bounded number of times.',
    'repeat: at most 3 times until `review.good`',
    'values',
  ],
  [
    'for each',
    'Does the same for each item of a list; results are in the order of the list.',
    'for each: line in `input.lines`, at most 5 at once',
    'values',
  ],
  ['steps', 'A group of the steps under this heading.', 'steps: in parallel', words('in parallel', 'in order')],
  [
    'session',
    'A conversation between a person and an agent, until the person is done.',
    'session: assignee',
    words('assignee'),
  ],
  // Steps of any kind, and those that call a model or a tool
  [
    'after',
    'The steps that this one waits for. Unsaid, it follows the step before it. `start` waits for nothing.',
    'after: [Read the receipt](#read-the-receipt)',
    'steps',
    words('start'),
  ],
  ['when', 'The step is passed by unless this is so.', 'when: `input.amount > 0`', 'values'],
  ['then', '`end`: nothing follows this step on its branch.', 'then: end', words('end')],
  [
    'uses',
    'What the step reads: outputs of steps, inputs, expressions. Each reaches the model as a block of its own.',
    'uses: [Read the receipt](#read-the-receipt), `input.claimed`',
    'steps',
    'values',
  ],
  ['with', 'The arguments of the call, by name.', 'with:\n  - amount: `read_the_receipt.amount`', 'values'],
  ['gives', 'The type of what this step gives. Anything else is refused.', 'gives: Receipt', 'types'],
  [
    'check',
    'A condition on `output`. An agent is told when it fails, and tries again.',
    'check: `output.amount <= input.claimed`',
    'values',
  ],
  [
    'retry',
    'How many more tries after the first, whatever failed. Unsaid: 2, after 1 second, doubling, at most 1 minute.',
    'retry: 3 times, after 1 second, doubling',
  ],
  [
    'timeout',
    'The longest that one call of a model or tool may take, at most 4 minutes. Unsaid: 30 seconds.',
    'timeout: 1 minute',
  ],
  [
    'requires approval',
    'A person of this role decides before the step has an effect: before a call that writes, or before what was read is kept.',
    'requires approval: manager',
    'roles',
  ],
  ['window', 'How many tokens of context the step may fill.', 'window: 8000 tokens'],
  ['think', 'The model reasons before it answers.', 'think: yes', words('yes', 'no')],
  [
    'accepts untrusted',
    'Fields that may take untrusted text although nobody approves it.',
    'accepts untrusted: subject',
  ],
  [
    'breaker',
    'How many failures in a row stop further calls, and for how long.',
    'breaker: after 5 failures, for 1 minute',
  ],
  [
    'if it fails',
    'What happens after the last try: `skip`, or the step to go on with. Unsaid, the step parks.',
    'if it fails: skip',
    'steps',
    words('skip'),
  ],
  // Gates
  ['show', 'What the person who decides is shown.', 'show: [Read the receipt](#read-the-receipt)', 'steps', 'values'],
  [
    'actions',
    'What may be decided. Unsaid: approve, which goes on, and reject, which ends. Any other name says its effect.',
    'actions: approve, reject, request changes to [Read](#read) at most 2 times',
    words('approve', 'reject', 'request changes to'),
  ],
  [
    'not by',
    'Who may not decide: who started the run, who contributed to what is shown.',
    'not by: requester, contributors',
    words('requester', 'contributors'),
  ],
  ['ask', 'The type of a form that whoever lets the run continue fills.', 'ask: Payment', 'types'],
  ['quorum', 'How many different people must decide alike, from 2 to 20.', 'quorum: 2'],
  ['remind', 'How often those who are waited for are reminded.', 'remind: every 8 hours'],
  ['due', 'How long it may take, at most a year.', 'due: 2 days'],
  [
    'if overdue',
    'What happens when it took longer: others are asked, the run continues or is refused, or goes on with another step.',
    'if overdue: ask finance-director',
    'steps',
    words('ask', 'continue', 'reject'),
  ],
  [
    'share',
    'Shares the proposal with those who may decide; with `handoff`, who claims the gate becomes its assignee.',
    'share: reviewer',
    words('handoff', 'reviewer'),
  ],
  // Proposals, groups and the rest
  ['section', "The section of the proposal that the step's output becomes.", 'section: Summary', 'sections'],
  ['state', "The place in the proposal's state that the step's output becomes.", 'state: totals.net', 'state fields'],
  ['undo', 'The tool that takes the effect back when the run is cancelled.', 'undo: payments.refund', 'tools'],
  ['key', 'What names the items of the list.', 'key: `line.id`', 'values'],
  [
    'if not reached',
    'What happens when the passes are used up. Unsaid, the step parks.',
    'if not reached: continue',
    'steps',
    words('continue'),
  ],
];

export const settingMeanings: ReadonlyMap<string, SettingMeaning> = new Map(
  rows.map(([name, meaning, example, ...offers]) => [name, { meaning, example, offers }]),
);

/** Settings that mean something else in the section Proposal than on a step. */
const proposalMeanings: ReadonlyMap<string, SettingMeaning> = new Map([
  [
    'state',
    { meaning: 'The type of the state, which steps and people fill.', example: 'state: Totals', offers: ['types'] },
  ],
  ['owner', { meaning: 'The role or person who owns the proposal.', example: 'owner: sales', offers: ['roles'] }],
]);

export function meaningOf(name: string, place: Surroundings): SettingMeaning | undefined {
  return (place === 'proposal' ? proposalMeanings.get(name) : undefined) ?? settingMeanings.get(name);
}

/** What an action leads to, after its name and a colon. */
export const actionEffects: readonly Offer[] = ['steps', words('continue', 'end')];

export type SettingPlace = 'document' | 'agent' | 'proposal' | 'step';

const settingsOf = { document: documentSettings, agent: agentSettings, proposal: proposalSettings };

/** The settings of a place; of a step whose kind is not said yet, those that every kind reads. */
export function settingsHere(place: SettingPlace, kind: StepKind | undefined): string[] {
  if (place !== 'step') return [...settingsOf[place]];
  const kinds = Object.values(stepSettings);
  if (kind) return [...stepSettings[kind].keys()];
  const [first, ...others] = kinds;
  return [...(first?.keys() ?? [])].filter((name) => others.every((settings) => settings.has(name)));
}
