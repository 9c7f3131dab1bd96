/** Pass 7, reads: a step reads what has happened whenever it runs, or says what is to be when it has not. */
import type { Report } from '../diagnostics.ts';
import { parseExpression } from '../expressions/parse.ts';
import type { Known } from '../expressions/reads.ts';
import { bothKnown, knownWhenTrue, nothingKnown, readsOf, viewKey, viewPath } from '../expressions/reads.ts';
import { idPattern } from '../graph-facts.ts';
import type { Span } from '../source-text.ts';
import type { Type } from '../types.ts';
import type { DocumentDraft, ExpressionDraft, StepDraft } from './draft.ts';
import type { Flow, KnownSteps } from './flow.ts';
import { givesNothing, isAlwaysThere, isContainer, statedOutput } from './output-types.ts';
import { codeSpan } from './phrases.ts';
import { typesOf } from './read-document.ts';
import type { Moment } from './step-expressions.ts';
import { expressionsIn, usesIn } from './step-expressions.ts';

/** `sure` is false of steps of which not enough is known, or which never run: nothing is said about those. */
export function checkReads(draft: DocumentDraft, flow: Flow, sure: (id: string) => boolean, report: Report): void {
  const checker = new ReadChecker(draft, flow, sure, report);
  for (const step of draft.steps) if (sure(step.id)) checker.step(step);
  for (const row of draft.result) checker.result(row.value);
}

/** Something read, and what is known where it is. */
interface ReadAt {
  root: string;
  path: readonly string[];
  known: Known;
  guarded: boolean;
  span: Span;
}

interface StepRead extends ReadAt {
  moment: Moment;
  /** As in `uses: [Step](#step)`. */
  byLink: boolean;
}

class ReadChecker {
  private readonly steps: ReadonlyMap<string, StepDraft>;
  private readonly types: ReadonlyMap<string, Type>;
  private readonly flow: Flow;
  private readonly sure: (id: string) => boolean;
  private readonly report: Report;

  constructor(draft: DocumentDraft, flow: Flow, sure: (id: string) => boolean, report: Report) {
    this.steps = new Map(draft.steps.map((step) => [step.id, step]));
    this.types = typesOf(draft);
    this.flow = flow;
    this.sure = sure;
    this.report = report;
  }

  step(step: StepDraft): void {
    const { when } = step.values;
    const parsedWhen = when && parseExpression(when.source);
    const knownByWhen = parsedWhen?.ok ? knownWhenTrue(parsedWhen.expression) : nothingKnown;
    const reads: StepRead[] = [];
    for (const { expression, moment, use } of expressionsIn(step)) {
      for (const read of readsIn(expression)) {
        const known = moment === 'before' ? read.known : bothKnown(read.known, knownByWhen);
        reads.push({ ...read, known, guarded: read.guarded || use?.ifItRan === true, moment, byLink: false });
      }
    }
    for (const { code, expr: root, ifItRan, span } of usesIn(step.values)) {
      if (code) continue;
      reads.push({
        root,
        path: [],
        known: knownByWhen,
        guarded: ifItRan === true,
        span,
        moment: 'within',
        byLink: true,
      });
    }
    const told = new Set<string>();
    for (const read of reads) {
      const target = this.steps.get(read.root);
      if (!target || told.has(target.id)) continue;
      const before = this.report.count();
      this.read(step, target, read);
      // The same step read twice without a guard is one mistake.
      if (this.report.count() > before) told.add(target.id);
    }
  }

  result(value: ExpressionDraft): void {
    for (const read of readsIn(value)) {
      const target = this.steps.get(read.root);
      if (!target || read.guarded || !this.sure(target.id) || !this.hasOutput(target, read.span)) continue;
      if (target.parent !== undefined) this.reportInside(target, undefined, read.span);
      else this.present(target, read, 'has()', (step, known) => this.flow.hasRunAtEnd(step, known));
    }
  }

  private read(step: StepDraft, target: StepDraft, read: StepRead): void {
    const { flow } = this;
    if (!this.hasOutput(target, read.span)) return;
    const around = flow.around(step.id);
    const own = read.moment === 'end' && target.parent === step.id;
    if (!own && target.parent !== undefined && !around.includes(target.parent)) {
      this.reportInside(target, step, read.span);
    } else if (around.includes(target.id)) this.reportAround(target, step, read.span);
    else if (!own && !flow.isBefore(target.id, step.id)) {
      const related = [{ span: target.headingSpan, message: `${target.title} is here` }];
      const what = step === target ? 'itself' : `${target.title}, which need not have run by then`;
      const message = `Unexpected read of ${what}, expected a step that comes before ${step.title}`;
      this.report.error('not-before', read.span, message, { related });
    } else {
      const guard = read.byLink && step.kind !== 'tool' ? 'if it ran after the link, or has()' : 'has()';
      const runs = read.moment !== 'before';
      this.present(target, read, guard, (one, known) => flow.hasRunBefore(one, step.id, runs, known));
    }
  }

