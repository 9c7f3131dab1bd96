import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { sha256Hex } from '../../compiler/canonical.ts';
import { formatDiagnostic } from '../../compiler/diagnostics.ts';
import type { DraftOfDocument, DraftProgress } from '../../compiler/drafting/draft-document.ts';
import { draftDocument } from '../../compiler/drafting/draft-document.ts';
import type { DraftReceipt } from '../../compiler/drafting/draft-receipt.ts';
import { draftReceiptSchema } from '../../compiler/drafting/draft-receipt.ts';
import { draftModel } from '../../models/draft-model.ts';
import { parseJson, readDocument } from '../document-files.ts';
import { modelToAsk } from '../draft-model.ts';
import { exitCodes, WrongUsage } from '../failures.ts';
import { plainLine } from '../plain-text.ts';
import type { SurroundingsOptions } from '../surroundings.ts';
import { surroundingsOf } from '../surroundings.ts';
import { unifiedDiff } from '../unified-diff.ts';
import type { World } from '../world.ts';

export interface DraftCommandOptions extends SurroundingsOptions {
  out?: string;
  receipt?: string;
  model?: string;
  overwrite?: boolean;
}

/** A model on a small machine is slow; after five minutes without a first byte, Node ends a request by itself. */
const timeoutMs = 290_000;

/**
 * The draft on stdout: what differs from the document it goes to, else the whole. It is written only where `--out` says,
 * and only if it compiles; the receipt is kept also of a draft that could not be finished.
 */
export async function draftCommand(path: string, options: DraftCommandOptions, world: World): Promise<number> {
  const { terminal } = world;
  const { name, markdown: prose, folder } = await readDocument(path, world);
  // What the page links to is not what the document will link to.
  const page = { name, markdown: prose, ...(folder !== undefined && { folder }) };
  const surroundings = await surroundingsOf(page, options, world);
  const asked = modelToAsk(options.model, surroundings, world.env);
  const files = filesOf(options);
  const previous = files.receipt === undefined ? undefined : await receiptIn(files.receipt, world);
  const before = files.out === undefined ? undefined : await textIn(files.out, world);
  if (before !== undefined && !options.overwrite && sha256Hex(before) !== previous?.document) {
    const how = previous ? 'somebody has edited it since it was drafted' : `no receipt says that it was drafted`;
    throw new WrongUsage(`${files.out} is there already, and ${how}. Say --overwrite to write it all the same.`);
  }
  const draft = await draftDocument(prose, draftModel({ ...asked, timeoutMs, signal: world.interrupted }), {
    surroundings,
    agentModel: asked.agentModel,
    onAsk: (progress) => terminal.complain(progressText(progress, asked.model), 'quiet'),
    ...(previous && { previous }),
  });
  if (files.receipt !== undefined) await write(files.receipt, `${JSON.stringify(draft.receipt, null, 2)}\n`, world);
  terminal.print(shownText(draft, before, files.out));
  terminal.complain(receiptText(draft.receipt), 'quiet');
  if (world.interrupted.aborted) return exitCodes.interrupted;
  if (draft.graph === undefined) {
    tellProblems(draft, world);
    return exitCodes.failed;
  }
  for (const one of draft.diagnostics) terminal.complain(formatDiagnostic(one, files.out ?? '<draft>', draft.markdown));
  if (files.out !== undefined && draft.markdown !== before) {
    await write(files.out, draft.markdown, world);
    terminal.complain(`Wrote ${files.out}. Nothing is published: read it first.`);
  }
  return exitCodes.done;
}

/** Unsaid, the receipt is kept beside the document: `document.draft.json` for `document.md`. */
function filesOf({ out, receipt }: DraftCommandOptions): { out?: string; receipt?: string } {
  const kept = receipt ?? out?.replace(/(?:\.draft)?(?:\.md)?$/i, '.draft.json');
  return { ...(out !== undefined && { out }), ...(kept !== undefined && { receipt: kept }) };
}

/** Undefined for a file that is not there. @throws WrongUsage for one that cannot be read */
async function textIn(name: string, { cwd }: World): Promise<string | undefined> {
  return readFile(resolve(cwd, name), 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new WrongUsage(`${name} cannot be read: ${error instanceof Error ? error.message : error}.`);
  });
}

async function receiptIn(name: string, world: World): Promise<DraftReceipt | undefined> {
  const text = await textIn(name, world);
  if (text === undefined) return undefined;
  const read = draftReceiptSchema.safeParse(parseJson(text, name));
  if (read.success) return read.data;
  const [first] = read.error.issues;
  const where = first?.path.map(String).join('.') || 'the whole file';
  throw new WrongUsage(
    `${name} is no receipt of a draft: ${where}: ${first?.message}. Without it every section is asked.`,
  );
}

async function write(name: string, text: string, { cwd }: World): Promise<void> {
  await writeFile(resolve(cwd, name), text).catch((error: unknown) => {
    throw new WrongUsage(`${name} cannot be written: ${error instanceof Error ? error.message : error}.`);
  });
}

const ordinals = ['second', 'third', 'fourth'];

function progressText({ title, number, of, round }: DraftProgress, model: string): string {
  const section = title === '' ? 'the beginning' : plainLine(title);
  const again = round === 1 ? '' : ` again, for the ${ordinals[round - 2] ?? `${round}th`} time`;
  return `Asking ${plainLine(model)} about ${section}${again} (${number} of ${of})`;
}

function shownText({ markdown }: DraftOfDocument, before: string | undefined, out = ''): string {
  if (before === undefined) return markdown.replace(/\n$/, '');
  return before === markdown ? `${out} is as it would be drafted.` : unifiedDiff(before, markdown, out);
}

function receiptText({ sections, rounds, tokensIn, tokensOut }: DraftReceipt): string {
  const known = sections.filter((one) => one.by && !one.asked).length;
  const unchanged = known === 0 ? '' : `${known === 1 ? '1 section was' : `${known} sections were`} known. `;
  if (rounds === 0) return `${unchanged}Nothing was asked.`;
  return `${unchanged}Asked in ${rounds === 1 ? '1 round' : `${rounds} rounds`}: ${tokensIn} tokens in, ${tokensOut} out.`;
}

function tellProblems({ problems, failure }: DraftOfDocument, { terminal }: World): void {
  for (const problem of problems) terminal.complain(problem);
  if (failure) terminal.complain(`The model brought no answer (${failure.class}): ${failure.detail}`);
  terminal.complain(
    'The draft is not a document yet, and none was written: mend it by hand, say more in the page, or try again.',
  );
}
