import type { Gate } from '../api-shapes.ts';
import type { Client } from '../client.ts';
import { connect, practiceNotice } from '../connect.ts';
import type { ConnectionOptions } from '../connection.ts';
import { readJsonFile } from '../document-files.ts';
import { CommandFailure, exitCodes } from '../failures.ts';
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

const wholeId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

async function findGate(client: Pick<Client, 'gate' | 'gates'>, idOrPrefix: string): Promise<Gate> {
  if (wholeId.test(idOrPrefix)) return client.gate(idOrPrefix);
  const inbox = await client.gates();
  const [found, ...more] = inbox.filter(({ id }) => id.startsWith(idOrPrefix));
  if (found !== undefined && more.length === 0) return client.gate(found.id);
  const listed = (gates: Gate[]) => gates.map(({ id, title }) => `  ${id}  ${plainLine(title)}`);
  if (found !== undefined) {
    throw new CommandFailure(
      [
        `More than one gate begins with ${idOrPrefix}, expected enough of the id to tell:`,
        ...listed([found, ...more]),
      ].join('\n'),
    );
  }
  throw new CommandFailure(
    inbox.length === 0
      ? `No gate begins with ${idOrPrefix}: none waits for you. A gate that is not in your inbox is named by its whole id.`
      : [`No gate in your inbox begins with ${idOrPrefix}, expected one of:`, ...listed(inbox)].join('\n'),
  );
}
