/** Untrusted text that flows into a write, without a person who lets it. */
import type { Graph, Node, NodeOf } from '../graph.ts';
import type { Span } from '../source-text.ts';
import type { TextSource } from '../text-sources.ts';
import { TextSources } from '../text-sources.ts';
import type { Around } from './around.ts';
import { argumentsOf } from './around.ts';
import type { StepDraft } from './draft.ts';

const mostRelated = 5;

/** `graph` is what the draft gives, mistakes or not; `documents` are the graphs that its steps run. */
export function checkTrust(graph: Graph, documents: ReadonlyMap<string, Graph>, around: Around): void {
  const unknown = new Set(around.draft.steps.filter((step) => step.outputUnknown).map((step) => step.id));
  const checker = new TrustChecker(new TextSources(graph, { documents, unknown }), documents, around);
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  for (const step of around.draft.steps) {
    const node = nodes.get(step.id);
    if (node) checker.check(step, node);
  }
}

class TrustChecker {
  private readonly sources: TextSources;
  private readonly documents: ReadonlyMap<string, Graph>;
  private readonly around: Around;
  private readonly steps: ReadonlyMap<string, StepDraft>;
  private readonly gates: readonly string[];

  constructor(sources: TextSources, documents: ReadonlyMap<string, Graph>, around: Around) {
    this.sources = sources;
    this.documents = documents;
    this.around = around;
    this.steps = new Map(around.draft.steps.map((step) => [step.id, step]));
    this.gates = around.draft.steps
      .filter((step) => step.kind === 'approve' && step.values.ifOverdue?.do !== 'continue')
      .map((step) => step.id);
  }

  check(step: StepDraft, node: Node): void {
    if (node.kind === 'tool') this.checkTool(step, node);
    else if (node.kind === 'agent') this.checkAgent(step, node);
    else if (node.kind === 'run') this.checkRun(step);
  }

  private checkTool(step: StepDraft, node: NodeOf<'tool'>): void {
    const { surroundings, unchecked } = this.around;
    const facts = surroundings.tools?.get(node.tool);
    if (!facts) {
      if (argumentsOf(step).length === 0 || step.values.requiresApproval) return;
      unchecked.push({ check: 'trust', where: step.id, why: `tool ${node.tool} is not declared here` });
    } else if (facts.effect === 'write') {
      this.checkArguments(step, (name) => `${name} of ${node.tool}, which writes`);
    }
  }

  /** What its tools answer is its own to judge; what the document gives it to read is told here. */
  private checkAgent(step: StepDraft, node: NodeOf<'agent'>): void {
    const { surroundings, unchecked, report } = this.around;
    if (node.tools.length === 0 || step.values.requiresApproval) return;
    const undeclared = node.tools.filter((name) => !surroundings.tools?.has(name));
    for (const name of undeclared) {
      unchecked.push({ check: 'trust', where: step.id, why: `tool ${name} is not declared here` });
    }
    const writes = node.tools.filter((name) => surroundings.tools?.get(name)?.effect === 'write');
    const [tool] = writes;
    if (tool === undefined) return;
    for (const use of step.values.uses ?? []) {
      const sources = this.sources.of(use.expr, step.id);
      if (sources.length === 0 || this.isGuarded(step, sources)) continue;
      const message = `Unexpected untrusted text in ${use.name} for an agent that may call ${tool}, which writes, expected a gate before it or requires approval`;
      report.error('untrusted-write', use.span, message, { related: this.related(sources) });
      return;
    }
  }

  /** Another document was checked with the inputs it marks; what it takes for trusted must be. */
  private checkRun(step: StepDraft): void {
    const { surroundings, unchecked } = this.around;
    const other = this.documents.get(step.id);
    if (!other) return;
    const tools = toolsIn(other);
    const file = step.values.document?.file ?? other.id;
    for (const why of [
      ...tools.filter((name) => !surroundings.tools?.has(name)).map((name) => `tool ${name} is not declared here`),
      ...(other.nodes.some((node) => node.kind === 'run') ? [`${file} runs other documents`] : []),
    ]) {
      unchecked.push({ check: 'trust', where: step.id, why });
    }
    if (!tools.some((name) => surroundings.tools?.get(name)?.effect === 'write')) return;
    const marked = new Set(other.inputs.filter((field) => field.untrusted).map((field) => field.name));
    this.checkArguments(step, (name) => `${name} of ${file}, which does not mark it untrusted`, marked);
  }

  private checkArguments(step: StepDraft, into: (name: string) => string, marked?: ReadonlySet<string>): void {
    const { report } = this.around;
    if (step.values.requiresApproval) return;
    const accepted = new Set(step.values.acceptsUntrusted?.map(({ name }) => name));
    for (const { name, expr, span } of argumentsOf(step)) {
      if (accepted.has(name) || marked?.has(name)) continue;
      const sources = this.sources.of(expr, step.id);
      if (sources.length === 0 || this.isGuarded(step, sources)) continue;
      const message = `Unexpected untrusted text in ${into(name)}, expected a gate before it, or accepts untrusted: ${name}`;
      report.error('untrusted-write', span, message, { related: this.related(sources) });
    }
  }

  /** Whenever it runs, has one of the gates let it that stand between it and where the text comes from? */
  private isGuarded(step: StepDraft, sources: readonly TextSource[]): boolean {
    const { flow } = this.around;
    const [first, ...others] = this.gates.filter(
      (gate) =>
        flow.isBefore(gate, step.id) &&
        sources.every((source) => !('step' in source) || source.step === gate || this.isKnownAt(source.step, gate)),
    );
    return first !== undefined && flow.hasRunBefore(first, step.id, true, { present: [], absent: others });
  }

  private isKnownAt(step: string, gate: string): boolean {
    const { flow } = this.around;
    return [step, ...flow.around(step)].some((one) => flow.isBefore(one, gate));
  }

  private related(sources: readonly TextSource[]): { span: Span; message: string }[] {
    return sources
      .flatMap((source) => this.placeOf(source) ?? [])
      .toSorted((a, b) => a.span.start - b.span.start)
      .slice(0, mostRelated);
  }

  private placeOf(source: TextSource): { span: Span; message: string } | undefined {
    if ('input' in source) {
      const inputs = this.around.draft.inputs;
      const input =
        inputs.find(({ field }) => field.name === source.input) ?? inputs.find(({ field }) => field.untrusted);
      return input && { span: input.span, message: `untrusted text comes from input.${input.field.name}` };
    }
    const step = this.steps.get(source.step);
    return step && { span: step.headingSpan, message: `untrusted text comes from ${step.title}` };
  }
}

/** The tools that steps of the document may call. */
function toolsIn({ nodes }: Graph): string[] {
  return [
    ...new Set(
      nodes.flatMap((node) => {
        if (node.kind === 'tool') return [node.tool];
        return node.kind === 'agent' || node.kind === 'session' ? node.tools : [];
      }),
    ),
  ];
}
