/** The admin routes of the API as typed calls. */
import type { ApiCalls } from './api-calls.ts';
import { pathOf } from './api-calls.ts';
import type { CreatedKey, Group, Key, Proposal, Tenant, User } from './api-shapes.ts';
import { createdKeySchema, groupSchema, keySchema, proposalSchema, tenantSchema, userSchema } from './api-shapes.ts';

/** Every call throws ApiProblem when the API refuses, and ApiUnreachable when it cannot be asked. */
export interface AdminClient {
  tenant(): Promise<Tenant>;
  renameTenant(name: string): Promise<Tenant>;
  users(): Promise<User[]>;
  addUser(user: {
    displayName: string;
    email: string;
    subject: string;
    roles: string[];
    groups: string[];
  }): Promise<User>;
  changeUser(id: string, change: { active?: boolean; roles?: string[]; groups?: string[] }): Promise<User>;
  groups(): Promise<Group[]>;
  setGroup(name: string, roles: string[]): Promise<Group>;
  keys(): Promise<Key[]>;
  createKey(key: { service: string; scopes: string[]; expiresAt?: string }): Promise<CreatedKey>;
  revokeKey(id: string): Promise<Key>;
  /** Open ones, whose assignee is inactive or a service. */
  unattendedProposals(): Promise<Proposal[]>;
  reassign(proposal: string, person: string): Promise<Proposal>;
}

export function createAdminClient({ call, list }: Pick<ApiCalls, 'call' | 'list'>): AdminClient {
  return {
    tenant: () => call(tenantSchema, 'GET', '/admin/tenant'),
    renameTenant: (name) => call(tenantSchema, 'PATCH', '/admin/tenant', { name }),
    users: () => list(userSchema, '/admin/users'),
    addUser: (user) => call(userSchema, 'POST', '/admin/users', user),
    changeUser: (id, change) => call(userSchema, 'PATCH', pathOf('admin', 'users', id), change),
    groups: () => list(groupSchema, '/admin/groups'),
    setGroup: (name, roles) => call(groupSchema, 'PUT', pathOf('admin', 'groups', name), { roles }),
    keys: () => list(keySchema, '/admin/keys'),
    createKey: (key) => call(createdKeySchema, 'POST', '/admin/keys', key),
    revokeKey: (id) => call(keySchema, 'POST', pathOf('admin', 'keys', id, 'revoke'), {}),
    unattendedProposals: () => list(proposalSchema, '/admin/proposals'),
    reassign: (proposal, person) => call(proposalSchema, 'POST', pathOf('proposals', proposal, 'reassign'), { person }),
  };
}
