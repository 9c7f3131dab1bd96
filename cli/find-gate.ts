/** The gate that a command names: by its id, or by as much of it as tells it from the others that may be meant. */
import type { Gate } from './api-shapes.ts';
import type { Client } from './client.ts';
import { CommandFailure } from './failures.ts';
import { plainLine } from './plain-text.ts';

const wholeId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * @param among `mine`: those that wait for me; `all`: the open ones of the tenant. A whole id names any gate.
 * @throws CommandFailure naming the gates that were expected
 */
export async function findGate(
  client: Pick<Client, 'gate' | 'gates'>,
  idOrPrefix: string,
  among: 'mine' | 'all' = 'mine',
): Promise<Gate> {
  if (wholeId.test(idOrPrefix)) return client.gate(idOrPrefix);
  const gates = await client.gates(among === 'mine' ? {} : { scope: 'all' });
  const [found, ...more] = gates.filter(({ id }) => id.startsWith(idOrPrefix));
  if (found !== undefined && more.length === 0) return client.gate(found.id);
  const listed = (some: Gate[]) => some.map(({ id, title }) => `  ${id}  ${plainLine(title)}`);
  if (found !== undefined) {
    throw new CommandFailure(
      [
        `More than one gate begins with ${idOrPrefix}, expected enough of the id to tell:`,
        ...listed([found, ...more]),
      ].join('\n'),
    );
  }
  const { none, one } =
    among === 'mine'
      ? { none: 'none waits for you. A gate that is not in your inbox is named by its whole id', one: 'in your inbox' }
      : { none: 'none is open. A gate that is not open is named by its whole id', one: 'that is open' };
  throw new CommandFailure(
    gates.length === 0
      ? `No gate begins with ${idOrPrefix}: ${none}.`
      : [`No gate ${one} begins with ${idOrPrefix}, expected one of:`, ...listed(gates)].join('\n'),
  );
}
