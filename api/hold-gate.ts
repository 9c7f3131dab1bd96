/** A gate held for the transaction: whatever is done to it is done one after the other. */
import type { Tx } from '../prisma/open.ts';
import { ask } from '../prisma/statements.ts';
import type { GateRow } from './gate-rows.ts';
import type { RunRow } from './run-view.ts';

/** Undefined where the tenant has no such gate. */
export async function holdGate(
  tx: Tx,
  tenant: string,
  id: string,
): Promise<{ gate: GateRow; run: RunRow } | undefined> {
  const [[gate], [run]] = await Promise.all([
    ask<GateRow>(tx)`SELECT * FROM gate WHERE tenant_id = ${tenant} AND id = ${id} FOR UPDATE`,
    // It starts when the gate is held, and so sees what whoever held it before has written.
    ask<RunRow>(tx)`SELECT run.* FROM run JOIN gate ON gate.tenant_id = run.tenant_id AND gate.run_id = run.id
      WHERE gate.tenant_id = ${tenant} AND gate.id = ${id}`,
  ]);
  return gate && run && { gate, run };
}
