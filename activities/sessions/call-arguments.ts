/** What a model gave a tool of the configuration, read as the tool declares it. */
import type { Json } from '../../compiler/types.ts';
import { argumentProblem } from '../tools/call-tool.ts';
import type { ToolDeclaration } from '../tools/declarations.ts';

/** `problem` is for the model. */
export function recordOf(
  tool: ToolDeclaration,
  text: string,
): { args: { [name: string]: Json } } | { problem: string } {
  const args = parsed(text);
  if (args === undefined) return { problem: 'Unexpected arguments, expected a record as JSON' };
  const problem = argumentProblem(tool, args);
  return problem === undefined ? { args } : { problem };
}

function parsed(text: string): { [name: string]: Json } | undefined {
  try {
    const value = JSON.parse(text === '' ? '{}' : text) as Json;
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
