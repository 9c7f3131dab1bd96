/** What a step that is asked afresh is told of the writes that its earlier answers made: they stand, whatever it answers now. */
import type { Json } from '../compiler/types.ts';
import { getArtifact } from '../prisma/artifacts.ts';
import { undoSlotPrefix } from '../prisma/taken-back.ts';
import type { Claim } from './claim.ts';
import type { Dependencies } from './dependencies.ts';
import type { Block } from './models/context-blocks.ts';
import { renderBlocks } from './models/context-blocks.ts';

/** Of all of them, in tokens. */
const windowTokens = 4_000;

const words =
  'These calls were made before, for an earlier answer to this task, and stand. Do not make them again; go on from them.';

/** A message for the model; undefined in the first generation of a step, and where nothing was written before. */
export async function effectsBefore(deps: Dependencies, claim: Claim): Promise<string | undefined> {
  if (claim.generation === 0) return undefined;
  const tenant = claim.actor.tenant;
  const blocks = await deps.store.actAs(claim.actor, async (tx): Promise<Block[]> => {
    const rows = await tx.effect.findMany({
      where: {
        tenantId: tenant,
        rootRunId: claim.rootRun,
        node: claim.node.id,
        status: 'succeeded',
        slot: { not: { startsWith: undoSlotPrefix } },
        stepExecutionId: { not: claim.execution },
        stepExecution: { path: claim.path },
      },
      orderBy: [{ firstIntentAt: 'asc' }, { effectKey: 'asc' }],
    });
    const made: Block[] = [];
    for (const { slot, tool, outcomeDigest } of rows) {
      const answer = outcomeDigest === null ? null : await getArtifact(tx, tenant, outcomeDigest);
      made.push({ name: tool, source: `tool ${tool}`, trusted: false, value: { call: callIn(slot), answer } });
    }
    return made;
  });
  return blocks.length === 0 ? undefined : `${words}\n\n${renderBlocks(blocks, windowTokens).text}`;
}

/** The tool and the arguments that name the call. */
function callIn(slot: string): Json {
  try {
    return JSON.parse(slot) as Json;
  } catch {
    return slot;
  }
}
