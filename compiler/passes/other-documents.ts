/**
 * Things of other documents: a link to one copies it into the graph, with all that it needs. Where the documents are not
 * known, a link stands for something of its kind, of which nothing more is said.
 */
import GithubSlugger from 'github-slugger';
import type { Report } from '../diagnostics.ts';
import type { Agent, External, Graph } from '../graph.ts';
import type { Span } from '../source-text.ts';
import { foldName } from '../source-text.ts';
import type { FileLink, OtherDocument, Surroundings } from '../surroundings.ts';
import type { Field, Type } from '../types.ts';

type Thing = 'agent' | 'type' | 'step' | 'document' | 'section' | 'prose';

export interface ExternalDraft extends External {
  /** As a link gives it, normalised. */
  path: string;
  span: Span;
}

export type KnownDocument = Extract<OtherDocument, { graph: Graph }>;

/** A link to another document, with its words and its place. */
export interface LinkAway extends FileLink {
  url: string;
  text: string;
  span: Span;
}

export class OtherDocuments {
  /** What was copied, in the order of the links; an agent before those it may delegate to. */
  readonly agents: Agent[] = [];
  readonly types: { name: string; type: Type }[] = [];
  readonly externals: ExternalDraft[] = [];
  private readonly documents: Surroundings['documents'];
  /** Agents' ids and types' folded names that are taken in the graph. */
  private readonly taken: { agents: Set<string>; types: Set<string> };
  private readonly copied = new Map<string, string>();
  private readonly told = new Set<string>();

  constructor(documents: Surroundings['documents'], taken: { agents: Iterable<string>; types: Iterable<string> }) {
    this.documents = documents;
    this.taken = { agents: new Set(taken.agents), types: new Set(taken.types) };
  }

  /** Copied types by name; those of documents that are not known are `anything`. */
  namedTypes(): Map<string, Type> {
    const unknown = this.externals.filter((one) => one.thing === 'type' && one.graph === undefined);
    return new Map([
      ...unknown.map((one): [string, Type] => [one.as, { kind: 'anything' }]),
      ...this.types.map((one): [string, Type] => [one.name, one.type]),
    ]);
  }

  /** The id of the agent, or the name of the type, in this graph. Reports and returns undefined where there is none. */
  take(link: LinkAway, wanted: 'agent' | 'type', report: Report): string | undefined {
    if (link.anchor === undefined) {
      const message = `Unexpected link to the whole of ${link.file}, expected one to ${article(wanted)} of it, such as (${link.file}#name)`;
      report.error('wrong-link', link.span, message);
      return undefined;
    }
    const found = this.open(link, report);
    if (found === undefined) return undefined;
    if (found === 'not known') return this.note(link, wanted, this.standIn(link, wanted), undefined);
    const things = thingsOf(found);
    const thing = things.get(link.anchor);
    if (!thing) {
      const candidates = [...things].filter(([, one]) => one.thing === wanted).map(([anchor]) => anchor);
      const message = `Unexpected link to #${link.anchor} of ${link.file}, expected the heading of ${article(wanted)} there`;
      report.error('unknown-link', link.span, message, { nearest: { word: link.anchor, candidates } });
      return undefined;
    }
    if (thing.thing !== wanted) {
      const message = `Unexpected link to ${article(thing.thing)} of ${link.file}, expected one to ${article(wanted)}`;
      report.error('wrong-link', link.span, message);
      return undefined;
    }
    const as =
      wanted === 'agent'
        ? this.copyAgent(found, link.file, thing.name)
        : this.copyType(found.graph, link.file, thing.name);
    return as === undefined ? undefined : this.note(link, wanted, as, found.hash);
  }

  /** The document of a link to the whole of it: where it has an anchor, that of the title. Else as `open`. */
  openWhole(link: FileLink & { span: Span }, report: Report): KnownDocument | 'not known' | undefined {
    const found = this.open(link, report);
    if (found === undefined || found === 'not known' || link.anchor === undefined) return found;
    const thing = thingsOf(found).get(link.anchor);
    if (thing?.thing === 'document') return found;
    const [code, what] = thing
      ? (['wrong-link', `${article(thing.thing)} of ${link.file}`] as const)
      : (['unknown-link', `#${link.anchor} of ${link.file}`] as const);
    report.error(code, link.span, `Unexpected link to ${what}, expected one to the document, such as (${link.file})`);
    return undefined;
  }

  /** The document of a link; `not known` where none is. Reports and returns undefined where it cannot be used. */
  open({ file, span }: { file: string; span: Span }, report: Report): KnownDocument | 'not known' | undefined {
    if (this.documents === undefined) return 'not known';
    const document = this.documents.get(file);
    if (document && 'graph' in document) return document;
    // Every further link to it is the same mistake.
    if (this.told.has(file)) return undefined;
    this.told.add(file);
    if (!document) {
      const nearest = { word: file, candidates: this.documents.keys() };
      report.error('unknown-document', span, `Unexpected link to ${file}, expected a document that is there`, {
        nearest,
      });
    } else if ('circle' in document) {
      const message = `Unexpected circle of documents ${document.circle.join(', ')}, expected documents that do not link back`;
      report.error('document-circle', span, message);
    } else {
      const count = document.mistakes === 1 ? '1 mistake' : `${document.mistakes} mistakes`;
      report.error('broken-document', span, `Unexpected link to ${file}, which has ${count}, expected one without`);
    }
    return undefined;
  }

