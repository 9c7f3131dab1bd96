/** The columns of a gate that hold JSON, parsed. The worker wrote them; a row that does not fit is a fault, not input. */
import { z } from 'zod';
import type { Tx } from '../prisma/open.ts';

export type GateRow = Awaited<ReturnType<Tx['gate']['findMany']>>[number];

const names = z.array(z.string());
const actions = z.array(z.object({ name: z.string(), effect: z.enum(['continue', 'end']) }));
const shown = z.array(z.object({ name: z.string(), digest: z.string() }));
const asked = z.object({ need: z.enum(['any', 'all']), roles: names, people: names });
const ifOverdue = z.object({ do: z.string(), approvers: asked.optional() });
const bindings = z.object({
  reads: z.record(z.string(), z.string()).default({}),
  proposal: z.object({ reads: z.array(z.array(z.string())), digest: z.string() }).optional(),
  assigneeEpoch: z.int().optional(),
});

export const rolesOf = (gate: { approverRoles: string }) => names.parse(JSON.parse(gate.approverRoles));
export const notByOf = (gate: { notBy: string }) => names.parse(JSON.parse(gate.notBy));
export const actionsOf = (gate: { actions: string }) => actions.parse(JSON.parse(gate.actions));
export const shownOf = (gate: { shown: string }) => shown.parse(JSON.parse(gate.shown));
/** Digests of what the checks of a task read, by name. */
export const readsOf = (gate: { bindings: string }) => bindings.parse(JSON.parse(gate.bindings)).reads;

/** What of the proposal a gate is about. */
export const proposalOf = (gate: { bindings: string }) => bindings.parse(JSON.parse(gate.bindings)).proposal;

/** Of a task that is the proposal's assignee's: the epoch in which they were asked. */
export const assigneeEpochOf = (gate: { bindings: string }) => bindings.parse(JSON.parse(gate.bindings)).assigneeEpoch;

/** A part of those who may decide: with `all`, one person for each role and each person named. */
export type Asked = z.infer<typeof asked>;

export interface Approvers {
  own: Asked;
  /** How many different people must decide the same; with `all` it is one for each. */
  quorum: number;
  /** Asked besides, since the gate is overdue. */
  added?: Asked;
}

export function approversOf(
  gate: Pick<GateRow, 'need' | 'approverRoles' | 'approverPeople' | 'quorum' | 'ifOverdue' | 'escalatedAt'>,
): Approvers {
  const own = asked.parse({
    need: gate.need,
    roles: JSON.parse(gate.approverRoles),
    people: JSON.parse(gate.approverPeople),
  });
  const said = gate.ifOverdue === null ? undefined : ifOverdue.parse(JSON.parse(gate.ifOverdue));
  const added = gate.escalatedAt === null ? undefined : said?.approvers;
  return { own, quorum: gate.quorum ?? 1, ...(added === undefined ? {} : { added }) };
}

/** Everybody who may decide now, as roles and persons. */
export function everybodyAsked({ own, added }: Approvers): { roles: string[]; people: string[] } {
  const both = (of: 'roles' | 'people') => [...new Set([...own[of], ...(added?.[of] ?? [])])];
  return { roles: both('roles'), people: both('people') };
}
