/**
 * The public keys of an issuer, from its JWKS address. They are asked for anew every ten minutes, and for a token that
 * names a key not known yet, so an issuer may change its keys at any time; but never twice within the cool-down, so that
 * tokens with made-up key names ask the issuer for nothing.
 */
import type { JWTVerifyGetKey } from 'jose';
import { createRemoteJWKSet, customFetch, errors } from 'jose';
import { Problem } from './errors.ts';

export interface IssuerKeyTimes {
  /** A key that the issuer withdrew is trusted at most this long, in milliseconds. */
  freshMs: number;
  /** Between two answers of the issuer that unknown keys are the reason of, in milliseconds. */
  coolDownMs: number;
  /** After the issuer failed to answer, in milliseconds. */
  failedMs: number;
}

const defaultTimes: IssuerKeyTimes = { freshMs: 600_000, coolDownMs: 30_000, failedMs: 5_000 };

/** What is wrong with the token and not with the issuer. */
const faultsOfTheToken = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported];

/** @returns a function for jwtVerify that throws Problem unavailable when the issuer is needed and does not answer */
export function issuerKeys(url: URL, times: Partial<IssuerKeyTimes> = {}): JWTVerifyGetKey {
  const { freshMs, coolDownMs, failedMs } = { ...defaultTimes, ...times };
  let failedAt = Number.NEGATIVE_INFINITY;
  const keys = createRemoteJWKSet(url, {
    cacheMaxAge: freshMs,
    cooldownDuration: coolDownMs,
    timeoutDuration: 5_000,
    [customFetch]: async (address, options) => {
      if (performance.now() - failedAt < failedMs) throw new Problem('unavailable');
      const response = await fetch(address, options).catch((error: unknown) => {
        failedAt = performance.now();
        throw error;
      });
      if (response.status !== 200) failedAt = performance.now();
      return response;
    },
  });
  return (header, token) =>
    keys(header, token).catch((error: unknown) => {
      throw faultsOfTheToken.some((fault) => error instanceof fault) ? error : new Problem('unavailable');
    });
}
