/**
 * The language server: what an editor asks by the Language Server Protocol, answered by `compiler/editor`. Places are
 * zero-based here and one-based in the compiler; both count UTF-16 units.
 */
import type {
  CompletionItem,
  Connection,
  Diagnostic,
  DocumentSymbol,
  Hover,
  InitializeParams,
  InitializeResult,
  Location,
  Position,
  Range,
} from 'vscode-languageserver';
import {
  CompletionItemKind,
  DiagnosticSeverity,
  MarkupKind,
  SymbolKind,
  TextDocumentSyncKind,
  TextDocuments,
} from 'vscode-languageserver';
import { TextDocument } from 'vscode-languageserver-textdocument';
import type { Diagnostic as Mistake } from '../compiler/diagnostics.ts';
import type { Analysis } from '../compiler/editor/analyze.ts';
import { analyze, isDocument } from '../compiler/editor/analyze.ts';
import type { Completion } from '../compiler/editor/complete.ts';
import { complete } from '../compiler/editor/complete.ts';
import type { OutlineEntry } from '../compiler/editor/document-outline.ts';
import { documentOutline } from '../compiler/editor/document-outline.ts';
import { lookAt } from '../compiler/editor/look-at.ts';
import type { Point, SourceText, Span } from '../compiler/source-text.ts';
import type { Surroundings } from '../compiler/surroundings.ts';
import manifest from '../package.json' with { type: 'json' };

/** How long typing must pause before diagnostics are sent, in milliseconds: keys that arrive together are answered once. */
const pauseMs = 5;

/** What stands around the document of an address; `open` gives the text of one that is open in the editor. */
export type SurroundingsOf = (
  uri: string,
  markdown: string,
  open: (uri: string) => string | undefined,
) => Promise<Surroundings>;

/** Answers everything but the connection's own opening and closing; call `connection.listen()` after it. */
export function serveEditor(connection: Connection, surroundingsFor: SurroundingsOf): void {
  const documents = new TextDocuments(TextDocument);
  const known = new Map<string, { version: number; analysis: Analysis }>();
  const surroundings = new Map<string, Surroundings>();
  const waiting = new Map<string, NodeJS.Timeout>();
  let takesRelated = false;

  const analysisOf = (document: TextDocument): Analysis => {
    const before = known.get(document.uri);
    if (before?.version === document.version) return before.analysis;
    const analysis = analyze(document.getText(), before?.analysis, surroundings.get(document.uri));
    known.set(document.uri, { version: document.version, analysis });
    return analysis;
  };

  /** The analysis of an open document that is one of ours; other Markdown gets no answers. */
  const ours = (uri: string): Analysis | undefined => {
    const document = documents.get(uri);
    const analysis = document && analysisOf(document);
    return analysis?.findings && analysis.findings.outline.sections.size > 0 ? analysis : undefined;
  };

  /** Looks again at what stands around the document, which may have changed on disk or in another window. */
  const refresh = async (document: TextDocument): Promise<void> => {
    const found = await surroundingsFor(document.uri, document.getText(), (uri) => documents.get(uri)?.getText());
    const before = surroundings.get(document.uri);
    surroundings.set(document.uri, found);
    // What was made of this text may be another thing now.
    const stale = known.get(document.uri);
    if (stale && before !== found) known.set(document.uri, { version: -1, analysis: stale.analysis });
  };

  const publish = async (document: TextDocument): Promise<void> => {
    await refresh(document);
    // Closed, or typed on, while files were read.
    if (documents.get(document.uri)?.version !== document.version) return;
    const analysis = analysisOf(document);
    const mistakes = isDocument(analysis) ? analysis.diagnostics : [];
    const diagnostics = mistakes.map((one) => toDiagnostic(one, document.uri, takesRelated));
    void connection.sendDiagnostics({ uri: document.uri, version: document.version, diagnostics });
  };

  connection.onInitialize((params: InitializeParams): InitializeResult => {
    takesRelated = params.capabilities.textDocument?.publishDiagnostics?.relatedInformation === true;
    return {
      serverInfo: { name: 'waymark', version: manifest.version },
      capabilities: {
        textDocumentSync: TextDocumentSyncKind.Incremental,
        completionProvider: { triggerCharacters: [' ', '[', '#', '`', '.', '|'] },
        hoverProvider: true,
        definitionProvider: true,
        documentSymbolProvider: true,
      },
    };
  });

  documents.onDidChangeContent(({ document }) => {
    clearTimeout(waiting.get(document.uri));
    const later = (): void => {
      waiting.delete(document.uri);
      void publish(document);
    };
    waiting.set(document.uri, setTimeout(later, pauseMs));
  });
  documents.onDidClose(({ document }) => {
    clearTimeout(waiting.get(document.uri));
    waiting.delete(document.uri);
    known.delete(document.uri);
    surroundings.delete(document.uri);
    void connection.sendDiagnostics({ uri: document.uri, diagnostics: [] });
  });

  connection.onCompletion(({ textDocument, position }): CompletionItem[] => {
    const analysis = ours(textDocument.uri);
    return analysis
      ? complete(analysis, toPoint(position)).map((one, rank) => toItem(one, rank, position, analysis))
      : [];
  });
  connection.onHover(({ textDocument, position }): Hover | null => {
    const analysis = ours(textDocument.uri);
    const found = analysis && lookAt(analysis, toPoint(position));
    if (!found) return null;
    const contents = { kind: MarkupKind.Markdown, value: found.description };
    return { contents, range: toRange(found.span, analysis.source) };
  });
  connection.onDefinition(({ textDocument, position }): Location | null => {
    const analysis = ours(textDocument.uri);
    const declaredAt = analysis && lookAt(analysis, toPoint(position))?.declaredAt;
    return declaredAt ? { uri: textDocument.uri, range: toRange(declaredAt, analysis.source) } : null;
  });
  connection.onDocumentSymbol(({ textDocument }): DocumentSymbol[] => {
    const analysis = ours(textDocument.uri);
    return analysis ? documentOutline(analysis).map((one) => toSymbol(one, analysis.source)) : [];
  });
  documents.listen(connection);
}

