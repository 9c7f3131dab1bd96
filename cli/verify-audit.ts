/**
 * Verifies an export of the audit line by line: each event's hash is computed again over what the line holds, each follows
 * the one before, each chain ends as its head says, and the file as its last line says. Needs nothing but the lines.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { AuditRecord } from '../prisma/audit-chains.ts';
import { auditChain, auditFormat, auditLogs } from '../prisma/audit-chains.ts';
import { faultAfter, faultAtEnd } from '../prisma/hash-chain.ts';
import { jsonIn } from './api-calls.ts';

/** Where something is not as it was appended. */
export interface AuditBreak {
  /** Such as `event 3 of the proposal log of 7f3e...`, or `line 12`. */
  place: string;
  reason: string;
}

export interface AuditVerdict {
  tenant: string;
  chains: number;
  events: number;
  /** The first of each chain, in the order of the lines; empty where everything holds. */
  breaks: AuditBreak[];
}

/** The last event of a chain, as somebody kept it. */
export interface KeptHead {
  log: string;
  thing: string;
  seq: number;
  hash: string;
}

export interface AuditVerifier {
  take(line: string): void;
  /** After the last line. */
  finish(): AuditVerdict;
  /** The heads of the chains so far. */
  heads(): KeptHead[];
  events(): number;
}

const moment = z.iso.datetime({ precision: 3 });
const text = z.string().nullable();
const lineSchema = z.discriminatedUnion('record', [
  z.object({ record: z.literal('start'), format: z.string(), tenant: z.string(), at: z.string() }),
  z.object({
    record: z.literal('event'),
    log: z.enum(auditLogs),
    thing: z.string(),
    seq: z.int(),
    at: moment,
    what: z.string(),
    person: text,
    about: text,
    sourceKey: text,
    body: text,
    prevHash: z.string(),
    hash: z.string(),
  }),
  z.object({ record: z.literal('chain'), log: z.enum(auditLogs), thing: z.string(), seq: z.int(), hash: z.string() }),
  z.object({ record: z.literal('end'), chains: z.int(), events: z.int(), digest: z.string() }),
]);
type Line = z.infer<typeof lineSchema>;
type Named = Pick<AuditRecord, 'log' | 'thing'>;

/** `kept`: heads of an earlier export, each of which must still be in its chain as it was. */
export function createAuditVerifier(kept: readonly KeptHead[] = []): AuditVerifier {
  const digest = createHash('sha256');
  const breaks: AuditBreak[] = [];
  const heads = new Map<string, KeptHead>();
  const expected = new Map(kept.filter(({ seq }) => seq > 0).map((head) => [keyOf(head), head]));
  const count = { lines: 0, chains: 0, events: 0 };
  let tenant: string | undefined;
  let open: { of: Named; last?: AuditRecord; broken: boolean } | undefined;
  let ended = false;

  function found(place: string, reason: string): void {
    breaks.push({ place, reason });
  }

  function take(raw: string): void {
    count.lines += 1;
    const here = `line ${count.lines}`;
    const parsed = lineSchema.safeParse(jsonIn(raw));
    // The last line has the digest of those before it.
    if (!ended && !(parsed.success && parsed.data.record === 'end')) digest.update(`${raw}\n`, 'utf8');
    if (ended) found(here, 'comes after the end');
    else if (!parsed.success) found(here, 'is no line of an export of the audit');
    else if ((parsed.data.record === 'start') !== (count.lines === 1)) {
      found(here, 'is not in its place: the first line is the start, and no other is');
    } else takeLine(parsed.data, here);
  }

  function takeLine(line: Line, here: string): void {
    switch (line.record) {
      case 'start':
        tenant = line.tenant;
        if (line.format !== auditFormat) found(here, `is of the format ${line.format}, expected ${auditFormat}`);
        break;
      case 'event':
        count.events += 1;
        enter(line);
        takeEvent({ ...line, tenant: tenant ?? '' });
        break;
      case 'chain':
        enter(line);
        takeHead(line);
        break;
      case 'end':
        leave();
        takeEnd(line, here);
    }
  }

  function takeEnd(end: Extract<Line, { record: 'end' }>, here: string): void {
    ended = true;
    const { chains, events } = count;
    if (end.chains !== chains || end.events !== events) {
      found(here, `counts ${end.events} events of ${end.chains} chains, there are ${events} of ${chains}`);
    } else if (end.digest !== digest.digest('hex')) found(here, 'the lines before it are not those that were exported');
  }

  /** What comes next is of this chain. */
  function enter({ log, thing }: Named): void {
    if (open?.of.log === log && open.of.thing === thing) return;
    leave();
    open = { of: { log, thing }, broken: false };
    if (heads.has(keyOf(open.of))) breakChain(`the ${nameOf(open.of)}`, 'comes twice');
  }

  /** A chain whose head has not come. */
  function leave(): void {
    if (open !== undefined) breakChain(`the ${nameOf(open.of)}`, 'its head is missing');
    open = undefined;
  }

  function breakChain(place: string, reason: string): void {
    if (open === undefined || open.broken) return;
    open.broken = true;
    found(place, reason);
  }

  function takeEvent(event: AuditRecord): void {
    if (open === undefined) return;
    const { last } = open;
    const reason = last === undefined && event.seq !== 1 ? `expected event 1` : faultAfter(last, event, auditChain);
    if (reason !== undefined) breakChain(`event ${event.seq} of the ${nameOf(event)}`, reason);
    open.last = event;
    const before = expected.get(keyOf(event));
    if (before?.seq !== event.seq) return;
    expected.delete(keyOf(event));
    if (before.hash !== event.hash)
      breakChain(`event ${event.seq} of the ${nameOf(event)}`, 'is not the one of the earlier export');
  }

  function takeHead({ log, thing, seq, hash }: KeptHead & Named): void {
    count.chains += 1;
    const reason = faultAtEnd(open?.last, { seq, headHash: hash });
    if (reason !== undefined) breakChain(`the end of the ${nameOf({ log, thing })}`, reason);
    heads.set(keyOf({ log, thing }), { log, thing, seq, hash });
    open = undefined;
  }

  return {
    take,
    finish() {
      leave();
      if (!ended) found(`line ${count.lines}`, 'is the last there is, expected the end: the export was cut off');
      for (const head of expected.values()) {
        found(`event ${head.seq} of the ${nameOf(head)}`, 'is in the earlier export, and is not there any more');
      }
      return { tenant: tenant ?? '', chains: count.chains, events: count.events, breaks };
    },
    heads: () => [...heads.values()],
    events: () => count.events,
  };
}

const keyOf = ({ log, thing }: { log: string; thing: string }): string => JSON.stringify([log, thing]);

function nameOf({ log, thing }: { log: string; thing: string }): string {
  if (log === 'admin') return 'admin log';
  return log === 'read' ? `log of who read ${thing}` : `log of ${log} ${thing}`;
}
