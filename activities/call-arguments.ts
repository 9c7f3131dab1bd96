/** The arguments that a model gave a call, which are text until here. A `problem` is told to the model. */
import type { Json } from '../compiler/types.ts';
import { argumentProblem } from './tools/call-tool.ts';
import type { ToolDeclaration } from './tools/declarations.ts';

export type CallArguments = { args: { [name: string]: Json } } | { problem: string };

/** No text at all is an empty record: models call what takes nothing so. */
export function recordGiven(text: string, what = 'Arguments'): CallArguments {
  let args: Json;
  try {
    args = JSON.parse(text === '' ? '{}' : text) as Json;
  } catch {
    return { problem: `${what}: Unexpected text that is not JSON, expected a record` };
  }
  if (args !== null && typeof args === 'object' && !Array.isArray(args)) return { args };
  return { problem: `${what}: Unexpected ${Array.isArray(args) ? 'list' : 'value'}, expected a record` };
}

/** As the tool declares them. */
export function argumentsGiven(tool: ToolDeclaration, text: string): CallArguments {
  const read = recordGiven(text, `Arguments of ${tool.name}`);
  if ('problem' in read) return read;
  const problem = argumentProblem(tool, read.args);
  return problem === undefined ? read : { problem };
}
