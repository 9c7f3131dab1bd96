import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OfflineApp } from './testing/offline-app.ts';
import { openOfflineApp } from './testing/offline-app.ts';

interface Operation {
  summary?: string;
  parameters?: { name: string; in: string; required?: boolean; schema?: object }[];
  requestBody?: { content: Record<string, { schema?: object }> };
  responses: Record<string, { content?: Record<string, { schema?: object }> }>;
}

let offline: OfflineApp;
let paths: Record<string, Record<string, Operation>>;
beforeAll(async () => {
  offline = await openOfflineApp();
  paths = (await offline.app.inject('/openapi.json')).json().paths;
});
afterAll(() => offline.app.close());

const operations = () =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
  );

test('the description lists exactly the routes there are', () => {
  expect(
    operations()
      .map(({ name }) => name)
      .sort(),
  ).toEqual([
    'DELETE /admin/webhooks/{id}',
    'DELETE /connections/{tool}',
    'DELETE /proposals/{id}/collaborators/{user}',
    'GET /admin/events',
    'GET /admin/groups',
    'GET /admin/keys',
    'GET /admin/proposals',
    'GET /admin/tenant',
    'GET /admin/users',
    'GET /admin/users/{id}',
    'GET /admin/webhooks',
    'GET /admin/webhooks/{id}/deliveries',
    'GET /audit',
    'GET /audit/export',
    'GET /documents',
    'GET /documents/{id}',
    'GET /executions/{id}',
    'GET /executions/{id}/journal',
    'GET /gates',
    'GET /gates/{id}',
    'GET /graphs/{hash}',
    'GET /health',
    'GET /notifications',
    'GET /notifications/stream',
    'GET /people',
    'GET /proposals',
    'GET /proposals/{id}',
    'GET /proposals/{id}/collaborators',
    'GET /proposals/{id}/events',
    'GET /proposals/{id}/export',
    'GET /proposals/{id}/sections/{name}/diff',
    'GET /proposals/{id}/sections/{name}/versions',
    'GET /proposals/{id}/sessions',
    'GET /proposals/{id}/state/diff',
    'GET /proposals/{id}/state/versions',
    'GET /proposals/{id}/suggestions',
    'GET /proposals/{id}/suggestions/{suggestion}',
    'GET /ready',
    'GET /runs',
    'GET /runs/{id}',
    'GET /runs/{id}/events',
    'GET /runs/{id}/journal',
    'GET /runs/{id}/resume-plan',
    'GET /runs/{id}/state',
    'GET /sessions/{id}',
    'GET /sessions/{id}/events',
    'GET /sessions/{id}/messages',
    'PATCH /admin/tenant',
    'PATCH /admin/users/{id}',
    'PATCH /admin/webhooks/{id}',
    'PATCH /proposals/{id}',
    'PATCH /proposals/{id}/collaborators/{user}',
    'PATCH /proposals/{id}/state',
    'POST /admin/keys',
    'POST /admin/keys/{id}/revoke',
    'POST /admin/users',
    'POST /admin/webhooks',
    'POST /admin/webhooks/{id}/deliveries/{delivery}/resend',
    'POST /admin/webhooks/{id}/rotate',
    'POST /documents',
    'POST /documents/drafts',
    'POST /executions/{id}/cancel',
    'POST /gates/{id}/answers',
    'POST /gates/{id}/claim',
    'POST /gates/{id}/decisions',
    'POST /gates/{id}/delegate',
    'POST /gates/{id}/questions',
    'POST /gates/{id}/release',
    'POST /gates/{id}/withdraw-delegation',
    'POST /notifications/read',
    'POST /notifications/{id}/read',
    'POST /proposals',
    'POST /proposals/{id}/claim',
    'POST /proposals/{id}/reassign',
    'POST /proposals/{id}/sessions',
    'POST /proposals/{id}/share',
    'POST /proposals/{id}/suggestions',
    'POST /proposals/{id}/suggestions/{suggestion}/accept',
    'POST /proposals/{id}/suggestions/{suggestion}/reject',
    'POST /proposals/{id}/suggestions/{suggestion}/withdraw',
    'POST /runs',
    'POST /runs/{id}/abort',
    'POST /runs/{id}/cancel',
    'POST /runs/{id}/effects/{effect}/answer',
    'POST /runs/{id}/pause',
    'POST /runs/{id}/proposal',
    'POST /runs/{id}/resume',
    'POST /runs/{id}/resume-plan',
    'POST /runs/{id}/steps/{step}/retry',
    'POST /runs/{id}/steps/{step}/skip',
    'POST /runs/{id}/steps/{step}/supply',
    'POST /runs/{id}/unpause',
    'POST /sessions/{id}/confirmations/{confirmation}',
    'POST /sessions/{id}/messages',
    'POST /sessions/{id}/retry',
    'POST /sessions/{id}/stop',
    'POST /workflows/execute',
    'PUT /admin/groups/{name}',
    'PUT /connections/{tool}',
    'PUT /proposals/{id}/sections/{name}',
    'PUT /proposals/{id}/state',
  ]);
});

