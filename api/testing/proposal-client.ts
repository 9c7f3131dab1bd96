/** Asking for proposals as one person or another: short enough for tests that do it all the time. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import type { ApiFixture } from './api-fixture.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface ProposalClient {
  /** A POST goes with a new Idempotency-Key. */
  call(method: Method, url: string, user: string, payload?: object, headers?: object): Promise<LightMyRequestResponse>;
  /** The body of a GET that is answered with 200. */
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads of it, it asserts
  get(url: string, user: string): Promise<any>;
  put(id: string, section: string, content: unknown, version: number, user: string): Promise<LightMyRequestResponse>;
}

/** `apps`: of the fixture's database, which are asked in turn; the fixture's own unless said. */
export function proposalClient(fixture: ApiFixture, apps: readonly FastifyInstance[] = [fixture.app]): ProposalClient {
  let requests = 0;
  const next = () => apps[requests++ % apps.length] ?? fixture.app;
  const call: ProposalClient['call'] = async (method, url, user, payload, headers = {}) =>
    next().inject({
      method,
      url,
      headers: { ...(await fixture.as(user, method === 'POST' ? randomUUID() : undefined)), ...headers },
      ...(payload === undefined ? {} : { payload }),
    });
  return {
    call,
    async get(url, user) {
      const response = await call('GET', url, user);
      if (response.statusCode !== 200) throw new Error(response.body);
      return response.json();
    },
    put: (id, section, content, version, user) =>
      call('PUT', `/proposals/${id}/sections/${encodeURIComponent(section)}`, user, { content }, at(version)),
  };
}

/** The headers that name the version that was read. */
export const at = (version: number) => ({ 'if-match': `"${version}"` });

/** Status, and of a problem the end of its type. */
export function outcome(response: LightMyRequestResponse): [number, string?] {
  const { type } = response.json<{ type?: string }>();
  return type === undefined ? [response.statusCode] : [response.statusCode, type.replace('urn:waymark:problem:', '')];
}
