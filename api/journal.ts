/** The journal of a run: its log as rows, with what each step's tries, turns and effects took. */
import type { z } from 'zod';
import { z as zod } from 'zod';
import type { Tx } from '../prisma/open.ts';
import type { GraphCache } from './graph-cache.ts';
import type { JournalRow, journal } from './routes/runs/schemas.ts';
import type { RunRow } from './run-view.ts';
import { statusOf } from './run-view.ts';

/** What a row takes from an event's body, of the types that carry it. Other fields stay in the log. */
const facts = zod.object({
  attempt: zod.int().optional().catch(undefined),
  status: zod.string().optional().catch(undefined),
  class: zod.string().optional().catch(undefined),
  source: zod.string().optional().catch(undefined),
  tool: zod.string().optional().catch(undefined),
  tokensIn: zod.number().optional().catch(undefined),
  tokensOut: zod.number().optional().catch(undefined),
  costUsd: zod.number().optional().catch(undefined),
  latencyMs: zod.number().optional().catch(undefined),
  qualityScore: zod.number().optional().catch(undefined),
  command: zod.string().optional().catch(undefined),
});

/** Of an order, who gave it and why: kept with the order, since the log holds no content. */
const givenBy: readonly string[] = ['command.given', 'run.cancel-requested'];

/** How a step stands after an event of this type, where the body does not say. */
const statusAfter: Record<string, string> = {
  'run.started': 'running',
  'step.started': 'running',
  'step.retrying': 'retrying',
  'step.validated': 'validated',
  'step.committed': 'committed',
  'step.failed': 'failed',
  'step.skipped': 'skipped',
  'step.bypassed': 'skipped',
  'step.refused': 'refused',
  'step.chosen': 'committed',
  'effect.intended': 'intent',
  'gate.opened': 'open',
  'gate.decided': 'decided',
  'gate.lapsed': 'lapsed',
  'gate.refused-decision': 'refused',
};

export async function journalOf(tx: Tx, graphs: GraphCache, run: RunRow): Promise<z.infer<typeof journal>> {
  const { tenantId, traceId } = run;
  const loaded = await graphs.load(tx, tenantId, run.graphHash);
  const agents = new Map(
    (loaded?.graph.nodes ?? []).flatMap((node) => (node.kind === 'agent' ? [[node.id, node.agent] as const] : [])),
  );
  const commands = await tx.command.findMany({ where: { tenantId, runId: run.id } });
  const orders = new Map(commands.map(({ id, kind, userId, comment }) => [id, { ordered: kind, by: userId, comment }]));
  const events = await tx.runEvent.findMany({ where: { tenantId, runId: run.id }, orderBy: { seq: 'asc' } });
  const rows = events.map((event): JournalRow => {
    const { tool, command, ...read } = facts.parse(JSON.parse(event.body));
    const order = givenBy.includes(event.type) ? orders.get(command ?? '') : undefined;
    const said = Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined));
    const agent = event.node === null ? undefined : agents.get(event.node);
    const status = read.status ?? statusAfter[event.type];
    return {
      seq: event.seq,
      at: event.at.toISOString(),
      event: event.type,
      ...(event.node === null ? {} : { step: event.node }),
      ...(agent === undefined ? {} : { agent }),
      ...(tool === undefined ? {} : { source: tool }),
      ...said,
      ...order,
      ...(status === undefined ? {} : { status }),
      traceId,
    };
  });
  const turns = rows.filter((row) => row.event === 'step.turn');
  // A step that was run again counts as it stands now.
  const scores = new Map(
    rows.flatMap((row) => (row.step && row.qualityScore !== undefined ? [[row.step, row.qualityScore]] : [])),
  );
  const sum = (numbers: (number | undefined)[]) => numbers.reduce<number>((total, one) => total + (one ?? 0), 0);
  return {
    run: run.id,
    status: statusOf(run),
    practice: run.practice !== null,
    traceId,
    ...(scores.size === 0 ? {} : { qualityScore: sum([...scores.values()]) / scores.size }),
    totals: {
      tokensIn: sum(turns.map((turn) => turn.tokensIn)),
      tokensOut: sum(turns.map((turn) => turn.tokensOut)),
      costUsd: sum(turns.map((turn) => turn.costUsd)),
    },
    rows,
  };
}