  /** Says that the step runs another document. */
  noteRun(step: string, file: string, path: string, span: Span, graph: string | undefined): void {
    this.externals.push({ thing: 'document', as: step, file, path, span, ...(graph !== undefined && { graph }) });
  }

  /** The type as it reads in this graph: names of the other document's types are those of their copies. */
  copyOf(type: Type, graph: Graph, path: string): Type {
    switch (type.kind) {
      case 'named':
        return { kind: 'named', name: this.copyType(graph, path, type.name) ?? type.name };
      case 'list':
      case 'map':
        return { kind: type.kind, of: this.copyOf(type.of, graph, path) };
      case 'union':
        return { kind: 'union', of: type.of.map((one) => this.copyOf(one, graph, path)) };
      case 'record':
        return { kind: 'record', fields: type.fields.map((field) => this.copyOfField(field, graph, path)) };
      default:
        return type;
    }
  }

  copyOfField(field: Field, graph: Graph, path: string): Field {
    return { ...field, type: this.copyOf(field.type, graph, path) };
  }

  private note(link: LinkAway, thing: 'agent' | 'type', as: string, graph: string | undefined): string {
    const { url, file: path, anchor, span } = link;
    const file = url.split('#')[0] ?? path;
    if (!this.externals.some((one) => one.thing === thing && one.as === as)) {
      this.externals.push({
        ...{ thing, as, file, path, span },
        ...(anchor !== undefined && { anchor }),
        ...(graph !== undefined && { graph }),
      });
    }
    return as;
  }

  /** Of a document that is not known the link's own words say what the thing is called. */
  private standIn(link: LinkAway, thing: 'agent' | 'type'): string {
    const key = `${thing} ${link.file}#${link.anchor}`;
    const known = this.copied.get(key);
    if (known !== undefined) return known;
    const id = (link.anchor ?? '').replace(/[^a-z0-9]+/g, '_').replace(/^(\d)|^_?$/, '_$1');
    const words = /^[\p{L}_][\p{L}\p{N}\p{M}_ -]*$/u.test(link.text) ? link.text : id;
    const as = thing === 'agent' ? this.freeId(id) : this.freeTypeName(words);
    this.copied.set(key, as);
    return as;
  }

  private copyAgent(document: KnownDocument, path: string, id: string): string | undefined {
    const key = `agent ${path}#${id}`;
    const known = this.copied.get(key);
    if (known !== undefined) return known;
    const agent = document.graph.agents.find((one) => one.id === id);
    if (!agent) return undefined;
    const as = this.freeId(id);
    this.copied.set(key, as);
    const copy: Agent = { ...agent, id: as, mayDelegateTo: [] };
    this.agents.push(copy);
    copy.mayDelegateTo = agent.mayDelegateTo.flatMap((one) => this.copyAgent(document, path, one) ?? []);
    return as;
  }

  private copyType(graph: Graph, path: string, name: string): string | undefined {
    const key = `type ${path}#${name}`;
    const known = this.copied.get(key);
    if (known !== undefined) return known;
    const declared = graph.types.find((one) => one.name === name);
    if (!declared) return undefined;
    const as = this.freeTypeName(name);
    this.copied.set(key, as);
    const copy: { name: string; type: Type } = { name: as, type: { kind: 'anything' } };
    this.types.push(copy);
    copy.type = this.copyOf(declared.type, graph, path);
    return as;
  }

  private freeId(id: string): string {
    let free = id;
    for (let n = 2; this.taken.agents.has(free); n += 1) free = `${id}_${n}`;
    this.taken.agents.add(free);
    return free;
  }

  private freeTypeName(name: string): string {
    let free = name;
    for (let n = 2; this.taken.types.has(foldName(free)); n += 1) free = `${name} ${n}`;
    this.taken.types.add(foldName(free));
    return free;
  }
}

/** What the anchors of a document lead to: by its receipt, or by what its headings must have been. */
function thingsOf({ graph, receipt }: KnownDocument): Map<string, { thing: Thing; name: string }> {
  const things = new Map<string, { thing: Thing; name: string }>();
  const put = (anchor: string, thing: Thing, name: string): void => {
    const key = anchor.normalize('NFC').toLowerCase();
    if (!things.has(key)) things.set(key, { thing, name });
  };
  if (!receipt) {
    const slugger = new GithubSlugger();
    put(slugger.slug(graph.title), 'document', graph.title);
    for (const agent of graph.agents) put(slugger.slug(agent.name), 'agent', agent.id);
    for (const type of graph.types) put(slugger.slug(type.name), 'type', type.name);
    return things;
  }
  const byLine = new Map<number, { thing: Thing; name: string }>();
  for (const { id, lines } of receipt.agents) byLine.set(lines.from, { thing: 'agent', name: id });
  for (const { name, lines } of receipt.types) byLine.set(lines.from, { thing: 'type', name });
  for (const { id, lines } of receipt.nodes) byLine.set(lines.from, { thing: 'step', name: id });
  for (const { anchor, title, depth, lines } of receipt.sections) {
    const named = byLine.get(lines.from);
    if (named) put(anchor, named.thing, named.name);
    else put(anchor, depth === 1 ? 'document' : depth === 2 ? 'section' : 'prose', title);
  }
  return things;
}

function article(thing: Thing): string {
  if (thing === 'document') return 'the title';
  if (thing === 'prose') return 'a heading in prose';
  return thing === 'agent' ? 'an agent' : `a ${thing}`;
}
