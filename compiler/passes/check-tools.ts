/** What steps and agents say of tools, against the tools that are known. */
import type { Span } from '../source-text.ts';
import type { ToolFacts } from '../surroundings.ts';
import { typeOfJsonSchema } from '../type-of-json-schema.ts';
import type { Around } from './around.ts';
import { argumentsOf, containersOf, isKind, settingOf } from './around.ts';
import { checkArguments } from './check-arguments.ts';
import type { EdgeDraft, StepDraft } from './draft.ts';
import { phrasesSpan, phrasesText } from './phrases.ts';
import { entriesOf, valueSpan } from './read-settings.ts';

export function checkTools(around: Around): void {
  checkAccepted(around);
  const { tools } = around.surroundings;
  if (!tools) noteUndeclared(around);
  else {
    const known = new KnownTools(tools, around);
    for (const { name, span } of namesOf(around)) known.require(name, span);
    for (const step of around.draft.steps) known.check(step);
  }
}

/** Agents' and steps' lists of tools, and the tools of steps. */
function namesOf(around: Around): { name: string; span: Span; where: string }[] {
  const { draft } = around;
  const agents = draft.agents.flatMap((agent) => {
    const setting = settingOf(around, agent.block, 'tools');
    const entries = setting ? entriesOf(setting) : [];
    return agent.tools.map((name) => {
      const entry = entries.find((one) => phrasesText(one) === name);
      return { name, span: phrasesSpan(entry ?? [], setting?.span ?? agent.block.heading.span), where: agent.id };
    });
  });
  const borrowed = draft.others.agents.flatMap((agent) => {
    const link = draft.others.externals.find((one) => one.thing === 'agent' && one.as === agent.id);
    // Of an agent that another may delegate to nothing is written here.
    return link ? agent.tools.map((name) => ({ name, span: link.span, where: agent.id })) : [];
  });
  const steps = draft.steps.flatMap((step) => {
    const { tool, undo } = step.values;
    return [
      ...(tool === undefined ? [] : [{ name: tool, span: toolSpan(step), where: step.id }]),
      ...(undo === undefined ? [] : [{ ...undo, where: step.id }]),
    ];
  });
  return [...agents, ...borrowed, ...steps];
}

function toolSpan(step: StepDraft): Span {
  const setting = step.settings.get('tool');
  return setting ? valueSpan(setting) : step.headingSpan;
}

function noteUndeclared(around: Around): void {
  const told = new Set<string>();
  for (const { name, where } of namesOf(around)) {
    const key = `${where} ${name}`;
    if (told.has(key)) continue;
    told.add(key);
    around.unchecked.push({ check: 'tool', where, why: `tool ${name} is not declared here` });
  }
}

/** Needs no surroundings: the names must be those of arguments. */
function checkAccepted({ draft, report }: Around): void {
  for (const step of draft.steps) {
    const names = argumentsOf(step).map((one) => one.name);
    for (const { name, span } of step.values.acceptsUntrusted ?? []) {
      if (names.includes(name)) continue;
      const expected = names.length === 0 ? 'an argument under with' : `one of ${[...new Set(names)].join(', ')}`;
      const message = `Unexpected ${name} in accepts untrusted, expected ${expected}`;
      report.error('unknown-argument', span, message, { nearest: { word: name, candidates: names } });
    }
  }
}

class KnownTools {
  private readonly tools: ReadonlyMap<string, ToolFacts>;
  private readonly around: Around;
  private readonly steps: ReadonlyMap<string, StepDraft>;

  constructor(tools: ReadonlyMap<string, ToolFacts>, around: Around) {
    this.tools = tools;
    this.around = around;
    this.steps = new Map(around.draft.steps.map((step) => [step.id, step]));
  }

  require(name: string, span: Span): void {
    if (this.tools.has(name)) return;
    const nearest = { word: name, candidates: this.tools.keys() };
    this.around.report.error('unknown-tool', span, `Unexpected tool ${name}, expected one that is declared`, {
      nearest,
    });
  }

  check(step: StepDraft): void {
    const { tool, undo } = step.values;
    const facts = tool === undefined ? undefined : this.tools.get(tool);
    if (tool !== undefined && facts && isKind(step, 'tool')) {
      const read = facts.input && typeOfJsonSchema(facts.input, { lenient: true });
      const fields = read && 'type' in read && read.type.kind === 'record' ? read.type.fields : undefined;
      if (fields) checkArguments(step, { what: tool, fields }, toolSpan(step), this.around);
      if (facts.once) this.checkOnce(step, tool, toolSpan(step));
    }
    const span = step.settings.get('undo')?.nameSpan ?? undo?.span;
    if (undo && span && isKind(step, 'session')) this.checkUndone(step, span);
    if (undo && span && facts?.effect === 'read') {
      const message = `Unexpected undo of ${tool}, which only reads, expected it on a tool that writes`;
      this.around.report.error('undo-reads', span, message);
    } else if (undo && this.tools.get(undo.name)?.effect === 'read') {
      const message = `Unexpected ${undo.name} as undo, which is a read, expected a tool that writes`;
      this.around.report.error('undo-reads', undo.span, message);
    }
  }

  /** Of a conversation: what it takes back has to be told from its one setting. */
  private checkUndone({ values }: StepDraft, span: Span): void {
    const own = this.around.draft.agents.find(({ id }) => id === values.agent)?.tools ?? [];
    const names = values.tools?.map(({ name }) => name) ?? own;
    const writes = names.filter((name) => this.tools.get(name)?.effect === 'write');
    if (writes.length > 1) {
      const message = `Unexpected undo of ${writes.join(' and ')} by one tool, expected it where one of the step's tools writes`;
      this.around.report.error('undo-of-several', span, message);
    } else if (writes.length === 0 && names.every((name) => this.tools.has(name))) {
      const message = 'Unexpected undo where no tool of the step writes, expected it where one of them does';
      this.around.report.error('undo-reads', span, message);
    }
  }

  private checkOnce(step: StepDraft, tool: string, span: Span): void {
    const loop = this.loopAround(step);
    if (!loop) return;
    const message = `Unexpected ${tool} in a loop, expected it outside: it is declared to be called once at most`;
    this.around.report.error('once-in-loop', span, message, { related: [loop] });
  }

  private loopAround(step: StepDraft): { span: Span; message: string } | undefined {
    if (step.values.each) return { span: step.values.each.list.span, message: 'it runs for each item of this list' };
    for (const around of [step, ...containersOf(step, this.steps)]) {
      if (isKind(around, 'repeat', 'for each')) {
        return { span: around.headingSpan, message: `${around.title} runs its steps again` };
      }
      const back = this.around.order.edges.find((edge) => edge.back && this.isWithin(around.id, edge));
      if (back) return { span: back.span, message: 'this link leads back before it' };
    }
    return undefined;
  }

  /** Does the step stand on a way from where a link back leads to where it starts? */
  private isWithin(id: string, back: EdgeDraft): boolean {
    const forward = this.around.order.edges.filter((edge) => !edge.back);
    const after = reach(back.to, forward, 'to');
    return after.has(id) && reach(back.from, forward, 'from').has(id);
  }
}

/** All steps after the one, or before it, itself included. */
function reach(start: string, edges: readonly EdgeDraft[], way: 'from' | 'to'): ReadonlySet<string> {
  const seen = new Set([start]);
  for (const id of seen) {
    for (const edge of edges) if (edge[way === 'to' ? 'from' : 'to'] === id) seen.add(edge[way]);
  }
  return seen;
}
