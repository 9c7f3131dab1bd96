/** Names of tools as functions of the OpenAI API, which knows letters, digits, `_` and `-` only, at most 64. */
import { createHash } from 'node:crypto';

const longest = 64;

/** The same tool has the same function name everywhere: `policy.lookup` is `policy__lookup`. */
export function functionNameOf(tool: string): string {
  const plain = tool
    .replaceAll('.', '__')
    .replace(/[^A-Za-z0-9_-]/gu, (char) => `_${(char.codePointAt(0) ?? 0).toString(16)}_`);
  if (plain.length <= longest) return plain;
  const digest = createHash('sha256').update(tool).digest('hex').slice(0, 12);
  return `${plain.slice(0, longest - digest.length - 1)}_${digest}`;
}

/** Which of `tools` a model means; undefined when it is none of them. */
export function toolNamed(functionName: string, tools: readonly string[]): string | undefined {
  return tools.find((tool) => functionNameOf(tool) === functionName);
}
