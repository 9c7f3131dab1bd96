/**
 * What a turn has done, recorded in the transaction that does it: a reply of the model before anything is done about it, a
 * change of the proposal together with the answer that tells of it. A later attempt goes on behind the last entry.
 */
import type { Json } from '../../compiler/types.ts';
import { digestOf } from '../../prisma/artifacts.ts';
import type { Tx } from '../../prisma/open.ts';
import { findProposal, sightOf } from '../../prisma/proposal-rights.ts';
import type { NewMessage } from '../../prisma/sessions.ts';
import { appendMessage } from '../../prisma/sessions.ts';
import type { Dependencies } from '../dependencies.ts';
import type { TurnClaim, TurnEnd, TurnRow } from './claim-turn.ts';
import { endTurn, holdTurn } from './claim-turn.ts';

/** Another attempt has taken the turn over, or it has ended: nothing more is written by this one. */
export class TurnLost extends Error {
  override readonly name = 'TurnLost';
}

/** Its owner asked for it to stop. */
export class TurnStopped extends Error {
  override readonly name = 'TurnStopped';
}

/** Its owner is inactive, or sees the proposal no more: nobody is asked and nothing is read or done for them. */
export class AccessLost extends Error {
  override readonly name = 'AccessLost';
}

/** What was recorded was asked differently. */
export class JournalConflict extends Error {
  override readonly name = 'JournalConflict';
}

export interface Recorded {
  source: string;
  latencyMs: number;
  tokensIn?: number;
  tokensOut?: number;
  costUsd?: number;
  /** Of a tool that was called before this is recorded, and whatever its owner may since. */
  evenIfStopping?: true;
}

export class TurnJournal {
  private readonly deps: Dependencies;
  private readonly claim: TurnClaim;
  private position = 0;

  constructor(deps: Dependencies, claim: TurnClaim) {
    this.deps = deps;
    this.claim = claim;
  }

  /** The next entry, where an earlier attempt recorded it. @throws JournalConflict */
  recorded(kind: 'model' | 'tool', request: Json): Json | undefined {
    const entry = this.claim.entries[this.position];
    if (entry === undefined) return undefined;
    if (entry.kind !== kind || entry.requestDigest !== this.digest(request)) throw new JournalConflict();
    this.position += 1;
    return entry.response;
  }

  /**
   * Does `work` and records what it gives, both or neither. @throws TurnLost; of a tool, TurnStopped and AccessLost before it is called
   */
  async record(
    kind: 'model' | 'tool',
    request: Json,
    { evenIfStopping, ...by }: Recorded,
    work: (tx: Tx) => Promise<{ response: Json; say?: NewMessage; untrusted?: boolean; done?: boolean }>,
  ): Promise<Json> {
    const { actor, session, turn } = this.claim;
    const seq = this.position;
    const response = await this.fenced(async (tx, row) => {
      if (kind === 'tool' && !evenIfStopping) await this.mayGoOn(tx, row);
      const { response, say, untrusted, done } = await work(tx);
      await tx.turnEntry.create({
        data: {
          tenantId: actor.tenant,
          turnId: turn,
          ownerId: actor.user,
          seq,
          kind,
          requestDigest: this.digest(request),
          response: JSON.stringify(response),
          ...by,
          latencyMs: Math.round(by.latencyMs),
          at: this.deps.clock(),
        },
      });
      const { tokensIn = 0, tokensOut = 0, costUsd = 0 } = by;
      await tx.sessionTurn.update({
        where: { tenantId_id: { tenantId: actor.tenant, id: turn } },
        data: {
          tokens: { increment: tokensIn + tokensOut },
          costUsd: { increment: costUsd },
          ...(untrusted ? { untrusted: true } : {}),
        },
      });
      if (say) await appendMessage(tx, actor, session, say);
      if (done) await endTurn(tx, actor, row, { state: 'done' });
      return response;
    });
    this.position += 1;
    return response;
  }

  /** Before anything outside is asked. @throws TurnLost; TurnStopped; AccessLost */
  async goOn(): Promise<void> {
    await this.fenced((tx, row) => this.mayGoOn(tx, row));
  }

  /** Appends to the transcript what is being written. Tells whether the owner asked for the turn to stop. */
  async piece(body: string | undefined): Promise<{ stopping: boolean }> {
    const { actor, session, turn } = this.claim;
    return this.fenced(async (tx, row) => {
      if (body) await appendMessage(tx, actor, session, { author: 'agent', kind: 'piece', turn, body });
      return { stopping: row.stopping };
    });
  }

  /** Ends the turn; what was written of a text stays. */
  async end(end: TurnEnd, written = ''): Promise<void> {
    const { actor, session, turn } = this.claim;
    await this.fenced(async (tx, row) => {
      if (written !== '')
        await appendMessage(tx, actor, session, { author: 'agent', kind: 'text', turn, body: written });
      await endTurn(tx, actor, row, end);
    });
  }

  private async mayGoOn(tx: Tx, { stopping }: TurnRow): Promise<void> {
    if (stopping) throw new TurnStopped();
    const { actor, proposal: id } = this.claim;
    const proposal = await findProposal(tx, actor.tenant, id);
    if (!proposal || !(await sightOf(tx, actor, proposal))) throw new AccessLost();
  }

  private async fenced<T>(work: (tx: Tx, row: TurnRow) => Promise<T>): Promise<T> {
    const { actor, fence } = this.claim;
    return this.deps.store.actAs(actor, async (tx) => {
      const row = await holdTurn(tx, actor, this.claim);
      if (row?.state !== 'running' || row.fence !== fence) throw new TurnLost();
      return work(tx, row);
    });
  }

  private digest(request: Json): string {
    return digestOf(this.claim.artifactKey, { turn: this.claim.turn, seq: this.position, request });
  }
}
