/**
 * Who asks: a bearer token, of the configured issuer or an API key, and the person or service the store has for it now.
 * Every route needs one unless its config says `public`. Whatever is wrong with a token, the answer is the same 401: it tells
 * a stranger nothing. A key that is good but not for this route is told which scope it lacks.
 */
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Identity } from '../../prisma/open.ts';
import { Problem } from '../errors.ts';
import { refusalOfKey } from '../key-scopes.ts';
import type { Caller, TokenRules } from '../sign-in.ts';
import { signIn } from '../sign-in.ts';

export type { Caller, TokenRules } from '../sign-in.ts';

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | undefined;
  }
  interface FastifyContextConfig {
    /** Answers without a token. */
    public?: boolean;
  }
}

/** The person who asks. Throws on a public route: that is a mistake in the route. */
export function personOf(request: FastifyRequest): Identity {
  return callerOf(request).person;
}

export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === undefined) throw new Error('this route is public and knows no caller');
  return request.caller;
}

export const identity = fp<TokenRules>(
  async (app, rules) => {
    app.decorateRequest('caller', undefined);

    app.addHook('onRequest', async (request, reply) => {
      const { config, url } = request.routeOptions;
      if (config.public === true || request.is404) return;
      const token = bearerOf(request);
      const caller = token === undefined ? undefined : await signIn(app.store.before, rules, token);
      if (caller === undefined) {
        reply.header('www-authenticate', 'Bearer');
        throw new Problem('unauthenticated');
      }
      request.caller = caller;
      const refusal = caller.scopes && refusalOfKey(request.method, url ?? '', caller.scopes);
      if (refusal !== undefined) throw new Problem('not-permitted', { detail: refusal });
    });
  },
  { name: 'identity', dependencies: ['database'], fastify: '5.x' },
);

/** Of several Authorization headers none is taken: what stands before us may have looked at another than we would. */
function bearerOf(request: FastifyRequest): string | undefined {
  const names = request.raw.rawHeaders.filter((name, index) => index % 2 === 0 && /^authorization$/i.test(name));
  if (names.length > 1) return undefined;
  return /^Bearer ([\w.~+/=-]+)$/i.exec(request.headers.authorization ?? '')?.[1];
}
