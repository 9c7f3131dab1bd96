import { connect, practiceNotice } from '../connect.ts';
import type { ConnectionOptions } from '../connection.ts';
import { readJsonFile } from '../document-files.ts';
import { CommandFailure, exitCodes } from '../failures.ts';
import { findGate } from '../find-gate.ts';
import { gateText, missingText } from '../gate-text.ts';
import { plainLine } from '../plain-text.ts';
import type { World } from '../world.ts';

export interface DecideOptions extends ConnectionOptions {
  comment?: string;
  form?: string;
  /** Whose vote is cast, where it was delegated. */
  for?: string;
}

/** Shows what the gate is about and decides exactly that: if it changes in between, the API refuses. */
export async function decideCommand(
  gateOrPrefix: string,
  action: string,
  options: DecideOptions,
  world: World,
): Promise<number> {
  const { terminal } = world;
  const form = options.form === undefined ? undefined : { value: await readJsonFile(options.form, world) };
  const { client, practice, person } = await connect(options, world);
  if (practice) terminal.print(practiceNotice, 'strong');
  const gate = await findGate(client, gateOrPrefix);
  terminal.print(gateText(gate));
  const actions = gate.actions.map(({ name }) => name);
  if (!actions.includes(action)) {
    throw new CommandFailure(`Unexpected action ${action}, expected one of: ${plainLine(actions.join(', '))}.`);
  }
  const decision = await client.decide(gate.id, {
    action,
    subject: gate.subject,
    ...(options.comment === undefined ? {} : { comment: options.comment }),
    ...(form === undefined ? {} : { form: form.value }),
    ...(options.for === undefined ? {} : { for: options.for }),
  });
  const said = `${person === undefined ? '' : ` as ${plainLine(person)}`}: ${plainLine(decision.action)}`;
  if (decision.missing.length === 0) terminal.print(`Decided${said}`, 'good');
  else terminal.print(`Voted${said}. The gate waits for ${missingText(decision.missing)}.`, 'strong');
  return exitCodes.done;
}
