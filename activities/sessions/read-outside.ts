/** A read tool of the configuration, called for a session: with its owner's own credential where it acts as a person. */
import { BreakerOpen } from '../breakers.ts';
import { argumentsGiven } from '../call-arguments.ts';
import type { Dependencies } from '../dependencies.ts';
import { renderBlocks } from '../models/context-blocks.ts';
import { withCredential } from '../tools/credentials.ts';
import type { ToolDeclaration } from '../tools/declarations.ts';
import { RequestProblem, requestOf, send } from '../tools/http.ts';
import type { TurnClaim } from './claim-turn.ts';
import type { Done } from './tool-call.ts';

const timeoutMs = 30_000;
const windowTokens = 8_000;

/** What goes wrong is told to the model: it may ask otherwise, or say so to the person. What tools give is nobody's word. */
export async function readOutside(
  deps: Dependencies,
  { actor }: TurnClaim,
  tool: ToolDeclaration,
  text: string,
  signal: AbortSignal,
): Promise<Done> {
  const read = argumentsGiven(tool, text);
  if ('problem' in read) return { response: read.problem };
  if (tool.source.kind !== 'configured') return { response: `${tool.name} is not configured.` };
  const { http } = tool.source.tool;
  try {
    const own = await withCredential(deps, actor, tool);
    const request = requestOf(http, read.args, own.values, own.configuration.allowedHosts);
    const answer = await deps.breakers.run(`tool:${tool.name}`, () => send(request, timeoutMs, signal));
    if (answer.kind !== 'ok') return { response: `${tool.name} gave no answer (${answer.kind}).` };
    const block = { name: tool.name, source: `tool ${tool.name}`, trusted: false, value: answer.value };
    return { response: renderBlocks([block], windowTokens).text, untrusted: true };
  } catch (problem) {
    if (problem instanceof RequestProblem || problem instanceof BreakerOpen) return { response: problem.message };
    throw problem;
  }
}
