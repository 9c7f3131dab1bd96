/** The run in words, as Markdown for the current details in the Web UI: lists, since it runs the columns of tables together. */
import type { SkeletonNode } from '../compiler/skeleton.ts';
import type { NodeState } from './edges.ts';
import type { Frame } from './frames.ts';
import { pathOf } from './frames.ts';
import type { At, RunState } from './run-state.ts';
import { statusOf } from './run-state.ts';
import { markdownText } from './words.ts';

/** Of a larger graph only the steps that wait or failed are listed: a board costs the same however large it is. */
const mostListed = 100;

export function boardText(state: RunState, ended?: string): string {
  const { skeleton, run, failures } = state;
  const pausedToo = state.paused ? ', paused: nothing new is started' : '';
  const status = ended ?? `${statusOf(state).replace('-', ' ')}${pausedToo}`;
  const lines = [`**${markdownText(skeleton.title)}**: ${status}`, ''];
  if (linesOf(state) <= mostListed) lines.push(...frameLines(state, state.outermost, '', ended));
  else lines.push(...summaryLines(state, ended));
  const result = failures.get(resultName);
  if (result !== undefined) lines.push(`- Result: failed (${result.class})`);
  const inApi = state.address === undefined ? `\`/runs/${run}\`` : `[/runs/${run}](${state.address})`;
  lines.push('', `Run \`${run}\`, in the API: ${inApi}`);
  return lines.join('\n');
}

/** The name under which a Result that could not be given is failed. No step has an upper-case id. */
export const resultName = 'Result';

const countWords: Record<NodeState, string> = {
  committed: 'done',
  running: 'running or waiting for people',
  failed: 'failed',
  waiting: 'not started',
  ready: 'about to start',
  bypassed: 'left out',
  skipped: 'skipped',
  refused: 'refused',
};

function linesOf({ frames }: RunState): number {
  let lines = 0;
  for (const { scope } of frames) lines += scope.nodes.length;
  return lines;
}

/** The steps of a frame, and under a container those of its frames that have not ended. */
function frameLines(state: RunState, frame: Frame, indent: string, ended: string | undefined): string[] {
  return frame.scope.nodes.flatMap((_, place) => {
    const inner = state.frames.filter(({ within }) => within?.frame === frame && within.place === place);
    return [
      indent + stepLine(state, { frame, place }, ended),
      ...inner.flatMap((one) => innerLines(state, one, `${indent}  `, ended)),
    ];
  });
}

function innerLines(state: RunState, frame: Frame, indent: string, ended: string | undefined): string[] {
  const outer = frame.within && pathOf(frame.within.frame, frame.within.place);
  // A group, and a first pass, have no name of their own.
  if (frame.path === outer) return frameLines(state, frame, indent, ended);
  return [`${indent}- ${markdownText(frame.path)}`, ...frameLines(state, frame, `${indent}  `, ended)];
}

function summaryLines(state: RunState, ended: string | undefined): string[] {
  const counts = new Map<NodeState, number>();
  let steps = 0;
  for (const { flow } of state.frames) {
    for (const [nodeState, count] of Object.entries(flow.counts) as [NodeState, number][]) {
      counts.set(nodeState, (counts.get(nodeState) ?? 0) + count);
      steps += count;
    }
  }
  const words = [...counts].filter(([, count]) => count > 0).map(([one, count]) => `${count} ${countWords[one]}`);
  const failed = [...state.failures.values()].flatMap(({ at }) => at ?? []);
  const listed = [...failed, ...state.waiting].slice(0, mostListed);
  return [`- ${steps} steps: ${words.join(', ')}`, ...listed.map((at) => stepLine(state, at, ended))];
}

function stepLine(state: RunState, at: At, ended: string | undefined): string {
  return `- ${at.frame.scope.titles[at.place] ?? ''}: ${stepWords(state, at, ended)}`;
}

function peopleAt(state: RunState, { frame, place }: At): string[] {
  if (state.waiting.size === 0) return [];
  const here = [...state.waiting].filter((one) => one.frame === frame && one.place === place);
  return here.map(({ waitsFor }) => markdownText(waitsFor));
}

function stepWords(state: RunState, at: At, ended: string | undefined): string {
  const { frame, place } = at;
  const people = peopleAt(state, at);
  if (people.length > 0) return `**waiting for ${people.join(', ')}**`;
  const remark = frame.remarks.get(place);
  switch (frame.flow.states[place]) {
    case 'committed':
      return remark === undefined ? 'done' : `done, ${markdownText(remark)}`;
    case 'bypassed':
      return `left out, ${remark ?? whyLeftOut(frame.scope.nodes[place])}`;
    case 'skipped':
      return 'skipped';
    case 'refused':
      return 'refused';
    case 'failed':
      return `**failed (${failureAt(state, at)}), needs attention**`;
    case 'running':
      return ended === undefined ? 'running' : 'stopped';
    default:
      return ended === undefined ? 'not started' : 'never started';
  }
}

/** Where nobody ordered it. Of a step that has both a condition and `if it fails: skip`, which of the two is not kept. */
function whyLeftOut({ when, ifItFails }: Pick<SkeletonNode, 'when' | 'ifItFails'> = {}): string {
  if (ifItFails !== 'skip') return 'its condition did not hold';
  return when === undefined ? 'it failed' : 'it failed or its condition did not hold';
}

function failureAt(state: RunState, { frame, place }: At): string {
  const found = [...state.failures.values()].find(({ at }) => at?.frame === frame && at.place === place);
  return found?.class ?? 'given up';
}
