/** Documents that link to each other, from their texts: which files a document needs, and what they are to it. */
import { compile } from './compile.ts';
import { hasMistakes } from './diagnostics.ts';
import { openText, runPasses } from './passes/run-passes.ts';
import { parseMarkdown } from './passes/split.ts';
import type { OtherDocument, Surroundings } from './surroundings.ts';
import { normalizePath } from './surroundings.ts';

/** The files that the settings and types of a document link to, as its links give them; sorted. Prose is not looked at. */
export function linkedFiles(markdown: string): string[] {
  if (!/\.md\b/i.test(markdown)) return [];
  const { source, report } = openText(markdown);
  const nodes = parseMarkdown(source, report);
  if (!nodes) return [];
  const { draft } = runPasses(nodes, source, report);
  return [...new Set(draft.others.externals.map((one) => one.path))].sort();
}

/** Documents by path, parts parted by `/`; all paths absolute, or all from one folder. */
export type DocumentTexts = ReadonlyMap<string, string>;

/** The path of the file that a document's link leads to. */
export function linkedPath(from: string, link: string): string {
  const folder = from.replace(/[^/]*$/, '');
  return normalizePath(folder + link);
}

/** Compiles what the documents link to, each once, and gives what each is to those that link to it. */
export class LinkedDocuments {
  private readonly texts: DocumentTexts;
  private readonly around: Omit<Surroundings, 'documents'>;
  private readonly links = new Map<string, readonly string[]>();
  private readonly compiled = new Map<string, OtherDocument>();

  /** `around` holds for all of them. */
  constructor(texts: DocumentTexts, around: Omit<Surroundings, 'documents'> = {}) {
    this.texts = texts;
    this.around = around;
  }

  /** For compiling the document of that path. A file that is not there is left out: a link to it is a mistake. */
  surroundingsOf(path: string): Surroundings {
    const documents = new Map<string, OtherDocument>();
    for (const link of this.linksOf(path)) {
      const target = linkedPath(path, link);
      const circle = this.wayBetween(target, path);
      if (circle) documents.set(link, { circle: [path, ...circle].map((one) => nameFrom(path, one)) });
      else if (this.texts.has(target)) documents.set(link, this.compile(target));
    }
    return { ...this.around, documents };
  }

  private compile(path: string): OtherDocument {
    const known = this.compiled.get(path);
    if (known) return known;
    const compiled = compile(this.texts.get(path) ?? '', { surroundings: this.surroundingsOf(path) });
    const { graph, hash, receipt, diagnostics } = compiled;
    const document: OtherDocument =
      graph && hash !== undefined && !hasMistakes(diagnostics)
        ? { graph, hash, receipt }
        : { mistakes: diagnostics.filter((one) => one.severity === 'error').length };
    this.compiled.set(path, document);
    return document;
  }

  private linksOf(path: string): readonly string[] {
    const known = this.links.get(path);
    if (known) return known;
    const links = linkedFiles(this.texts.get(path) ?? '');
    this.links.set(path, links);
    return links;
  }

  /** The files from the one to the other, both included, if its links lead there. */
  private wayBetween(from: string, to: string): string[] | undefined {
    const cameFrom = new Map<string, string | undefined>([[from, undefined]]);
    for (const [path] of cameFrom) {
      if (path === to) {
        const way: string[] = [];
        for (let at: string | undefined = path; at !== undefined; at = cameFrom.get(at)) way.unshift(at);
        return way;
      }
      for (const link of this.linksOf(path)) {
        const next = linkedPath(path, link);
        if (!cameFrom.has(next)) cameFrom.set(next, path);
      }
    }
    return undefined;
  }
}

/** As a link in the first document would name the other. */
function nameFrom(from: string, to: string): string {
  const folders = from.split('/').slice(0, -1);
  const parts = to.split('/');
  let common = 0;
  while (common < folders.length && common < parts.length - 1 && folders[common] === parts[common]) common += 1;
  return [...folders.slice(common).map(() => '..'), ...parts.slice(common)].join('/');
}
