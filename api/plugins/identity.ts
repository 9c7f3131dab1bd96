/**
 * Who asks: a bearer token that the configured issuer signed for this audience, and the person the store has for its
 * subject now. Every route needs one unless its config says `public`. Whatever is wrong with a token, the answer is the
 * same 401: it tells a stranger nothing.
 */
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { JWTVerifyGetKey } from 'jose';
import { errors, jwtVerify } from 'jose';
import type { Identity } from '../../prisma/open.ts';
import { Problem } from '../errors.ts';

export interface TokenRules {
  issuer: string;
  audience: string;
  /** The issuer's public keys. */
  keys: JWTVerifyGetKey;
}

/** The caller of one request. */
export interface Caller {
  person: Identity;
  /** Of the token: it proves nothing after this. */
  expiresAt: Date;
  /** The person as the store has them now; undefined when they are gone or inactive. */
  again(): Promise<Identity | undefined>;
}

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

const algorithms = ['EdDSA', 'RS256', 'ES256'];

export const identity = fp<TokenRules>(
  async (app, { issuer, audience, keys }) => {
    app.decorateRequest('caller', undefined);

    async function findCaller(header: string | undefined): Promise<Caller | undefined> {
      const token = /^Bearer ([\w.~+/=-]+)$/i.exec(header ?? '')?.[1];
      if (token === undefined) return undefined;
      const verified = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms,
        requiredClaims: ['sub', 'exp'],
        clockTolerance: 5,
      }).catch((error: unknown) => {
        if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError)) throw error;
        return undefined;
      });
      const { sub, exp } = verified?.payload ?? {};
      if (sub === undefined || exp === undefined) return undefined;
      const again = async () => {
        const person = await app.store.before.identify(issuer, sub);
        return person?.active === true ? person : undefined;
      };
      const person = await again();
      return person && { person, expiresAt: new Date(exp * 1_000), again };
    }

    app.addHook('onRequest', async (request, reply) => {
      if (request.routeOptions.config.public === true || request.is404) return;
      const caller = await findCaller(request.headers.authorization);
      if (caller === undefined) {
        reply.header('www-authenticate', 'Bearer');
        throw new Problem('unauthenticated');
      }
      request.caller = caller;
    });
  },
  { name: 'identity', dependencies: ['database'], fastify: '5.x' },
);