test('every status of every route has a schema, problems among them', () => {
  const bare: string[] = [];
  for (const { name, operation } of operations()) {
    const statuses = Object.keys(operation.responses);
    for (const needed of ['4XX', '5XX', '500', '503']) if (!statuses.includes(needed)) bare.push(`${name} ${needed}`);
    if (!statuses.some((status) => status.startsWith('2'))) bare.push(`${name} success`);
    for (const [status, { content }] of Object.entries(operation.responses)) {
      const media = Object.keys(content ?? {});
      const expected = /^[45]/.test(status) ? ['application/problem+json'] : media;
      if (media.join() !== expected.join() || (media.length === 0 && status !== '204')) bare.push(`${name} ${status}`);
      for (const { schema } of Object.values(content ?? {})) {
        if (schema === undefined || Object.keys(schema).length === 0) bare.push(`${name} ${status}`);
      }
    }
  }
  expect(bare).toEqual([]);
});

test('every path parameter, every body and a summary are described', () => {
  for (const { name, operation } of operations()) {
    expect(operation.summary, name).toMatch(/\w/);
    for (const [, parameter] of name.matchAll(/\{(\w+)\}/g)) {
      expect(operation.parameters, name).toContainEqual(
        expect.objectContaining({ name: parameter, in: 'path', required: true, schema: expect.anything() }),
      );
    }
    if (name.startsWith('POST')) expect(operation.requestBody?.content['application/json']?.schema, name).toBeDefined();
  }
});

test('the requests that create need an Idempotency-Key', () => {
  const required = operations()
    .filter(({ operation }) =>
      operation.parameters?.some((one) => one.name === 'idempotency-key' && one.required === true),
    )
    .map(({ name }) => name);
  expect(required.sort()).toEqual([
    'POST /admin/keys',
    'POST /admin/users',
    'POST /admin/webhooks',
    'POST /admin/webhooks/{id}/rotate',
    'POST /documents',
    'POST /gates/{id}/answers',
    'POST /gates/{id}/decisions',
    'POST /gates/{id}/questions',
    'POST /proposals',
    'POST /proposals/{id}/sessions',
    'POST /proposals/{id}/share',
    'POST /proposals/{id}/suggestions',
    'POST /runs',
    'POST /runs/{id}/proposal',
    'POST /runs/{id}/resume',
    'POST /sessions/{id}/messages',
  ]);
});

test('the description names no schema that it does not hold', async () => {
  const text = (await offline.app.inject('/openapi.json')).body;
  const { components = {} } = JSON.parse(text);
  for (const [, name] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"/]+)/g)) {
    expect(Object.keys(components.schemas ?? {})).toContain(name);
  }
  expect(text.match(/"\$ref":"#\/(?!components)[^"]*"/g)).toBeNull();
});
