/** What is declared of a tool: by the configuration file, else by the run's practice script. */
import type { Node } from '../../compiler/graph.ts';
import type { Json } from '../../compiler/types.ts';
import type { Claim } from '../claim.ts';
import type { Configuration, ConfiguredTool } from '../configuration.ts';
import { millisecondsOf } from '../configuration.ts';
import type { Dependencies } from '../dependencies.ts';
import type { PracticeTool } from '../practice/script.ts';
import { parsePracticeScript } from '../practice/script.ts';

type JsonSchema = { [key: string]: Json };

export interface ToolDeclaration {
  name: string;
  effect: 'read' | 'write';
  description: string;
  /** JSON Schemas of arguments and answer. */
  input: JsonSchema;
  output: JsonSchema;
  /** Of a write: how it takes a key, and for how long it knows one. */
  idempotency?: { header: string; keptForMs: number };
  lookup?: { authoritative: boolean };
  /** Of a write by an agent: the arguments that name the effect. */
  callSlot?: string[];
  source: { kind: 'configured'; tool: ConfiguredTool } | { kind: 'practice' };
}

/** A practice server keeps keys for as long as it lives, which outlasts any run that it answers. */
const PRACTICE_KEPT_MS = 24 * 60 * 60 * 1000;

/** The tool of that name for this step's run; undefined when nobody declares it. */
export function toolFor(deps: Dependencies, claim: Claim, name: string): ToolDeclaration | undefined {
  return findTool(deps.configuration, claim.practice, name);
}

export function findTool(
  configuration: Configuration,
  practice: string | undefined,
  name: string,
): ToolDeclaration | undefined {
  if (Object.hasOwn(configuration.tools, name)) {
    const tool = configuration.tools[name];
    if (tool) return configured(name, tool);
  }
  const tool = practiceTools(practice)[name];
  return tool ? practised(name, tool) : undefined;
}

/** The tool that takes the step's write back; undefined where the document names none. */
export function undoOf(node: Node | undefined): string | undefined {
  return node?.kind === 'tool' || node?.kind === 'session' ? node.undo : undefined;
}

/** The declaration as data, for the hash of the step that may call it; null when there is none. */
export function declarationOf(configuration: Configuration, practice: string | undefined, name: string): Json {
  const tool = findTool(configuration, practice, name);
  if (!tool) return null;
  const { source, ...declared } = tool;
  const facts = source.kind === 'configured' ? { ...declared, http: source.tool.http } : declared;
  return JSON.parse(JSON.stringify(facts)) as Json;
}

function configured(name: string, tool: ConfiguredTool): ToolDeclaration {
  return {
    name,
    effect: tool.effect,
    description: tool.description,
    input: tool.input,
    output: tool.output,
    ...(tool.idempotency
      ? { idempotency: { header: tool.idempotency.header, keptForMs: millisecondsOf(tool.idempotency.keptFor) } }
      : {}),
    ...(tool.lookup ? { lookup: { authoritative: tool.lookup.authoritative } } : {}),
    ...(tool.callSlot ? { callSlot: tool.callSlot } : {}),
    source: { kind: 'configured', tool },
  };
}

function practised(name: string, tool: PracticeTool): ToolDeclaration {
  return {
    name,
    effect: tool.effect,
    description: tool.description ?? name,
    input: tool.input ?? { type: 'object' },
    output: {},
    ...(tool.effect === 'write' && tool.idempotencyKey
      ? { idempotency: { header: 'Idempotency-Key', keptForMs: PRACTICE_KEPT_MS } }
      : {}),
    // A practice write happens in the practice server and nowhere else: what that does not know did not happen.
    ...(tool.effect === 'write' && tool.lookup ? { lookup: { authoritative: true } } : {}),
    ...(tool.callSlot ? { callSlot: tool.callSlot } : {}),
    source: { kind: 'practice' },
  };
}

/** A script that does not parse declares nothing: it was refused when the run was started. */
function practiceTools(practice: string | undefined): Record<string, PracticeTool> {
  if (practice === undefined) return {};
  const parsed = parsePracticeScript(practice);
  return parsed.ok ? Object.assign(Object.create(null), parsed.script.tools) : {};
}