  /** The step has an output, and so has each step in it that the path leads to. */
  private present(
    target: StepDraft,
    read: ReadAt,
    guard: string,
    hasRun: (step: string, known: KnownSteps) => boolean,
  ): void {
    if (read.guarded) return;
    const known = this.knownSteps(read.known);
    const [, ...inner] = this.stepsAlong([target.id, ...read.path]);
    const missing = [target, ...inner].find((one) => !known.present.includes(one.id) && !hasRun(one.id, known));
    if (!missing || !this.sure(missing.id)) return;
    const related = [{ span: missing.headingSpan, message: 'some runs pass by this step' }];
    const path = [target, ...inner.slice(0, inner.indexOf(missing) + 1)].map((one) => one.id).join('.');
    const expected = missing === target ? guard : `has(${path})`;
    const message = `Unexpected read of ${missing.title}, which may not have run, expected ${expected} as a guard`;
    this.report.error('may-not-have-run', read.span, message, { related });
  }

  /** What is said of paths, as said of steps: one whose output would have the path has none where the path is absent. */
  private knownSteps({ present, absent }: Known): KnownSteps {
    const steps = (key: string): StepDraft[] => this.stepsAlong(viewPath(key));
    const isWhole = (key: string): boolean => {
      const path = viewPath(key);
      const along = steps(key);
      const last = along.at(-1);
      if (!last || last.values.each) return false;
      return isAlwaysThere(
        path.slice(along.length),
        isContainer(last) ? { kind: 'anything' } : statedOutput(last),
        this.types,
      );
    };
    return {
      present: [...present].flatMap((key) => steps(key).map((step) => step.id)),
      absent: [...absent].filter(isWhole).flatMap((key) => steps(key).at(-1)?.id ?? []),
    };
  }

  /** The step that the path begins with, and the steps within it that it goes on to. */
  private stepsAlong(path: readonly string[]): StepDraft[] {
    const along: StepDraft[] = [];
    for (const key of path) {
      const last = along.at(-1);
      if (last && (!isContainer(last) || last.values.each)) break;
      const step = this.steps.get(key);
      if (!step || (last && step.parent !== last.id)) break;
      along.push(step);
    }
    return along;
  }

  private hasOutput(target: StepDraft, span: Span): boolean {
    if (!givesNothing(target)) return true;
    const related = [{ span: target.headingSpan, message: `it is a ${target.kind}` }];
    const message = `Unexpected read of ${target.title}, expected a step that gives something`;
    this.report.error('no-output', span, message, { related });
    return false;
  }

  private reportInside(target: StepDraft, reader: StepDraft | undefined, span: Span): void {
    const shared = reader ? this.flow.around(reader.id) : [];
    const outside = this.flow.around(target.id).filter((id) => !shared.includes(id));
    const container = this.steps.get(outside.at(-1) ?? '');
    const loop = outside.map((id) => this.steps.get(id)).findLast((one) => one?.values.each);
    const related = [{ span: target.headingSpan, message: `${target.title} stands in ${container?.title}` }];
    const path = [...outside.toReversed(), target.id];
    // A container without a usable id was reported.
    if (!path.every((id) => idPattern.test(id))) return;
    const through = loop ? `the list ${path.slice(0, path.indexOf(loop.id) + 1).join('.')}` : path.join('.');
    const message = `Unexpected read of ${target.title} from outside ${container?.title}, expected ${through}`;
    this.report.error('inside-container', span, message, { related });
  }

  private reportAround(target: StepDraft, reader: StepDraft, span: Span): void {
    const related = [{ span: target.headingSpan, message: `${reader.title} is a part of it` }];
    const repeats = target.kind === 'repeat' ? 'previous, which is its last pass, or ' : '';
    const message = `Unexpected read of ${target.title}, which has not ended by then, expected ${repeats}a step that comes before ${reader.title}`;
    this.report.error('not-before', span, message, { related });
  }
}

function readsIn(expression: ExpressionDraft): ReadAt[] {
  const parsed = parseExpression(expression.source);
  if (!parsed.ok) return [];
  return readsOf(parsed.expression).map(({ root, path, known, inHas, start, end }) => ({
    root,
    path,
    known,
    guarded: inHas || known.present.has(viewKey([root, ...path])),
    span: codeSpan(expression.code, start, end - start),
  }));
}
