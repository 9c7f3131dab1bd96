/** The columns of a gate that hold JSON, parsed. The worker wrote them; a row that does not fit is a fault, not input. */
import { z } from 'zod';

const names = z.array(z.string());
const actions = z.array(z.object({ name: z.string(), effect: z.enum(['continue', 'end']) }));
const shown = z.array(z.object({ name: z.string(), digest: z.string() }));

export const rolesOf = (gate: { approverRoles: string }) => names.parse(JSON.parse(gate.approverRoles));
export const notByOf = (gate: { notBy: string }) => names.parse(JSON.parse(gate.notBy));
export const actionsOf = (gate: { actions: string }) => actions.parse(JSON.parse(gate.actions));
export const shownOf = (gate: { shown: string }) => shown.parse(JSON.parse(gate.shown));
