/** Who is asked at a gate: roles as the document names them, and persons as its expressions give them when it opens. */
import { ExpressionError } from '../compiler/expressions/evaluate.ts';
import type { Approvers } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import type { Tx } from '../prisma/open.ts';
import { valueGiven } from './load-inputs.ts';

export interface AskedPeople {
  /** With `all`, one person for each role and each of the people. */
  need: 'any' | 'all';
  roles: string[];
  /** Ids of users. */
  people: string[];
}

/** Nobody could decide such a gate, or one person could where several must. */
export class NobodyToAsk extends Error {
  override readonly name = 'NobodyToAsk';
}

/** @throws NobodyToAsk where an expression does not give an active person, or `all` gives one person twice */
export async function peopleAsked(
  tx: Tx,
  tenant: string,
  { need, of }: Approvers,
  bindings: Record<string, Json>,
): Promise<AskedPeople> {
  const roles: string[] = [];
  const people: string[] = [];
  for (const one of of) {
    if ('role' in one) {
      if (!roles.includes(one.role)) roles.push(one.role);
      continue;
    }
    const person = await personGiven(tx, tenant, one.person, bindings);
    if (!people.includes(person)) people.push(person);
    else if (need === 'all') throw new NobodyToAsk(`Unexpected ${person} twice, expected a different person for each`);
  }
  return { need, roles, people };
}

/** @throws NobodyToAsk */
export function mustSuffice({ roles, people }: AskedPeople, quorum: number): void {
  if (roles.length > 0 || people.length >= quorum) return;
  throw new NobodyToAsk(
    `Unexpected ${people.length} persons, expected at least the ${quorum} who must decide the same`,
  );
}

/** By id, or else by the e-mail address that one person of the tenant has. */
async function personGiven(
  tx: Tx,
  tenant: string,
  expression: string,
  bindings: Record<string, Json>,
): Promise<string> {
  const given = valueIn(expression, bindings);
  const found =
    typeof given === 'string'
      ? await tx.user.findMany({
          where: { tenantId: tenant, active: true, kind: 'person', OR: [{ id: given }, { email: given }] },
          select: { id: true },
        })
      : [];
  const person = found.find(({ id }) => id === given) ?? found[0];
  if (person === undefined) throw new NobodyToAsk(`Unexpected value of ${expression}, expected the id of a person`);
  return person.id;
}

function valueIn(expression: string, bindings: Record<string, Json>): Json {
  try {
    return valueGiven(expression, bindings);
  } catch (problem) {
    if (!(problem instanceof ExpressionError)) throw problem;
    throw new NobodyToAsk(`Person ${expression}: ${problem.message}`);
  }
}
