/** Orders of people to a run, as rows: the API writes them, the worker reads them when the run is rung. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Tx } from './open.ts';
import { appendEvents } from './run-log.ts';

export const commandKinds = ['cancel', 'abort', 'pause', 'unpause', 'retry', 'supply', 'skip', 'settle'] as const;
export type CommandKind = (typeof commandKinds)[number];

/** What a person says became of a write whose outcome is not known, or that another has taken the name of. */
export const effectAnswers = ['happened', 'did not happen', 'send again'] as const;
export type EffectAnswer = (typeof effectAnswers)[number];

/** What comes with an order: ids, digests and words. Never content. */
export const commandBodySchema = z.strictObject({
  /** Of a retry: asks again from this generation of the step on. */
  generation: z.int().positive().optional(),
  /** Of a retry: digests of the values that the step is given in place of others, by name. */
  inputs: z.record(z.string(), z.string()).optional(),
  /** Digest of an output that a person gave: of a supply, or of a write that happened. */
  output: z.string().optional(),
  /** Of an answer about a write: its effectKey. */
  effect: z.string().optional(),
  answer: z.enum(effectAnswers).optional(),
  /** Of a cancel: takes back what was written, where the document says how. */
  undo: z.literal(true).optional(),
});
export type CommandBody = z.infer<typeof commandBodySchema>;

export type CommandRow = NonNullable<Awaited<ReturnType<Tx['command']['findFirst']>>>;

export interface NewCommand {
  tenant: string;
  run: string;
  kind: CommandKind;
  user: string;
  comment: string;
  node?: string;
  path?: string;
  body?: CommandBody;
  now: Date;
}

/** Whether somebody has ordered one of these of the run, heard or not. */
export async function isOrdered(
  tx: Tx,
  { tenant, run }: { tenant: string; run: string },
  kinds: readonly CommandKind[],
): Promise<boolean> {
  const where = { tenantId: tenant, runId: run, kind: { in: [...kinds] } };
  return (await tx.command.findFirst({ where, select: { id: true } })) !== null;
}

/** Writes the order and says so in the run's log, last in its transaction. Gives the order's id. */
export async function giveCommand(tx: Tx, command: NewCommand): Promise<string> {
  const { tenant, run, kind, user, comment, node, path = '', body = {}, now } = command;
  const id = randomUUID();
  await tx.command.create({
    data: {
      tenantId: tenant,
      id,
      runId: run,
      kind,
      userId: user,
      comment,
      createdAt: now,
      ...(node === undefined ? {} : { node }),
      path,
      body: bodyText(body),
    },
  });
  await appendEvents(tx, [
    {
      run,
      type: kind === 'cancel' ? 'run.cancel-requested' : 'command.given',
      sourceKey: kind === 'cancel' ? `run.cancel-requested:${id}` : `command.given:${id}`,
      ...(node === undefined ? {} : { node }),
      body: {
        command: id,
        user,
        ...(kind === 'cancel' ? {} : { kind }),
        ...(path === '' ? {} : { path }),
        ...Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)),
      },
    },
  ]);
  return id;
}

/** As it is stored: the same for the same body. */
export function bodyText(body: CommandBody): string {
  return JSON.stringify(commandBodySchema.parse(body));
}

export function bodyOf(command: { body: string }): CommandBody {
  return commandBodySchema.parse(JSON.parse(command.body));
}
