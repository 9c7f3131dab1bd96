/** Pass 4: what each heading is called, and what each link leads to. */
import type { Report } from '../diagnostics.ts';
import type { Span } from '../source-text.ts';
import { foldName } from '../source-text.ts';
import type { Surroundings } from '../surroundings.ts';
import { anchorOf, fileLinkOf } from '../surroundings.ts';
import { OtherDocuments } from './other-documents.ts';
import type { Link } from './phrases.ts';
import { phrasesSpan, phrasesText } from './phrases.ts';
import type { Heading, Outline, Thing } from './read-sections.ts';
import type { Body } from './read-settings.ts';
import { valueSpan } from './read-settings.ts';
import { isPrototypeName, isReservedId } from './reserved-words.ts';

export interface Names {
  /** By anchor, in lower case. */
  anchors: ReadonlyMap<string, Heading>;
  /** Of steps and agents their ids, of types their names. A heading that gave no usable id has a stand-in. */
  ids: ReadonlyMap<Heading, string>;
  /** Declared names by folded name. */
  types: ReadonlyMap<string, string>;
  /** Ids that were refused where they were given: whoever reads them makes no second mistake. */
  refused: Set<string>;
  documentId: string;
  /** What is taken from other documents; filled as links to them are followed. */
  others: OtherDocuments;
}

/** `bodies` holds what `readSettings` found under each heading of the outline that names a thing. */
export function resolveNames(
  outline: Outline,
  bodies: ReadonlyMap<Heading, Body>,
  report: Report,
  documents?: Surroundings['documents'],
): Names {
  const ids = new Map<Heading, string>();
  const types = new Map<string, string>();
  const refused = new Set<string>();
  const taken: Record<'step' | 'agent' | 'type', Map<string, Span>> = {
    step: new Map(),
    agent: new Map(),
    type: new Map(),
  };
  for (const heading of outline.headings) {
    if (heading.thing === 'type') nameType(heading, ids, types, taken.type, report);
    if (heading.thing !== 'step' && heading.thing !== 'agent') continue;
    const standIn = `unnamed ${ids.size}`;
    const name = nameThing(heading, bodies.get(heading), taken[heading.thing], report);
    if (!name.ok) refused.add(name.id);
    ids.set(heading, name.ok ? name.id : standIn);
  }
  return {
    anchors: new Map(outline.headings.toReversed().map((heading) => [heading.anchor.toLowerCase(), heading])),
    ids,
    types,
    refused,
    documentId: nameDocument(outline, bodies, report),
    others: new OtherDocuments(documents, { agents: taken.agent.keys(), types: taken.type.keys() }),
  };
}

/** `1. Đọc hoá đơn` to `doc_hoa_don`. Empty, or starting with a digit, where the text has no usable letters. */
export function idOf(heading: string): string {
  return heading
    .replace(/^\s*\d+[.)]\s*/, '')
    .normalize('NFD')
    .toLowerCase()
    .replace(/đ/g, 'd')
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_|_$/g, '');
}

/** A heading without text names nothing, whatever its id. */
function reportEmpty({ text, thing, span }: Heading, report: Report): boolean {
  if (text !== '') return false;
  const what = thing === 'document' ? 'title' : `heading of ${thing === 'agent' ? 'an' : 'a'} ${thing}`;
  report.error('empty-heading', span, `Unexpected ${what} without text, expected its name`);
  return true;
}

function nameThing(
  heading: Heading,
  body: Body | undefined,
  taken: Map<string, Span>,
  report: Report,
): { id: string; ok: boolean } {
  const setting = body?.settings.find((one) => one.name === 'id');
  const given = setting && phrasesText(setting.value);
  const id = given ?? idOf(heading.text);
  const span = setting && given !== '' ? valueSpan(setting) : heading.span;
  const refused = { id, ok: false };
  if (reportEmpty(heading, report) || (setting && given === '')) return refused;
  if (!/^[a-z_][a-z0-9_]*$/.test(id)) {
    const message = setting
      ? `Unexpected id ${id}, expected lower-case letters, digits and _, not starting with a digit`
      : `Unexpected heading ${heading.text}, expected one with letters a to z, or an id: setting`;
    report.error('needs-id', span, message);
    return refused;
  }
  if (isReservedId(id) || (!setting && isPrototypeName(heading.text))) {
    const what = setting ? `id ${id}, which` : `heading ${heading.text}, whose id ${id}`;
    const message = `Unexpected ${what} has a meaning of its own, expected another heading or an id: setting`;
    report.error('reserved-name', span, message);
    return refused;
  }
  const before = taken.get(id);
  if (before) {
    const related = [{ span: before, message: `${id} is taken here` }];
    const message = `Unexpected second ${heading.thing} with the id ${id}, expected another heading or an id: setting`;
    report.error('taken-name', span, message, { related });
    return refused;
  }
  taken.set(id, heading.span);
  return { id, ok: true };
}

