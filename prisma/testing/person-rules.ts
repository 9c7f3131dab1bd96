/** Which rows of each table are whose, within a tenant: what row-level security holds to, said without it. */
import type { Actor } from '../open.ts';

export type Row = Record<string, unknown>;
/** `grants`: of transcripts, each with the `session_id` of the one it is for. */
export type Rule = (row: Row, person: Actor, grants: readonly Row[]) => boolean;

export interface Rules {
  /** Who of the tenant sees the row. */
  seenBy: Rule;
  /** Who of those changes it, as far as their role may; everybody unless said. */
  changedBy?: Rule;
  /** The column that says in whose name it was made, where it is made in no other than the maker's. */
  maker?: string;
}

export const all: Rule = () => true;
const named =
  (column: string): Rule =>
  (row, { user }) =>
    row[column] === user;

const unset =
  (column: string): Rule =>
  (row) =>
    row[column] === null;

/** A message is read by the owner of its session, and by whom they granted it and have not taken it back from. */
const readsMessage: Rule = (row, { user }, grants) =>
  row.owner_id === user ||
  grants.some((grant) => grant.session_id === row.session_id && grant.grantee_id === user && grant.revoked_at === null);

/** All of whose rows everybody of the tenant sees, as far as the database is concerned, makes and changes. */
export const ofTheTenant = [
  ...['admin_event', 'api_key', 'artifact', 'collaborator', 'command', 'document', 'effect', 'gate', 'graph_version'],
  ...[
    'group_member',
    'membership',
    'outbox',
    'people_group',
    'proposal',
    'proposal_event',
    'read_event',
    'read_log',
    'run',
  ],
  ...['run_event', 'section', 'section_version', 'step_execution', 'step_turn', 'suggestion', 'tenant', 'user_account'],
  ...['webhook', 'webhook_delivery'],
];

/** The tables in which a row is a person's. A new one belongs in here, with its rules, or in the list above. */
export const byPerson: Record<string, Rules> = {
  confirmation: { seenBy: named('owner_id'), changedBy: named('owner_id'), maker: 'owner_id' },
  connection: { seenBy: named('user_id'), changedBy: named('user_id'), maker: 'user_id' },
  decision: { seenBy: all, maker: 'user_id' },
  // What was taken back stays so.
  gate_delegation: { seenBy: all, changedBy: unset('withdrawn_at'), maker: 'from_user_id' },
  gate_message: { seenBy: all, maker: 'user_id' },
  idempotent_request: { seenBy: named('user_id'), changedBy: named('user_id'), maker: 'user_id' },
  message: { seenBy: readsMessage, changedBy: named('owner_id'), maker: 'owner_id' },
  notification: { seenBy: all, changedBy: named('user_id') },
  session: { seenBy: all, changedBy: named('owner_id'), maker: 'owner_id' },
  session_turn: { seenBy: all, changedBy: named('owner_id'), maker: 'owner_id' },
  transcript_grant: { seenBy: all, changedBy: unset('revoked_at'), maker: 'owner_id' },
  turn_entry: { seenBy: named('owner_id'), changedBy: named('owner_id'), maker: 'owner_id' },
};
