/**
 * The practice script: what the practice model and the practice tools answer, by step id and pass (`practice.json`
 * beside a document, or the scripts of our own tests). The published schema is `practice.schema.json`.
 */
import { z } from 'zod';
import type { Json } from '../../compiler/types.ts';

const json = z.json() as z.ZodType<Json>;
const record = z.record(z.string(), json);

/** How the practice server misbehaves, for a model's turn and a tool's answer alike. */
const misbehaviour = {
  /** Answer with this HTTP status instead. */
  status: z.int().min(400).max(599).optional(),
  /** With `status`: seconds, or an HTTP date, sent as Retry-After. */
  retryAfter: z.union([z.number().nonnegative(), z.string()]).optional(),
  /** With `status`: the error's message. */
  message: z.string().optional(),
  /** Wait before answering. Alone: wait, then close the connection. */
  delayMs: z.int().positive().max(600_000).optional(),
  /** Close the connection without an answer. A tool with an `output` has done its work by then. */
  dropConnection: z.literal(true).optional(),
};

const usage = z.strictObject({ tokensIn: z.int().nonnegative(), tokensOut: z.int().nonnegative() });

const turn = {
  /** The answer, as a value of the step's declared type. */
  content: json.optional(),
  /** The answer, letter by letter: for answers that are not JSON. */
  text: z.string().optional(),
  toolCalls: z
    .array(z.strictObject({ name: z.string().min(1), arguments: z.union([record, z.string()]) }))
    .min(1)
    .optional(),
  refusal: z.string().optional(),
  /** Why the model stopped, where it was not done. */
  finishReason: z.enum(['length', 'content_filter']).optional(),
  usage: usage.optional(),
  ...misbehaviour,
};

const toolAnswer = {
  /** Only for calls whose arguments have these values; the first answer that fits is given. */
  when: record.optional(),
  output: json.optional(),
  ...misbehaviour,
};

const turnAnswers = ['content', 'text', 'toolCalls', 'refusal', 'status', 'dropConnection', 'attempts'] as const;
const toolAnswers = ['output', 'status', 'dropConnection', 'attempts'] as const;

/** Exactly one kind of answer; a bare `finishReason` or `delayMs` is an answer too. */
function oneAnswer(kinds: readonly string[], also: readonly string[]) {
  return (value: Record<string, unknown>, context: z.RefinementCtx): void => {
    const given = kinds.filter((kind) => value[kind] !== undefined);
    const drops = given.length === 2 && given.includes('output') && given.includes('dropConnection');
    if (given.length > 1 && !drops) {
      context.addIssue({ code: 'custom', message: `Unexpected ${given.join(' and ')} together, expected one of them` });
    }
    if (given.length === 0 && !also.some((key) => value[key] !== undefined)) {
      context.addIssue({
        code: 'custom',
        message: `Unexpected answer without content, expected one of ${[...kinds, ...also].join(', ')}`,
      });
    }
  };
}

const plainTurn = z.strictObject(turn).superRefine(oneAnswer(turnAnswers, ['finishReason', 'delayMs']));
const plainToolAnswer = z.strictObject(toolAnswer).superRefine(oneAnswer(toolAnswers, ['delayMs']));

const turnSchema = z
  .strictObject({
    ...turn,
    /** Different answers by the step's attempt: the first attempt gets the first, and the last serves all later ones. */
    attempts: z.array(plainTurn).min(1).optional(),
  })
  .superRefine(oneAnswer(turnAnswers, ['finishReason', 'delayMs']));

const toolAnswerSchema = z
  .strictObject({ ...toolAnswer, attempts: z.array(plainToolAnswer).min(1).optional() })
  .superRefine(oneAnswer(toolAnswers, ['delayMs']));

const passSchema = z.strictObject({
  /** Of an agent step: the model's turns in order, counted by the answers already in the conversation. */
  turns: z.array(turnSchema).min(1).optional(),
  /** By agent id: the turns of those that the step's agent hands work to. Each time it does, they begin with the first. */
  delegates: z.record(z.string(), z.array(turnSchema).min(1)).optional(),
  /** Of a tool step: what the tool gives. Short for `answers` with one output. */
  tool: json.optional(),
  /** What tools called within this step answer, before what `tools` says. */
  answers: z.array(toolAnswerSchema).min(1).optional(),
});

const practiceToolSchema = z.strictObject({
  effect: z.enum(['read', 'write']),
  description: z.string().optional(),
  /** JSON Schema of the arguments. */
  input: record.optional(),
  /** Of a write called by an agent: the argument fields that name the effect. */
  callSlot: z.array(z.string()).optional(),
  /** Of a write: whether a repeated Idempotency-Key is honoured, and whether outcomes can be looked up. */
  idempotencyKey: z.boolean().default(true),
  lookup: z.boolean().default(true),
  answers: z.array(toolAnswerSchema).min(1).optional(),
});

export const practiceScriptSchema = z.strictObject({
  $schema: z.string().optional(),
  /** Tools that exist for practice only; a tool of the configuration file goes before one of the same name. */
  tools: z.record(z.string(), practiceToolSchema).optional(),
  /** By step id, a list by pass: the first pass of a step gets the first entry. */
  steps: z.record(z.string(), z.array(passSchema).min(1)),
});

