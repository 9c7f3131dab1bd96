import type { RunState } from '../api-shapes.ts';
import type { Json } from '../client.ts';
import { connect, practiceNotice } from '../connect.ts';
import type { ConnectionOptions } from '../connection.ts';
import { readJsonFile } from '../document-files.ts';
import { CommandFailure, exitCodes, WrongUsage } from '../failures.ts';
import { textTable } from '../text-table.ts';
import type { World } from '../world.ts';

export interface OrderOptions extends ConnectionOptions {
  comment?: string;
}

export interface StepOptions extends OrderOptions {
  path?: string;
}

export interface RetryOptions extends StepOptions {
  fresh?: boolean;
  inputs?: string;
}

export async function retryStep(run: string, step: string, options: RetryOptions, world: World): Promise<number> {
  const inputs = options.inputs === undefined ? undefined : await readJsonFile(options.inputs, world);
  if (inputs !== undefined && (inputs === null || typeof inputs !== 'object' || Array.isArray(inputs))) {
    throw new WrongUsage(
      `Unexpected value in ${options.inputs}, expected a record of values by the names that the step reads.`,
    );
  }
  const body = { ...(options.fresh ? { fresh: true } : {}), ...(inputs === undefined ? {} : { inputs }) };
  return orderStep(run, step, 'retry', body, options, world);
}

export async function supplyStep(
  run: string,
  step: string,
  file: string,
  options: StepOptions,
  world: World,
): Promise<number> {
  return orderStep(run, step, 'supply', { output: await readJsonFile(file, world) }, options, world);
}

export function skipStep(run: string, step: string, options: StepOptions, world: World): Promise<number> {
  return orderStep(run, step, 'skip', {}, options, world);
}

export function orderRun(
  run: string,
  kind: 'abort' | 'pause' | 'unpause',
  options: OrderOptions,
  world: World,
): Promise<number> {
  return give(run, [kind], `${kind} run ${run}`, {}, options, world);
}

const answers = ['happened', 'did not happen', 'send again'];
/** Of an effect's name, as it is shown. */
const shownDigits = 12;

export interface EffectOptions extends OrderOptions {
  output?: string;
}

/** Lists the writes, or answers for one of them. @throws WrongUsage before anything is sent */
export async function effects(
  run: string,
  { effect: named, answer }: { effect: string | undefined; answer: string | undefined },
  options: EffectOptions,
  world: World,
): Promise<number> {
  if (named !== undefined && (answer === undefined || !answers.includes(answer))) {
    throw new WrongUsage(`Unexpected answer ${answer ?? 'left out'}, expected one of ${answers.join(', ')}.`);
  }
  if (options.output !== undefined && answer !== 'happened') {
    throw new WrongUsage('Unexpected --output, expected it with the answer happened.');
  }
  const output = options.output === undefined ? {} : { output: await readJsonFile(options.output, world) };
  const { client } = await connect(options, world);
  const { effects: writes } = await client.state(run);
  if (named === undefined) {
    world.terminal.print(writes.length === 0 ? 'The run wrote nothing.' : effectsTable(writes));
    return exitCodes.done;
  }
  const [found, ...more] = writes.filter(({ effect }) => effect.startsWith(named));
  if (found === undefined || more.length > 0) {
    throw new CommandFailure(
      `Run ${run} has ${found ? 'several writes' : 'no write'} ${named}, expected the name of one.`,
    );
  }
  const what = `take ${found.tool} of ${found.step} in run ${run} as: ${answer}`;
  return give(run, ['effects', found.effect, 'answer'], what, { answer: answer ?? '', ...output }, options, world);
}

function effectsTable(writes: RunState['effects']): string {
  return textTable(
    [{ title: 'write' }, { title: 'step' }, { title: 'tool' }, { title: 'status' }, { title: '' }],
    writes.map(({ effect, step, tool, status, answer, undone }) => [
      effect.slice(0, shownDigits),
      step,
      tool,
      status,
      undone === undefined ? (answer ?? '') : `taken back: ${undone}`,
    ]),
  );
}

function orderStep(
  run: string,
  step: string,
  kind: string,
  body: { [field: string]: Json },
  options: StepOptions,
  world: World,
): Promise<number> {
  const at = options.path === undefined ? {} : { path: options.path };
  return give(run, ['steps', step, kind], `${kind} ${step} of run ${run}`, { ...body, ...at }, options, world);
}

async function give(
  run: string,
  address: string[],
  what: string,
  body: { [field: string]: Json },
  options: OrderOptions,
  world: World,
): Promise<number> {
  const { client, practice } = await connect(options, world);
  if (practice) world.terminal.print(practiceNotice, 'strong');
  const comment = options.comment === undefined ? {} : { comment: options.comment };
  const { command } = await client.order(run, address, { ...body, ...comment });
  world.terminal.print(`Asked to ${what} (order ${command}). What came of it: npx waymark inspect ${run}`);
  return exitCodes.done;
}
