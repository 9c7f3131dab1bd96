import { expect, test } from 'vitest';
import { readEnv } from './env.ts';

const usable = {
  DATABASE_URL: 'postgresql://waymark_api:secret@127.0.0.1:5432/waymark',
  TEMPORAL_ADDRESS: '127.0.0.1:7233',
  WAYMARK_TOKEN_ISSUER: 'https://login.example',
  WAYMARK_JWKS_URL: 'https://login.example/keys',
};

test('a usable environment is read with its defaults, and empty variables count as unset', () => {
  expect(readEnv({ ...usable, WAYMARK_WEB_UI_URL: '', SHELL: '/bin/sh' })).toEqual({
    ...usable,
    NODE_ENV: 'development',
    HOST: '127.0.0.1',
    PORT: 3000,
    LOG_LEVEL: 'info',
    DATABASE_CONNECTIONS: 20,
    TEMPORAL_NAMESPACE: 'default',
    WAYMARK_TOKEN_AUDIENCE: 'waymark',
    WAYMARK_PRACTICE: false,
    WAYMARK_WEBHOOK_PRIVATE_HOSTS: [],
    WAYMARK_WEBHOOK_DELIVERY_DAYS: 30,
  });
});

test('private hosts of webhooks are names by comma', () => {
  const read = (text: string) =>
    readEnv({ ...usable, WAYMARK_WEBHOOK_PRIVATE_HOSTS: text }).WAYMARK_WEBHOOK_PRIVATE_HOSTS;
  expect(read('Hooks.internal, 10.0.0.7')).toEqual(['hooks.internal', '10.0.0.7']);
  expect(read(' , ')).toEqual([]);
});

test('deliveries of webhooks are kept for a whole number of days, at least one', () => {
  const read = (text: string) => readEnv({ ...usable, WAYMARK_WEBHOOK_DELIVERY_DAYS: text });
  expect(read('7').WAYMARK_WEBHOOK_DELIVERY_DAYS).toBe(7);
  for (const text of ['0', '1.5', 'a week']) expect(() => read(text)).toThrow('  WAYMARK_WEBHOOK_DELIVERY_DAYS: ');
});

test('everything wrong is named at once, and no value is shown', () => {
  const { DATABASE_URL: _gone, ...rest } = usable;
  expect(() => readEnv({ ...rest, TEMPORAL_ADDRESS: 'secret-host', PORT: '99999' })).toThrow(
    [
      "The API's environment is not usable:",
      '  PORT: Too big: expected number to be <=65535',
      '  DATABASE_URL: is not set',
      '  TEMPORAL_ADDRESS: expected host:port',
    ].join('\n'),
  );
});

test('tokens come from exactly one place', () => {
  const { WAYMARK_JWKS_URL: _gone, ...rest } = usable;
  const expected = '  WAYMARK_JWKS_URL: expected exactly one of WAYMARK_JWKS_URL and WAYMARK_DEVELOPMENT_ISSUER';
  expect(() => readEnv(rest)).toThrow(expected);
  expect(() => readEnv({ ...usable, WAYMARK_DEVELOPMENT_ISSUER: '/keys' })).toThrow(expected);
});

test('keys of an unnamed issuer are refused', () => {
  const { WAYMARK_TOKEN_ISSUER: _gone, ...rest } = usable;
  expect(() => readEnv(rest)).toThrow('  WAYMARK_TOKEN_ISSUER: expected the issuer whose keys WAYMARK_JWKS_URL holds');
});

test('production refuses the development issuer, practice, and keys over plain http', () => {
  const { WAYMARK_JWKS_URL: _gone, ...rest } = usable;
  const production = { ...rest, NODE_ENV: 'production' };
  expect(() => readEnv({ ...production, WAYMARK_DEVELOPMENT_ISSUER: '/keys' })).toThrow(
    '  WAYMARK_DEVELOPMENT_ISSUER: not allowed when NODE_ENV is production',
  );
  expect(() => readEnv({ ...usable, NODE_ENV: 'production', WAYMARK_PRACTICE: 'true' })).toThrow(
    '  WAYMARK_PRACTICE: not allowed when NODE_ENV is production',
  );
  expect(() => readEnv({ ...production, WAYMARK_JWKS_URL: 'http://login.example/keys' })).toThrow(
    '  WAYMARK_JWKS_URL: expected https when NODE_ENV is production',
  );
});
