/** The person whom a command names. */
import type { Person } from './api-shapes.ts';
import type { Client } from './client.ts';
import { CommandFailure, WrongUsage } from './failures.ts';
import { plainLine } from './plain-text.ts';

/**
 * By an id, a whole name, a first name, or an e-mail address, whatever the case. What is no part of anybody's name or
 * address is taken for an id, about which the API knows.
 * @throws WrongUsage of an empty name; CommandFailure listing who may be meant
 */
export async function findPerson(client: Pick<Client, 'people'>, wanted: string): Promise<Person> {
  const text = wanted.trim().toLowerCase();
  if (text === '') throw new WrongUsage('Unexpected empty person, expected an id, a name or an e-mail address.');
  const people = await client.people(wanted.trim());
  const ways: ((person: Person) => boolean)[] = [
    ({ id }) => id === wanted.trim(),
    ({ displayName }) => displayName.toLowerCase() === text,
    ({ displayName }) => displayName.toLowerCase().split(' ')[0] === text,
    // The API does not tell addresses: it finds people by them.
    () => text.includes('@'),
  ];
  const meant = ways.map((way) => people.filter(way)).find((found) => found.length > 0) ?? [];
  const [found, ...more] = meant;
  if (found !== undefined && more.length === 0) return found;
  if (people.length === 0) return { id: wanted.trim(), displayName: wanted.trim(), roles: [] };
  const listed = found === undefined ? people : meant;
  throw new CommandFailure(
    [
      `Unexpected person ${wanted}, expected the id, the name or the e-mail address of one:`,
      ...listed.map(({ id, displayName, roles }) => `  ${id}  ${plainLine([displayName, ...roles].join(', '))}`),
    ].join('\n'),
  );
}
