/** Events of a run in words, for people who watch it. */
import type { RunEvent, RunGraph } from './api-shapes.ts';
import type { Style } from './terminal.ts';

export interface Words {
  text: string;
  style: Style;
}

type Describe = (event: RunEvent, about: { title: string; graph: RunGraph }) => Words | undefined;

const descriptions: Record<string, Describe> = {
  'run.started': () => say('The run started'),
  'run.status': ({ body }) =>
    body.status === 'waiting'
      ? say('The run waits for a decision', 'strong')
      : body.status === 'needs-attention'
        ? say('The run needs attention', 'bad')
        : undefined,
  'run.called': ({ body }, { title }) => say(`${title}: calls the run ${textOf(body.run) ?? ''}`),
  'run.paused': ({ body }) => say(body.paused === true ? 'The run is paused' : 'The run goes on', 'strong'),
  'command.given': ({ body }, { title }) =>
    say(
      `${textOf(body.user) ?? 'Somebody'} ordered: ${textOf(body.kind) ?? 'something'}${title === '' ? '' : ` ${title}`}`,
      'strong',
    ),
  'command.applied': ({ body }) => (body.applied === false ? say('The order changed nothing', 'quiet') : undefined),
  'run.resumed': ({ body }) =>
    say(`${textOf(body.user) ?? 'Somebody'} resumed it: run ${textOf(body.run) ?? ''} goes on`, 'strong'),
  'run.cancel-requested': ({ body }) => say(`${textOf(body.user) ?? 'Somebody'} asked to cancel the run`, 'strong'),
  'run.ended': ({ body }) =>
    say(`The run ended: ${textOf(body.status) ?? 'unknown'}`, body.status === 'completed' ? 'good' : 'bad'),
  'step.started': ({ body }, { title }) =>
    say(`${title}: started${(numberOf(body.attempt) ?? 1) > 1 ? ` (attempt ${body.attempt})` : ''}`),
  'step.turn': ({ body }, { title }) => {
    const tokens = (numberOf(body.tokensIn) ?? 0) + (numberOf(body.tokensOut) ?? 0);
    const took = [...(tokens > 0 ? [`${tokens} tokens`] : []), `${numberOf(body.latencyMs) ?? 0} ms`];
    return say(`${title}: ${textOf(body.source) ?? 'the model'} answered (${took.join(', ')})`, 'quiet');
  },
  'step.retrying': ({ body }, { title }) => {
    const delayMs = numberOf(body.delayMs) ?? 0;
    const when = delayMs >= 100 ? `tries again in ${seconds(delayMs)}` : 'tries again';
    return say(`${title}: ${textOf(body.class) ?? 'failed'}, ${when}`, 'bad');
  },
  // The commit that follows says all that matters.
  'step.validated': () => undefined,
  'step.committed': ({ body }, { title }) => {
    const score = numberOf(body.qualityScore);
    return say(`${title}: done${score === undefined ? '' : ` (quality ${rounded(score)})`}`, 'good');
  },
  'step.failed': ({ body }, { title }) => say(`${title}: failed (${textOf(body.class) ?? 'unknown'})`, 'bad'),
  'step.skipped': (_event, { title }) => say(`${title}: skipped, nothing led to it`, 'quiet'),
  'step.bypassed': (_event, { title }) => say(`${title}: passed over, its condition does not hold`, 'quiet'),
  'step.refused': (_event, { title }) => say(`${title}: refused, what it depends on was rejected`, 'bad'),
  'step.chosen': ({ step, body }, { title, graph }) => {
    const arm = graph.nodes.find(({ id }) => id === step)?.arms[Number(body.arm)];
    if (arm === undefined) return say(`${title}: chose branch ${String(body.arm)}`);
    const to = graph.nodes.find(({ id }) => id === arm.to)?.title ?? arm.to;
    return say(`${title}: on to ${to} (${arm.when ?? 'otherwise'})`);
  },
  'effect.intended': ({ body }, { title }) => {
    const again = (numberOf(body.sends) ?? 1) > 1 ? ' again' : '';
    return say(`${title}: calls ${textOf(body.tool) ?? 'its tool'}${again}`);
  },
  'effect.settled': ({ body }, { title }) => {
    const status = textOf(body.status) ?? 'unknown';
    return say(
      `${title}: the call ${status === 'unknown' ? 'has an unknown outcome' : status}`,
      status === 'succeeded' ? 'plain' : 'bad',
    );
  },
  'effect.answered': ({ body }, { title }) =>
    say(`${title}: ${textOf(body.user) ?? 'somebody'} says of the call: ${textOf(body.answer) ?? 'nothing'}`, 'strong'),
  'effect.undo-failed': ({ body }, { title }) =>
    say(`${title}: the call could not be taken back (${textOf(body.class) ?? 'unknown'})`, 'bad'),
  'gate.opened': ({ body }, { title }) => {
    const decided = textOf(body.action);
    if (decided !== undefined) return say(`${title}: decided before, ${decided}`);
    return say(`${title}: asks for a decision (gate ${textOf(body.gate)})`, 'strong');
  },
  'gate.decided': ({ body }, { title }) =>
    say(`${title}: ${textOf(body.user) ?? 'somebody'} decided ${textOf(body.action) ?? ''}`.trimEnd(), 'strong'),
  'gate.refused-decision': ({ body }, { title }) =>
    say(
      `${title}: a decision of ${textOf(body.user) ?? 'somebody'} was refused (${textOf(body.reason) ?? 'unknown'})`,
      'bad',
    ),
  'gate.voted': ({ body }, { title }) => say(`${title}: ${userIn(body)} voted ${textOf(body.action) ?? ''}`.trimEnd()),
  'gate.claimed': ({ body }, { title }) => say(`${title}: ${userIn(body)} claimed it`),
  'gate.released': ({ body }, { title }) => say(`${title}: ${userIn(body)} released it`),
  'gate.delegated': ({ body }, { title }) =>
    say(`${title}: ${textOf(body.from) ?? 'somebody'} delegated to ${textOf(body.to) ?? 'somebody'}`),
  'gate.delegation-withdrawn': ({ body }, { title }) =>
    say(`${title}: ${textOf(body.from) ?? 'somebody'} took their vote back from ${textOf(body.to) ?? 'somebody'}`),
  'gate.question': ({ body }, { title }) => say(`${title}: ${userIn(body)} asks for more information`, 'strong'),
  'gate.answer': ({ body }, { title }) => say(`${title}: ${userIn(body)} answered`),
  'gate.overdue': (_event, { title }) => say(`${title}: nobody decided in time`, 'bad'),
  'gate.escalated': (_event, { title }) => say(`${title}: overdue, and more people are asked`, 'strong'),
  'gate.reminded': (_event, { title }) => say(`${title}: who may decide was reminded`, 'quiet'),
  'gate.lapsed': (_event, { title }) => say(`${title}: what was asked about changed, it is asked again`, 'strong'),
};

const userIn = (body: RunEvent['body']): string => textOf(body.user) ?? 'somebody';

/** Undefined for an event that people need not see. One that this version does not know is shown by its type. */
export function wordsOf(event: RunEvent, graph: RunGraph): Words | undefined {
  const title = graph.nodes.find(({ id }) => id === event.step)?.title ?? event.step ?? 'The run';
  const describe = Object.hasOwn(descriptions, event.type) ? descriptions[event.type] : undefined;
  return describe ? describe(event, { title, graph }) : say(`${title}: ${event.type}`, 'quiet');
}

const say = (text: string, style: Style = 'plain'): Words => ({ text, style });
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
const rounded = (value: number): string => String(Math.round(value * 100) / 100);
const seconds = (ms: number): string => `${rounded(ms / 1000)} s`;