function toPoint({ line, character }: Position): Point {
  return { line: line + 1, column: character + 1 };
}

function toPosition({ line, column }: Point): Position {
  return { line: line - 1, character: column - 1 };
}

function toRange(span: Span, source: SourceText): Range {
  return { start: toPosition(source.point(span.start)), end: toPosition(source.point(span.end)) };
}

function toDiagnostic(mistake: Mistake, uri: string, takesRelated: boolean): Diagnostic {
  const { code, severity, message, line, column, endLine, endColumn, related, hint } = mistake;
  const advice = hint === undefined ? '' : ` (did you mean ${hint}?)`;
  return {
    range: { start: toPosition({ line, column }), end: toPosition({ line: endLine, column: endColumn }) },
    severity: severity === 'error' ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning,
    code,
    source: 'waymark',
    message: message + advice,
    ...(takesRelated &&
      related.length > 0 && {
        relatedInformation: related.map((one) => {
          const at = toPosition(one);
          return { location: { uri, range: { start: at, end: at } }, message: one.message };
        }),
      }),
  };
}

const itemKinds: Readonly<Record<Completion['kind'], CompletionItemKind>> = {
  setting: CompletionItemKind.Property,
  step: CompletionItemKind.Reference,
  agent: CompletionItemKind.Reference,
  type: CompletionItemKind.Struct,
  value: CompletionItemKind.Variable,
  field: CompletionItemKind.Field,
  function: CompletionItemKind.Function,
  word: CompletionItemKind.Keyword,
};

function toItem(completion: Completion, rank: number, position: Position, { lines }: Analysis): CompletionItem {
  const { label, kind, detail, documentation, text, from } = completion;
  const start = { line: position.line, character: from - 1 };
  const typed = (lines[position.line] ?? '').slice(from - 1, position.character);
  return {
    label,
    kind: itemKinds[kind],
    // Editors sort by this; what they match with the typed text is the label, or the link where one has been begun.
    sortText: String(rank).padStart(5, '0'),
    filterText: /^[[#`]/.test(typed) ? text : label,
    textEdit: { range: { start, end: position }, newText: text },
    ...(detail !== undefined && { detail }),
    ...(documentation !== undefined && { documentation: { kind: MarkupKind.Markdown, value: documentation } }),
  };
}

const symbolKinds: Readonly<Record<OutlineEntry['thing'], SymbolKind>> = {
  document: SymbolKind.File,
  section: SymbolKind.Namespace,
  agent: SymbolKind.Class,
  type: SymbolKind.Struct,
  step: SymbolKind.Function,
  prose: SymbolKind.String,
};

function toSymbol(entry: OutlineEntry, source: SourceText): DocumentSymbol {
  return {
    name: entry.name,
    kind: symbolKinds[entry.thing],
    range: toRange(entry.span, source),
    selectionRange: toRange(entry.headingSpan, source),
    children: entry.children.map((child) => toSymbol(child, source)),
    ...(entry.detail !== undefined && { detail: entry.detail }),
  };
}
