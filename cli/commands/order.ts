import type { Json } from '../client.ts';
import { connect, practiceNotice } from '../connect.ts';
import type { ConnectionOptions } from '../connection.ts';
import { readJsonFile } from '../document-files.ts';
import { exitCodes, WrongUsage } from '../failures.ts';
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
