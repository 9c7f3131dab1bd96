/**
 * Where a webhook may lead: addresses of the open internet, over https. What it leads to is looked up before each request,
 * and the connection goes to what was looked up: a name that leads elsewhere a moment later leads nowhere.
 */
import { lookup, Resolver } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';

export interface Reach {
  /** Names of hosts, in lower case, that may be reached although their addresses are private. */
  privateHosts: readonly string[];
  /** Whether this machine's own addresses may be, over http too. Never in production. */
  loopback: boolean;
}

export interface Address {
  address: string;
  family: 4 | 6;
}

/** Every address of a host. Rejects when there is none, and when `signal` is aborted. */
export type Resolve = (host: string, signal: AbortSignal) => Promise<Address[]>;

/** Why a request is not made. `code` is what is kept of it. */
export class OutOfReach extends Error {
  override readonly name = 'OutOfReach';
  readonly code: 'address-not-allowed' | 'not-resolved';
  constructor(code: OutOfReach['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** IANA's special-purpose blocks, multicast and reserved: nothing there is anybody's public server. */
const special = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  special.addSubnet(network, prefix, 'ipv4');
}
/** Within 2000::/3, which is all that is handed out: these hold an IPv4 address of any kind, or are for examples. */
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  special.addSubnet(network, prefix, 'ipv6');
}
const handedOut = new BlockList();
handedOut.addSubnet('2000::', 3, 'ipv6');

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 4 ? 'ipv4' : 'ipv6');

export function isPublic(address: string): boolean {
  const family = familyOf(address);
  if (special.check(address, family)) return false;
  return family === 'ipv4' || handedOut.check(address, family);
}

/** As in an address of the Web, without the brackets of an IPv6 one. */
const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').toLowerCase();

const isLocalName = (host: string): boolean => host === 'localhost' || host.endsWith('.localhost');

function mayReach(host: string, address: string, reach: Reach): boolean {
  if (isPublic(address) || reach.privateHosts.includes(host)) return true;
  return reach.loopback && loopback.check(address, familyOf(address));
}

/** What is wrong with an address, as far as it can be told without looking its host up; undefined when nothing is. */
export function faultOf(text: string, reach: Reach): string | undefined {
  if (!URL.canParse(text)) return 'Expected a complete address, such as https://example.com/hooks';
  const url = new URL(text);
  const host = hostOf(url);
  const local = isLocalName(host) || (isIP(host) !== 0 && loopback.check(host, familyOf(host)));
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && local && reach.loopback)) {
    return reach.loopback ? 'Expected https, or http to this machine' : 'Expected https';
  }
  if (url.username !== '' || url.password !== '') return 'Expected no credentials in the address';
  const fits = isIP(host) === 0 ? !isLocalName(host) || reach.loopback : mayReach(host, host, reach);
  return fits || reach.privateHosts.includes(host) ? undefined : 'Expected a public address';
}

/**
 * The addresses to connect to. One that may not be reached among them refuses all.
 * @throws OutOfReach
 */
export async function addressesOf(url: URL, reach: Reach, resolve: Resolve, signal: AbortSignal): Promise<Address[]> {
  const fault = faultOf(url.href, reach);
  if (fault !== undefined) throw new OutOfReach('address-not-allowed', fault);
  const host = hostOf(url);
  const found = await foundOf(host, resolve, signal);
  const refused = found.find(({ address }) => !mayReach(host, address, reach));
  if (refused !== undefined) {
    throw new OutOfReach('address-not-allowed', `Unexpected ${refused.address} of ${host}, expected public addresses`);
  }
  return found;
}

async function foundOf(host: string, resolve: Resolve, signal: AbortSignal): Promise<Address[]> {
  const literal = isIP(host);
  if (literal !== 0) return [{ address: host, family: literal === 4 ? 4 : 6 }];
  if (isLocalName(host)) {
    return [
      { address: '127.0.0.1', family: 4 },
      { address: '::1', family: 6 },
    ];
  }
  const found = await resolve(host, signal).catch(() => []);
  if (found.length === 0) throw new OutOfReach('not-resolved', `${host} has no address`);
  return found;
}

/**
 * Asks the machine's name servers, and for hosts that the configuration names also the machine, which has names of its own.
 * Not the machine for all: the few threads of `dns.lookup` are everybody's, and a name server that does not answer would
 * keep them.
 */
export const resolveWithin =
  ({ privateHosts }: Reach): Resolve =>
  async (host, signal) => {
    const found = await askNameServers(host, signal);
    if (found.length > 0 || !privateHosts.includes(host)) return found;
    const known = await lookup(host, { all: true });
    return known.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
  };

const askNameServers: Resolve = async (host, signal) => {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  const cancel = () => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const [four, six] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const known = (answer: PromiseSettledResult<string[]>, family: 4 | 6): Address[] =>
      answer.status === 'fulfilled' ? answer.value.map((address) => ({ address, family })) : [];
    return [...known(four, 4), ...known(six, 6)];
  } finally {
    signal.removeEventListener('abort', cancel);
  }
};
