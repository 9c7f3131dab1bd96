import type { Published, ResumePlan } from '../api-shapes.ts';
import type { Json } from '../client.ts';
import { connect, practiceNotice } from '../connect.ts';
import type { ConnectionOptions } from '../connection.ts';
import { readDocument, readJsonFile } from '../document-files.ts';
import { CommandFailure, exitCodes } from '../failures.ts';
import { plainLine } from '../plain-text.ts';
import { publishDocument } from '../publish-document.ts';
import type { World } from '../world.ts';

export interface ResumeOptions extends ConnectionOptions {
  from?: string;
  graph?: string;
  document?: string;
  input?: string;
  acknowledge?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** Shows the plan, asks, and applies exactly that plan: if anything changes in between, the API refuses. */
export async function resumeCommand(run: string, options: ResumeOptions, world: World): Promise<number> {
  const { terminal } = world;
  if (options.graph !== undefined && options.document !== undefined) {
    throw new CommandFailure('Unexpected --graph and --document, expected one of them: a document is published first.');
  }
  const input: Json | undefined = options.input === undefined ? undefined : await readJsonFile(options.input, world);
  const { client, practice } = await connect(options, world);
  if (practice && !options.json) terminal.print(practiceNotice, 'strong');
  const published: Published | undefined =
    options.document === undefined
      ? undefined
      : await publishDocument(client, await readDocument(options.document, world));
  const graph = options.graph ?? published?.graphHash;
  const choice = {
    ...(options.from === undefined ? {} : { from: options.from }),
    ...(graph === undefined ? {} : { graph }),
    ...(input === undefined ? {} : { input }),
  };
  const plan = await client.resumePlan(run, choice);
  if (options.json) terminal.printJson(plan);
  else for (const line of planLines(plan)) terminal.print(line);

  if (!options.yes) {
    if (!terminal.isInteractive) {
      terminal.complain('Nothing was resumed. Without a terminal to ask, --yes applies the plan.');
      return exitCodes.done;
    }
    if (!/^y(es)?$/i.test(await terminal.ask('Resume so? [y/N] '))) {
      terminal.print('Nothing was resumed.');
      return exitCodes.done;
    }
  }
  const gone = plan.effects.toAcknowledge.map(({ effect }) => effect);
  if (gone.length > 0 && !options.acknowledge) {
    throw new CommandFailure(
      'Unexpected effects of steps that are gone, expected --acknowledge if that is as it should be.',
    );
  }
  const resumed = await client.resume(run, { ...choice, digest: plan.digest, acknowledge: gone });
  if (!options.json) terminal.print(`Run ${resumed.id} goes on: npx waymark inspect ${resumed.id}`, 'good');
  return exitCodes.done;
}

const reasons: Readonly<Record<ResumePlan['reruns'][number]['because'], string>> = {
  asked: 'asked for',
  changed: 'changed in this version',
  added: 'new in this version',
  failed: 'failed',
  refused: 'refused',
  'not done': 'not done yet',
  proposal: 'the proposal gives it something else by now',
  input: 'reads the input, if that differs for it',
  reads: 'if another output comes of',
  guards: 'guards',
};

function* planLines(plan: ResumePlan): Generator<string> {
  const version = plan.graphChanged ? 'on another version' : 'on the same version';
  yield `Resume of run ${plan.run}, ${version}${plan.inputChanged ? ', with another input' : ''}:`;
  const kept = plan.kept.map(({ step, times }) => (times > 1 ? `${step} (${times} times)` : step));
  yield* section('Kept', kept);
  yield* section(
    'Done again, or for the first time',
    plan.reruns.map(({ step, because, steps }) => {
      const of = because === 'reads' || because === 'guards' ? ` ${steps.join(', ')}` : '';
      return `${step}: ${reasons[because]}${of}`;
    }),
  );
  const at = ({ step, path }: { step: string; path: string }) => (path === '' ? step : `${step} at ${path}`);
  yield* section(
    'Decisions that stand',
    plan.approvals.kept.map((one) => `${at(one)}: ${one.verdict}`),
  );
  yield* section(
    'Decisions that lapse',
    plan.approvals.lapsed.map((one) => `${at(one)}: ${one.reason}`),
  );
  const edit = (one: ResumePlan['edits']['kept'][number]) => `${one.name} of ${at(one)}, given by ${one.by}`;
  yield* section('Edited values that hold', plan.edits.kept.map(edit));
  yield* section(
    'Edited values that are dropped, so that the step is given what the document says',
    plan.edits.dropped.map((one) => `${edit(one)}: ${one.reason}`),
  );
  yield* section(
    'Parts of the proposal that are written over',
    plan.overwrites.map(({ step, place, certain }) => `${place} by ${step}${certain ? '' : ', if it runs again'}`),
  );
  yield* section(
    'Effects that stand, and are not repeated',
    plan.effects.kept.map(({ tool, step, status }) => `${tool} by ${step}: ${status}`),
  );
  yield* section(
    'Effects of steps that this version no longer has',
    plan.effects.toAcknowledge.map(({ tool, step, status }) => `${tool} by ${step}: ${status}`),
  );
  const { usd, unknown } = plan.cost;
  const more =
    unknown > 0
      ? `, and what ${unknown} ${unknown === 1 ? 'step that never ran costs' : 'steps that never ran cost'}`
      : '';
  yield `At most about ${usd.toFixed(4)} US dollars${more}.`;
}

function* section(title: string, lines: readonly string[]): Generator<string> {
  if (lines.length === 0) return;
  yield `${title}:`;
  for (const line of lines) yield `  ${plainLine(line)}`;
}
