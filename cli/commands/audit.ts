/** The audit: its entries, its export, and whether its chains are as they were written. */
import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { AuditClient } from '../audit-client.ts';
import { createAuditClient } from '../audit-client.ts';
import type { ConnectionOptions } from '../connection.ts';
import { findConnection } from '../connection.ts';
import { unreadable } from '../document-files.ts';
import { CommandFailure, exitCodes, WrongUsage } from '../failures.ts';
import { linesOf } from '../lines.ts';
import { showRows } from '../show-rows.ts';
import type { AuditVerdict, AuditVerifier, KeptHead } from '../verify-audit.ts';
import { createAuditVerifier } from '../verify-audit.ts';
import type { World } from '../world.ts';

/** Of long work is told how far it is, after so many events each. */
const tellEvery = 50_000;
/** Places that are named, at most. */
const mostBreaks = 20;

const connectToAudit = (options: ConnectionOptions, world: World): AuditClient =>
  createAuditClient(findConnection(options, world));

export interface ListAuditOptions extends ConnectionOptions {
  person?: string;
  thing?: string;
  log?: string;
  kind?: string;
  from?: string;
  to?: string;
  limit: string;
  json?: boolean;
}

export async function listAudit(options: ListAuditOptions, world: World): Promise<number> {
  const { person, thing, log, kind, from, to, limit } = options;
  const said = { person, thing, log, kind, from: momentIn(from), to: momentIn(to), limit };
  const filter = Object.fromEntries(
    Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  const entries = await connectToAudit(options, world).newest(filter);
  return showRows(world, options, entries, ['when', 'who', 'did what', 'of', '', 'event'], (entry) => [
    entry.at,
    entry.person ?? '',
    entry.kind,
    entry.thing,
    entry.about ?? '',
    String(entry.seq),
  ]);
}

/** @throws WrongUsage */
function momentIn(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const moment = new Date(text);
  if (!Number.isNaN(moment.getTime())) return moment.toISOString();
  throw new WrongUsage(`Unexpected time ${text}, expected one such as 2027-01-31 or 2027-01-31T12:00:00Z.`);
}

/** @throws CommandFailure when the export does not come to its end; the file is then left as it was */
export async function exportAudit(name: string, options: ConnectionOptions, world: World): Promise<number> {
  const client = connectToAudit(options, world);
  const file = resolve(world.cwd, name);
  const growing = `${file}.part`;
  const verifier = createAuditVerifier();
  const handle = await open(growing, 'w', 0o600).catch((error: unknown) => {
    throw new WrongUsage(`${name} cannot be written: ${error instanceof Error ? error.message : error}.`);
  });
  let ended = false;
  try {
    for await (const line of watched(client.exportLines(world.interrupted), verifier, world)) {
      await handle.write(`${line}\n`);
      ended = line.startsWith('{"record":"end"');
    }
    if (!ended) throw new CommandFailure('The export ended before its last line: the API gave up. Ask it again.');
    await handle.close();
    await rename(growing, file);
  } finally {
    await handle.close();
    await rm(growing, { force: true });
  }
  const verdict = verifier.finish();
  world.terminal.print(`Wrote ${countOf(verdict)} to ${name}.`);
  return tell(verdict, world);
}

export interface VerifyAuditOptions extends ConnectionOptions {
  file?: string;
  since?: string;
}

export async function verifyAudit(options: VerifyAuditOptions, world: World): Promise<number> {
  const kept = options.since === undefined ? [] : await headsIn(options.since, world);
  const verifier = createAuditVerifier(kept);
  const lines =
    options.file === undefined
      ? connectToAudit(options, world).exportLines(world.interrupted)
      : linesIn(options.file, world);
  for await (const _line of watched(lines, verifier, world));
  return tell(verifier.finish(), world);
}

/** Of an export that itself holds. @throws CommandFailure of one that does not: nothing can be held against it */
async function headsIn(name: string, world: World): Promise<KeptHead[]> {
  const verifier = createAuditVerifier();
  for await (const _line of watched(linesIn(name, world), verifier, world));
  const [first] = verifier.finish().breaks;
  if (first === undefined) return verifier.heads();
  throw new CommandFailure(`${name} is not as it was exported: ${first.place}: ${first.reason}.`);
}

/** @throws WrongUsage naming the file, which cannot be read or is something else */
async function* linesIn(name: string, world: World): AsyncGenerator<string> {
  const pieces = name === '-' ? world.streams.stdin : createReadStream(resolve(world.cwd, name));
  const lines = linesOf(bytesOf(pieces));
  for (let isFirst = true; ; isFirst = false) {
    const next = await lines.next().catch((error: unknown) => {
      throw unreadable(name, error);
    });
    if (next.done) return;
    if (isFirst && !next.value.startsWith('{"record":')) {
      throw new WrongUsage(`${name} is no export of the audit, expected lines that begin with {"record":.`);
    }
    yield next.value;
  }
}

async function* bytesOf(pieces: NodeJS.ReadableStream): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield typeof piece === 'string' ? Buffer.from(piece, 'utf8') : piece;
}

/** Hands each line to the verifier, and tells how far it is. */
async function* watched(
  lines: AsyncIterable<string>,
  verifier: AuditVerifier,
  { terminal, interrupted }: World,
): AsyncGenerator<string> {
  let told = 0;
  for await (const line of lines) {
    interrupted.throwIfAborted();
    verifier.take(line);
    yield line;
    const events = verifier.events();
    if (events < told + tellEvery) continue;
    told = events;
    terminal.complain(`${events} events ...`, 'quiet');
  }
}

function tell(verdict: AuditVerdict, { terminal }: World): number {
  const { breaks } = verdict;
  const [first, ...more] = breaks;
  if (first === undefined) {
    terminal.print(`All is as it was written: ${countOf(verdict)}.`, 'good');
    return exitCodes.done;
  }
  terminal.complain(`Not as it was written: ${first.place}: ${first.reason}.`, 'bad');
  for (const { place, reason } of more.slice(0, mostBreaks - 1)) terminal.complain(`Also: ${place}: ${reason}.`);
  if (breaks.length > mostBreaks) terminal.complain(`And ${breaks.length - mostBreaks} places more.`);
  terminal.complain(`Looked at ${countOf(verdict)}.`);
  return exitCodes.failed;
}

const countOf = ({ events, chains, tenant }: AuditVerdict): string =>
  `${events} ${events === 1 ? 'event' : 'events'} of ${chains} ${chains === 1 ? 'chain' : 'chains'} of the tenant ${tenant}`;