function nameType(
  heading: Heading,
  ids: Map<Heading, string>,
  types: Map<string, string>,
  taken: Map<string, Span>,
  report: Report,
): void {
  const name = heading.text;
  const folded = foldName(name);
  ids.set(heading, name);
  if (reportEmpty(heading, report)) return;
  const before = taken.get(folded);
  if (before) {
    const related = [{ span: before, message: `${name} is taken here` }];
    report.error('taken-name', heading.span, `Unexpected second type ${name}, expected another name`, { related });
    return;
  }
  taken.set(folded, heading.span);
  types.set(folded, name);
  const words = folded.split(' ');
  if (
    builtInTypes.has(folded) ||
    isPrototypeName(name) ||
    words.includes('or') ||
    /^(list|map|one) of\b/.test(folded)
  ) {
    const message = `Unexpected type name ${name}, which has a meaning of its own, expected another name`;
    report.error('reserved-name', heading.span, message);
  } else if (!/^[\p{L}_][\p{L}\p{N}\p{M}_ -]*$/u.test(name)) {
    report.error('bad-name', heading.span, `Unexpected type name ${name}, expected letters and digits`);
  }
}

export const builtInTypes: ReadonlySet<string> = new Set([
  ...['text', 'number', 'integer', 'yes/no', 'date', 'time', 'url', 'anything'],
]);

function nameDocument(outline: Outline, bodies: ReadonlyMap<Heading, Body>, report: Report): string {
  const heading = outline.title?.heading;
  if (!heading || reportEmpty(heading, report)) return 'unnamed';
  const setting = bodies.get(heading)?.settings.find((one) => one.name === 'id');
  const given = setting && phrasesText(setting.value);
  if (setting && given === '') return 'unnamed';
  const id = given ?? idOf(heading.text).replaceAll('_', '-').replace(/^-+/, '');
  if (/^[a-z0-9][a-z0-9-]*$/.test(id)) return id;
  const message = setting
    ? `Unexpected id ${id}, expected lower-case letters, digits and -`
    : `Unexpected title ${heading.text}, expected one with letters a to z, or an id: setting`;
  report.error('needs-id', setting ? valueSpan(setting) : heading.span, message);
  return 'unnamed';
}

/** The id of the thing a link leads to. Reports and returns undefined where it leads to nothing of the wanted kind. */
export function followLink(link: Link, wanted: Thing, names: Names, report: Report): string | undefined {
  const away = wanted === 'agent' || wanted === 'type' ? fileLinkOf(link.url) : undefined;
  if (away && (wanted === 'agent' || wanted === 'type')) {
    return names.others.take({ ...away, url: link.url, text: link.text, span: link.span }, wanted, report);
  }
  const heading = followToHeading(link, wanted, names, report);
  return heading && names.ids.get(heading);
}

function followToHeading(link: Link, wanted: Thing, names: Names, report: Report): Heading | undefined {
  const span = phrasesSpan([link], link.span);
  if (!link.url.startsWith('#')) {
    const message = `Unexpected link to ${link.url}, expected a link to ${article(wanted)}, such as (#name)`;
    report.error('wrong-link', span, message);
    return undefined;
  }
  const anchor = anchorOf(link.url.slice(1));
  const heading = names.anchors.get(anchor);
  if (!heading) {
    const nearest = { word: anchor, candidates: anchorsOf(wanted, names) };
    report.error('unknown-link', span, `Unexpected link to #${anchor}, expected the heading of ${article(wanted)}`, {
      nearest,
    });
    return undefined;
  }
  if (heading.thing !== wanted) {
    const related = [{ span: heading.span, message: `the link leads here, to ${article(heading.thing)}` }];
    report.error(
      'wrong-link',
      span,
      `Unexpected link to ${article(heading.thing)}, expected one to ${article(wanted)}`,
      { related },
    );
    return undefined;
  }
  return heading;
}

/** Given one by one: no more of thousands are looked through than a hint is worth. */
function* anchorsOf(wanted: Thing, names: Names): Generator<string> {
  for (const [anchor, { thing }] of names.anchors) if (thing === wanted) yield anchor;
}

function article(thing: Thing): string {
  switch (thing) {
    case 'agent':
      return 'an agent';
    case 'document':
      return 'the title';
    case 'prose':
      return 'a heading in prose';
    default:
      return `a ${thing}`;
  }
}
