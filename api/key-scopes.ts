/**
 * What an API key may ask for: each route it may reach with the scopes it needs, all of them. A route that is not here is
 * for people: a key can no more decide a gate, write a transcript or make another key than it can sign in as somebody.
 */
import type { KeyScope } from '../prisma/api-keys.ts';

export const scopesByRoute: Readonly<Record<string, readonly KeyScope[]>> = {
  'GET /documents': ['documents:read'],
  'GET /documents/:id': ['documents:read'],
  'GET /graphs/:hash': ['documents:read'],
  'POST /documents': ['documents:write'],
  'POST /documents/drafts': ['documents:write'],
  'GET /runs': ['runs:read'],
  'GET /runs/:id': ['runs:read'],
  'GET /runs/:id/state': ['runs:read'],
  'GET /runs/:id/events': ['runs:read'],
  'GET /runs/:id/journal': ['runs:read'],
  'GET /executions/:id': ['runs:read'],
  'GET /executions/:id/journal': ['runs:read'],
  'POST /runs': ['runs:write'],
  'POST /runs/:id/cancel': ['runs:write'],
  'GET /runs/:id/resume-plan': ['runs:write'],
  'POST /runs/:id/resume-plan': ['runs:write'],
  'POST /runs/:id/resume': ['runs:write'],
  'POST /runs/:id/abort': ['runs:write'],
  'POST /runs/:id/pause': ['runs:write'],
  'POST /runs/:id/unpause': ['runs:write'],
  'POST /runs/:id/effects/:effect/answer': ['runs:write'],
  'POST /runs/:id/steps/:step/retry': ['runs:write'],
  'POST /runs/:id/steps/:step/supply': ['runs:write'],
  'POST /runs/:id/steps/:step/skip': ['runs:write'],
  'POST /executions/:id/cancel': ['runs:write'],
  // It may bring a graph, and so publish one.
  'POST /workflows/execute': ['runs:write', 'documents:write'],
  'GET /gates': ['gates:read'],
  'GET /gates/:id': ['gates:read'],
  'GET /people': ['people:read'],
  'GET /admin/users': ['people:admin'],
  'GET /admin/users/:id': ['people:admin'],
  'POST /admin/users': ['people:admin'],
  'PATCH /admin/users/:id': ['people:admin'],
  'GET /admin/groups': ['people:admin'],
  'PUT /admin/groups/:name': ['people:admin'],
  'GET /audit': ['audit:read'],
  'GET /audit/export': ['audit:read'],
};

/** @returns why a key with these scopes may not ask for the route, in words for whoever holds it; undefined when it may. */
export function refusalOfKey(method: string, route: string, scopes: readonly string[]): string | undefined {
  // Fastify answers HEAD wherever it answers GET.
  const needed = scopesByRoute[`${method === 'HEAD' ? 'GET' : method} ${route}`];
  if (needed === undefined) return 'This is for people: no API key may ask for it.';
  const lacking = needed.filter((scope) => !scopes.includes(scope));
  return lacking.length === 0 ? undefined : `The API key lacks the scope ${lacking.join(' and ')}.`;
}
