import { describe, expect, test } from 'vitest';
import type { Reach, Resolve } from './reach.ts';
import { addressesOf, faultOf, isPublic, OutOfReach, resolveWithin } from './reach.ts';
import { sendMessage } from './send-message.ts';

const production: Reach = { privateHosts: ['hooks.internal', '10.1.2.3'], loopback: false };
const development: Reach = { privateHosts: [], loopback: true };

test('only addresses of the open internet are public', () => {
  const everywhere = ['8.8.8.8', '1.1.1.1', '172.15.255.255', '172.32.0.0', '192.167.255.255', '2606:4700::1111'];
  const nowhere = [
    ...['0.0.0.0', '10.0.0.1', '100.64.0.1', '127.0.0.1', '127.255.255.255', '169.254.169.254', '172.16.0.1'],
    ...['172.31.255.255', '192.0.0.8', '192.168.1.1', '198.18.0.1', '203.0.113.9', '224.0.0.1', '255.255.255.255'],
    ...['::', '::1', 'fe80::1', 'fc00::1', 'fd00:ec2::254', 'ff02::1', '2001:db8::1', '2002:a00:1::1', '2001::1'],
    ...['::ffff:127.0.0.1', '::ffff:8.8.8.8', '64:ff9b::a00:1', '::7f00:1'],
  ];
  expect(everywhere.filter((address) => !isPublic(address))).toEqual([]);
  expect(nowhere.filter(isPublic)).toEqual([]);
});

describe('the address of a webhook', () => {
  test.each([
    'https://example.com/hooks?tenant=1',
    'https://example.com:8443/',
    'https://8.8.8.8/',
    'https://[2606:4700::1111]/',
    'https://hooks.internal/',
    'https://10.1.2.3/',
  ])('%s is taken in production', (url) => expect(faultOf(url, production)).toBeUndefined());

  test.each([
    ['no address', 'Expected a complete address, such as https://example.com/hooks'],
    ['http://example.com/', 'Expected https'],
    ['http://127.0.0.1/', 'Expected https'],
    ['http://hooks.internal/', 'Expected https'],
    ['file:///etc/passwd', 'Expected https'],
    ['https://user@example.com/', 'Expected no credentials in the address'],
    ['https://:secret@example.com/', 'Expected no credentials in the address'],
    ['https://localhost/', 'Expected a public address'],
    ['https://api.localhost/', 'Expected a public address'],
    ['https://127.0.0.1/', 'Expected a public address'],
    ['https://2130706433/', 'Expected a public address'],
    ['https://0x7f.1/', 'Expected a public address'],
    ['https://[::1]/', 'Expected a public address'],
    ['https://[::ffff:10.0.0.1]/', 'Expected a public address'],
    ['https://169.254.169.254/latest/meta-data', 'Expected a public address'],
    ['https://10.1.2.4/', 'Expected a public address'],
  ])('%s is refused in production: %s', (url, fault) => expect(faultOf(url, production)).toBe(fault));

  test('outside production this machine may be reached, over http too, and no other private address', () => {
    for (const url of ['http://127.0.0.1:9/', 'http://localhost:9/', 'http://[::1]:9/', 'https://localhost/']) {
      expect([url, faultOf(url, development)]).toEqual([url, undefined]);
    }
    expect(faultOf('http://example.com/', development)).toBe('Expected https, or http to this machine');
    expect(faultOf('http://10.0.0.1/', development)).toBe('Expected https, or http to this machine');
    expect(faultOf('https://10.0.0.1/', development)).toBe('Expected a public address');
  });
});

describe('what a name leads to', () => {
  const signal = new AbortController().signal;
  const leadsTo =
    (...addresses: string[]): Resolve =>
    async () =>
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const found = (name: string, resolve: Resolve, reach = production) =>
    addressesOf(new URL(`https://${name}/`), reach, resolve, signal).then(
      (all) => all.map(({ address }) => address),
      (problem: unknown) => (problem instanceof OutOfReach ? problem.code : problem),
    );

  test('is connected to when all of it is public', async () => {
    expect(await found('example.com', leadsTo('8.8.8.8', '2606:4700::1111'))).toEqual(['8.8.8.8', '2606:4700::1111']);
  });

  test('is refused when any of it is private', async () => {
    for (const address of ['10.0.0.1', '127.0.0.1', '169.254.169.254', '::1', 'fd00::1', '::ffff:10.0.0.1']) {
      expect([address, await found('example.com', leadsTo('8.8.8.8', address))]).toEqual([
        address,
        'address-not-allowed',
      ]);
    }
  });

  test('may be private where the configuration names the host, and there alone', async () => {
    expect(await found('hooks.internal', leadsTo('10.0.0.1'))).toEqual(['10.0.0.1']);
    expect(await found('HOOKS.internal', leadsTo('10.0.0.1'))).toEqual(['10.0.0.1']);
    expect(await found('other.internal', leadsTo('10.0.0.1'))).toBe('address-not-allowed');
  });

  test('is nothing where there is none, or the name server fails', async () => {
    expect(await found('example.com', leadsTo())).toBe('not-resolved');
    expect(await found('example.com', () => Promise.reject(new Error('SERVFAIL')))).toBe('not-resolved');
  });

  test('is asked of the machine too, where the configuration names the host', async () => {
    const known = await resolveWithin({ privateHosts: ['localhost'], loopback: false })('localhost', signal);
    expect(known.map(({ address }) => address).filter((one) => one !== '127.0.0.1' && one !== '::1')).toEqual([]);
    expect(known.length).toBeGreaterThan(0);
  });

  test('is asked for once for a request: a name that leads elsewhere a moment later leads nowhere', async () => {
    let asked = 0;
    const rebinding: Resolve = async () => {
      asked += 1;
      return [{ address: asked === 1 ? '10.0.0.1' : '127.0.0.1', family: 4 }];
    };
    const message = { url: new URL('https://example.com/'), headers: {}, body: '{}' };
    const sending = { reach: production, resolve: rebinding, signal };
    expect(await sendMessage(message, sending)).toEqual({ failure: 'address-not-allowed' });
    expect(asked).toBe(1);
  });
});
