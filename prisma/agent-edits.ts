/**
 * What an agent changes of a proposal as its session's owner: written where they may and nobody was faster, and otherwise
 * left as their suggestion. Nobody's content is written over unseen.
 */
import type { DefinitionCache } from '../compiler/proposal-definition.ts';
import type { Json } from '../compiler/types.ts';
import type { Actor, Tx } from './act-as.ts';
import type { Patch } from './json-patch.ts';
import { applyJsonPatch } from './json-patch.ts';
import { readContents, readDigests, writeCompleted } from './proposal-contents.ts';
import type { SeenProposal } from './proposal-rights.ts';
import { findProposal, mayEdit, sectionNamed, sightOf } from './proposal-rights.ts';
import { holdProposal } from './proposals.ts';
import { putSuggestion } from './suggestions.ts';

export type AgentEdit = {
  /** A section's name; empty for the state. */
  section: string;
  /** Digest of the content that was read; null where there was none. */
  base: string | null;
  /** Leaves a suggestion also where the owner may edit. */
  suggest?: boolean;
} & (
  | {
      /** In the place of what is there. */
      content: Json;
    }
  | {
      /** Of the content that was read. */
      patch: Patch;
    }
);

export type AgentEdited =
  | { did: 'wrote'; section: string; version: number; digest: string }
  | { did: 'suggested'; section: string; suggestion: string; status: 'open' | 'stale' }
  | { did: 'nothing'; why: string };

export interface EditOf {
  proposal: string;
  /** The turn of the session it comes from. */
  turn: string;
  /** The assignee epoch under which the work began; undefined of work that begins now. */
  epoch?: number;
}

/** Holds the proposal until the transaction ends. */
export async function editOrSuggest(
  tx: Tx,
  definitions: DefinitionCache,
  actor: Actor,
  of: EditOf,
  edit: AgentEdit,
): Promise<AgentEdited> {
  const { tenant } = actor;
  // Looked at before it is held: a stranger does not make others wait.
  const known = await findProposal(tx, tenant, of.proposal);
  if (!known || !(await sightOf(tx, actor, known))) return nothing('You have no access to the proposal.');
  const seen = await sightOf(tx, actor, await holdProposal(tx, tenant, of.proposal));
  if (!seen) return nothing('You have no access to the proposal.');
  const { proposal } = seen;
  if (proposal.status !== 'open') return nothing('The proposal is closed.');
  const section = sectionNamed(proposal, edit.section);
  if (!section) return nothing('There is no such section. Read the proposal for its sections.');
  const { name } = section;
  const definition = definitions.load(proposal.definition);
  if (definition.field(name)?.computed !== undefined) return nothing('This section is computed, nobody writes it.');
  if (!(await wasThere(tx, seen, name, section.digest, edit.base))) {
    return nothing('Expected as base the digest of content that you read. Read the proposal again.');
  }
  const contents = await readContents(tx, tenant, proposal.sections);
  const proposed = await proposedBy(tx, tenant, edit);
  if ('why' in proposed) return nothing(proposed.why);
  const completed = definition.complete(name, proposed.content, contents);
  if (!completed.ok) {
    return nothing(completed.violations.map(({ path, message }) => `${path || 'content'}: ${message}`).join('; '));
  }
  if (edit.suggest !== true && edit.base === section.digest && mayEdit(seen, section) && isOfEpoch(seen, section, of)) {
    const from = { source: 'session', sourceId: of.turn } as const;
    const written = await writeCompleted(tx, actor, proposal, completed.contents, name, from);
    const { lockVersion: version, digest } = sectionNamed(written, name) ?? section;
    return { did: 'wrote', section: name, version, digest: digest ?? '' };
  }
  const made = await putSuggestion(tx, actor, proposal, {
    kind: name === '' ? 'patch' : 'replace',
    body: name === '' ? (patchOf(edit) as Json) : proposed.content,
    section,
    base: edit.base,
  });
  return { did: 'suggested', section: name, suggestion: made.id, status: made.status === 'stale' ? 'stale' : 'open' };
}

/** What the edit would have there, of what its author read. */
async function proposedBy(tx: Tx, tenant: string, edit: AgentEdit): Promise<{ content: Json } | { why: string }> {
  if ('content' in edit) return { content: edit.content };
  const read = edit.base === null ? undefined : (await readDigests(tx, tenant, [edit.base])).get(edit.base);
  const done = applyJsonPatch(read, edit.patch);
  return done.ok ? { content: done.value } : { why: `patch[${done.index}]: ${done.message}` };
}

const patchOf = (edit: AgentEdit): Patch =>
  'patch' in edit ? edit.patch : [{ op: 'replace', path: '', value: edit.content }];

/** A section with an owner of its own is theirs, whoever the assignee is. */
function isOfEpoch(
  { proposal }: SeenProposal,
  section: { ownerId: string | null; ownerRole: string | null },
  { epoch }: EditOf,
): boolean {
  return (
    section.ownerId !== null || section.ownerRole !== null || epoch === undefined || epoch === proposal.assigneeEpoch
  );
}

async function wasThere(
  tx: Tx,
  { proposal }: SeenProposal,
  section: string,
  current: string | null,
  base: string | null,
): Promise<boolean> {
  if (base === current || base === null) return true;
  const of = { tenantId: proposal.tenantId, proposalId: proposal.id, section };
  return (await tx.sectionVersion.count({ where: { ...of, digest: base } })) > 0;
}

const nothing = (why: string): AgentEdited => ({ did: 'nothing', why });
