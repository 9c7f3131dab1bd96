/** What a person says became of a write, taken into the ledger of effects. The first answer about a write stands. */
import type { Json } from '../compiler/types.ts';
import { getArtifact, putArtifact } from '../prisma/artifacts.ts';
import type { CommandRow, EffectAnswer } from '../prisma/commands.ts';
import { bodyOf } from '../prisma/commands.ts';
import { notify } from '../prisma/notifications.ts';
import type { Tx } from '../prisma/open.ts';
import type { NewEvent } from '../prisma/run-log.ts';
import type { Dependencies } from './dependencies.ts';
import type { RunInHand } from './run-row.ts';
import { findTool } from './tools/declarations.ts';
import { schemaProblems } from './tools/tool-schemas.ts';

/** After these a write is sent under the next generation of its key, and never again under this one. */
export const sentAnew: readonly EffectAnswer[] = ['did not happen', 'send again'];

type EffectRow = NonNullable<Awaited<ReturnType<Tx['effect']['findUnique']>>>;

/**
 * Whether the answer changed anything, now or when it was heard before; the events are for the caller to append last. It
 * does not where another answer was first, where the write may still be under way, and where what a tool is said to have
 * answered is nothing that it could. `ofSession`: no step waits for it; a turn goes on from it once its owner asks for that.
 */
export async function settleEffect(
  tx: Tx,
  deps: Dependencies,
  run: RunInHand,
  command: CommandRow,
): Promise<{ applied: boolean; ofSession?: boolean; events: NewEvent[] }> {
  const { effect, answer, output } = bodyOf(command);
  const refused = { applied: false, events: [] };
  if (effect === undefined || answer === undefined) return refused;
  const tenant = run.actor.tenant;
  await tx.$queryRaw`SELECT 1 FROM effect WHERE tenant_id = ${tenant} AND effect_key = ${effect} FOR UPDATE`;
  const where = { tenantId_effectKey: { tenantId: tenant, effectKey: effect } };
  const include = { turn: { include: { session: { select: { proposalId: true } } } } };
  const row = await tx.effect.findUnique({ where, include });
  if (row === null || row.rootRunId !== run.rootRun) return refused;
  const { turn } = row;
  const ofSession = turn !== null;
  if (row.answer !== null) return { applied: await isHeard(tx, run, command), ofSession, events: [] };
  const value = output === undefined ? null : await getArtifact(tx, tenant, output);
  if (!mayAnswer(deps, run, row, answer, value)) return refused;

  const changed = await changeBy(tx, tenant, row, answer, value);
  await tx.effect.update({
    where,
    data: { ...changed, answer, ...(changed.status ? { settledAt: deps.clock() } : {}) },
  });
  if (turn !== null) await tellOwner(tx, turn, command, answer);
  return {
    applied: true,
    ofSession,
    events: [
      {
        run: run.row.id,
        type: 'effect.answered',
        sourceKey: answeredKey(command.id),
        node: row.node,
        body: {
          effect,
          answer,
          command: command.id,
          user: command.userId,
          ...(changed.status === undefined ? {} : { status: changed.status }),
        },
      },
    ],
  };
}

function mayAnswer(deps: Dependencies, run: RunInHand, row: EffectRow, answer: EffectAnswer, value: Json): boolean {
  // Nobody decides about a call before its deadline.
  if (row.status === 'intent' && row.deadline > deps.clock()) return false;
  if (row.status === 'succeeded') return answer !== 'did not happen';
  if (answer !== 'happened') return true;
  const tool = findTool(deps.configuration, run.row.practice ?? undefined, row.tool);
  return tool === undefined || schemaProblems(tool.output, value).length === 0;
}

async function changeBy(
  tx: Tx,
  tenant: string,
  row: EffectRow,
  answer: EffectAnswer,
  value: Json,
): Promise<{ status?: string; outcomeDigest?: string }> {
  // What is recorded as done stays so: what is said of it is whether that is what the step wanted.
  if (row.status === 'succeeded' || answer === 'send again') return {};
  if (answer === 'did not happen') return { status: 'failed' };
  return { status: 'succeeded', outcomeDigest: await putArtifact(tx, tenant, value) };
}

/** Whose turn waits to go on from it, unless they answered it themselves. */
async function tellOwner(
  tx: Tx,
  turn: { tenantId: string; id: string; ownerId: string; sessionId: string; session: { proposalId: string } },
  { id: command, userId: by }: CommandRow,
  answer: EffectAnswer,
): Promise<void> {
  if (by === turn.ownerId) return;
  const {
    sessionId: session,
    session: { proposalId: proposal },
  } = turn;
  await notify(tx, turn.tenantId, [
    {
      user: turn.ownerId,
      kind: 'write-answered',
      proposal,
      address: `/sessions/${session}`,
      body: { proposal, session, turn: turn.id, answer, by },
      sourceKey: answeredKey(command),
    },
  ]);
}

const answeredKey = (command: string): string => `effect.answered:${command}`;

/** The same order, heard again. */
async function isHeard(tx: Tx, run: RunInHand, command: CommandRow): Promise<boolean> {
  const where = {
    tenantId: run.actor.tenant,
    runId: run.row.id,
    sourceKey: answeredKey(command.id),
  };
  return (await tx.runEvent.findFirst({ where, select: { seq: true } })) !== null;
}
