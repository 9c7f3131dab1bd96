/** The run in words, as Markdown for the current details in the Web UI: lists, since it runs the columns of tables together. */
import type { NodeState } from './edges.ts';
import type { RunState } from './run-state.ts';
import { statusOf } from './run-state.ts';
import { markdownText } from './words.ts';

/** Of a larger graph only the steps that run, wait or failed are listed: a board costs the same however large it is. */
const mostListed = 100;

export function boardText(state: RunState, ended?: string): string {
  const { skeleton, flow, run, failures } = state;
  const status = ended ?? statusOf(state).replace('-', ' ');
  const lines = [`**${markdownText(skeleton.title)}**: ${status}`, ''];
  if (skeleton.nodes.length <= mostListed) {
    skeleton.nodes.forEach((_, index) => {
      lines.push(stepLine(state, index, ended));
    });
  } else {
    const counts = Object.entries(flow.counts).filter(([, count]) => count > 0);
    const words = counts.map(([nodeState, count]) => `${count} ${countWords[nodeState as NodeState]}`);
    lines.push(`- ${skeleton.nodes.length} steps: ${words.join(', ')}`);
    const listed = [...failed(state), ...[...state.waiting].map(({ node }) => node)].slice(0, mostListed);
    for (const index of listed) lines.push(stepLine(state, index, ended));
  }
  const result = failures.get(resultName);
  if (result !== undefined) lines.push(`- Result: failed (${result})`);
  lines.push('', `Run \`${run}\`, in the API: \`/runs/${run}\``);
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

function failed(state: RunState): number[] {
  return [...state.failures.keys()].flatMap((id) => state.indexOf.get(id) ?? []);
}

function stepLine(state: RunState, index: number, ended: string | undefined): string {
  return `- ${state.titles[index] ?? ''}: ${stepWords(state, index, ended)}`;
}

function peopleAt(state: RunState, index: number): string[] {
  if (state.waiting.size === 0) return [];
  return [...state.waiting].filter(({ node }) => node === index).map(({ waitsFor }) => markdownText(waitsFor));
}

function stepWords(state: RunState, index: number, ended: string | undefined): string {
  const people = peopleAt(state, index);
  if (people.length > 0) return `**waiting for ${people.join(', ')}**`;
  const remark = state.remarks.get(index);
  switch (state.flow.states[index]) {
    case 'committed':
      return remark === undefined ? 'done' : `done, ${markdownText(remark)}`;
    case 'bypassed':
      return 'left out, its condition did not hold';
    case 'skipped':
      return 'skipped';
    case 'refused':
      return 'refused';
    case 'failed':
      return `**failed (${state.failures.get(state.skeleton.nodes[index]?.id ?? '') ?? 'bug'}), needs attention**`;
    case 'running':
      return ended === undefined ? 'running' : 'stopped';
    default:
      return ended === undefined ? 'not started' : 'never started';
  }
}
