/** What stands around a document that is published: what the configuration declares, and the tenant's own documents. */
import type { Declared } from '../compiler/declared-tools.ts';
import { graphSchema } from '../compiler/graph.ts';
import { linkedFiles } from '../compiler/linked-documents.ts';
import { receiptSchema } from '../compiler/receipt.ts';
import type { OtherDocument, Surroundings } from '../compiler/surroundings.ts';
import { fileLinkOf } from '../compiler/surroundings.ts';
import type { Actor, Tx } from '../prisma/open.ts';

/** Hashes of published graphs, by the files of a document's links. */
export type Pins = Readonly<Record<string, string>>;

/**
 * A link is pinned to the graph that `pins` names for its file, else to the newest version of the document whose id is
 * the file's name without `.md`. A file that leads to neither is left out: a link to it is a mistake.
 */
export async function surroundingsFor(
  tx: Tx,
  actor: Actor,
  markdown: string,
  pins: Pins,
  declared: Declared,
): Promise<Surroundings> {
  const pinned = new Map(Object.entries(pins).map(([file, hash]) => [fileLinkOf(file)?.file ?? file, hash]));
  const documents = new Map<string, OtherDocument>();
  for (const file of linkedFiles(markdown)) {
    const hash = pinned.get(file) ?? (await newestOf(tx, actor, documentIdOf(file)));
    const document = hash === undefined ? undefined : await versionOf(tx, actor, hash);
    if (document) documents.set(file, document);
  }
  return { ...declared, documents };
}

/** `../house/rules.md` is the document `rules`. */
function documentIdOf(file: string): string {
  return file.replace(/^.*\//, '').replace(/\.md$/i, '');
}

async function newestOf(tx: Tx, { tenant }: Actor, id: string): Promise<string | undefined> {
  const row = await tx.document.findUnique({
    where: { tenantId_id: { tenantId: tenant, id } },
    select: { graphHash: true },
  });
  return row?.graphHash;
}

async function versionOf(tx: Tx, { tenant }: Actor, hash: string): Promise<OtherDocument | undefined> {
  const row = await tx.graphVersion.findUnique({
    where: { tenantId_hash: { tenantId: tenant, hash } },
    select: { graph: true, receipt: true },
  });
  if (!row) return undefined;
  const graph = graphSchema.safeParse(JSON.parse(row.graph));
  const receipt = receiptSchema.safeParse(JSON.parse(row.receipt));
  // A graph of an older version of its schema cannot be taken from; a receipt that is not there leaves names.
  if (!graph.success) return undefined;
  return { graph: graph.data, hash, receipt: receipt.success ? receipt.data : undefined };
}