export type PracticeScript = z.infer<typeof practiceScriptSchema>;
export type PracticeTool = z.infer<typeof practiceToolSchema>;
export type ScriptedTurn = z.infer<typeof plainTurn>;
export type ScriptedToolAnswer = z.infer<typeof plainToolAnswer>;

export interface ScriptProblem {
  /** Where in the script, as in `steps.pay[0].tool`; empty for the whole. */
  path: string;
  message: string;
}

export type ParsedScript = { ok: true; script: PracticeScript } | { ok: false; problems: ScriptProblem[] };

/** Reads a script from its text. Never throws: what is wrong comes back with its place. */
export function parsePracticeScript(text: string): ParsedScript {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      ok: false,
      problems: [{ path: '', message: `Unexpected text that is not JSON, expected a practice script: ${reason}` }],
    };
  }
  const parsed = practiceScriptSchema.safeParse(value);
  if (parsed.success) return { ok: true, script: parsed.data };
  const problems = parsed.error.issues.map((issue) => ({ path: pathText(issue.path), message: issue.message }));
  // An answer with a misspelt key is also one without content: one mistake, told once.
  return {
    ok: false,
    problems: problems.filter(({ path }, index) => problems.findIndex((one) => one.path === path) === index),
  };
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`,
    '',
  );
}

/** The published JSON Schema of `practice.json`. */
export function practiceJsonSchema(): object {
  return {
    $id: 'urn:waymark:schema:practice:1',
    title: 'Waymark practice script',
    ...z.toJSONSchema(practiceScriptSchema, { io: 'input' }),
  };
}

export type Scripted<Answer> = { ok: true; answer: Answer } | { ok: false; problem: string };

/** Where in a run an answer is asked for; `pass` and `attempt` count from 1. */
export interface Asked {
  step: string;
  pass: number;
  attempt: number;
  /** The agent that was handed the work; absent where it is the step's own. */
  delegate?: string;
}

/** The turn scripted for a step's conversation that already holds `answersBefore` answers of the model. */
export function scriptedTurn(script: PracticeScript, asked: Asked, answersBefore: number): Scripted<ScriptedTurn> {
  const pass = script.steps[asked.step]?.[asked.pass - 1];
  const { delegate } = asked;
  const place = `steps.${asked.step}[${asked.pass - 1}].${delegate === undefined ? 'turns' : `delegates.${delegate}`}`;
  const turns = delegate === undefined ? pass?.turns : pass?.delegates?.[delegate];
  if (!turns) {
    return {
      ok: false,
      problem: `The practice script answers nothing for step ${asked.step}, pass ${asked.pass}: expected turns at ${place}`,
    };
  }
  const turn = turns[answersBefore];
  if (!turn) {
    return {
      ok: false,
      problem: `The practice script has ${turns.length} turns for step ${asked.step}, pass ${asked.pass}: expected one more at ${place}[${answersBefore}]`,
    };
  }
  return { ok: true, answer: byAttempt(turn, asked.attempt) };
}

/** What a tool answers: the step's own entry first, then the tool's. */
export function scriptedToolAnswer(
  script: PracticeScript,
  asked: Asked,
  tool: string,
  args: Json,
): Scripted<ScriptedToolAnswer> {
  const pass = script.steps[asked.step]?.[asked.pass - 1];
  const declared = script.tools && Object.hasOwn(script.tools, tool) ? script.tools[tool] : undefined;
  const candidates = pass?.turns
    ? [...(pass.answers ?? []), ...(declared?.answers ?? [])]
    : [
        ...(pass?.answers ?? []),
        ...(pass?.tool === undefined ? [] : [{ output: pass.tool }]),
        ...(declared?.answers ?? []),
      ];
  const fitting = candidates.find((candidate) => candidate.when === undefined || includes(args, candidate.when));
  if (!fitting) {
    return {
      ok: false,
      problem: `The practice script has no answer of tool ${tool} to these arguments for step ${asked.step}, pass ${asked.pass}: expected one at steps.${asked.step}[${asked.pass - 1}] or tools["${tool}"].answers`,
    };
  }
  return { ok: true, answer: byAttempt(fitting, asked.attempt) };
}

function byAttempt<Plain extends object>(answer: Plain & { attempts?: Plain[] | undefined }, attempt: number): Plain {
  if (!answer.attempts) return answer;
  return answer.attempts[Math.min(attempt, answer.attempts.length) - 1] as Plain;
}

/** Whether `value` has all that `part` names, with equal values. */
function includes(value: Json, part: Json): boolean {
  if (part === null || typeof part !== 'object') return value === part;
  if (value === null || typeof value !== 'object') return false;
  if (Array.isArray(part)) {
    return (
      Array.isArray(value) &&
      value.length === part.length &&
      part.every((item, index) => includes(value[index] as Json, item))
    );
  }
  if (Array.isArray(value)) return false;
  return Object.entries(part).every(
    ([key, wanted]) => Object.hasOwn(value, key) && includes(value[key] as Json, wanted),
  );
}
