/**
 * Things for random requests to be about: runs that wait, failed or were cancelled, proposals with sessions, suggestions and
 * questions, and what belongs to an admin. Without them nearly every request with an id would be told that there is none.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { checkout } from './checks.ts';

/** Values by the name of a list, for `schemathesis.toml`. */
export type Known = Record<string, string[]>;

/** How often a value that is known is taken, rather than a random one. */
const probability = 0.8;
/** Of what others are to be asked about too: some are cancelled, handed over or closed soon. */
const spares = 6;

/** Which list a parameter takes its values from, by the beginning of the path. The more special first. */
const bindings: readonly { path: string; parameters: Record<string, string> }[] = [
  { path: '^/documents/', parameters: { 'path.id': 'documents' } },
  { path: '^/graphs/', parameters: { 'path.hash': 'graphs' } },
  { path: '^/(runs|workflows/execute|proposals)$', parameters: { 'body.document': 'documents' } },
  { path: '^/runs/', parameters: { 'path.id': 'runs', 'path.step': 'steps' } },
  { path: '^/executions/', parameters: { 'path.id': 'runs' } },
  { path: '^/gates/', parameters: { 'path.id': 'gates', 'body.subject': 'subjects', 'body.person': 'people' } },
  {
    path: '^/proposals/',
    parameters: {
      'path.id': 'proposals',
      'path.name': 'sections',
      'path.user': 'people',
      'path.suggestion': 'suggestions',
      'body.person': 'people',
      'body.section': 'sections',
      'body.base': 'digests',
      'header.if-match': 'versions',
      'body.mode': 'modes',
      'body.status': 'states',
    },
  },
  { path: '^/sessions/', parameters: { 'path.id': 'sessions', 'path.confirmation': 'confirmations' } },
  { path: '^/notifications/', parameters: { 'path.id': 'notifications' } },
  { path: '^/admin/webhooks/', parameters: { 'path.id': 'webhooks' } },
  { path: '^/admin/keys/', parameters: { 'path.id': 'keys' } },
  { path: '^/admin/users/', parameters: { 'path.id': 'people' } },
];

/** As the person of this token, who becomes the assignee of what is made. */
export async function makeTargets(apiUrl: string, token: string, me: string): Promise<Known> {
  const call = async <T>(
    method: string,
    path: string,
    body?: object,
    more: Record<string, string> = {},
  ): Promise<T> => {
    const response = await fetch(apiUrl + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        'idempotency-key': randomUUID(),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...more,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  };
  const post = <T = { id: string }>(path: string, body: object = {}) => call<T>('POST', path, body);
  const start = async (example: string, { input = {}, practice }: { input?: object; practice?: object } = {}) => {
    const file = (name: string) => readFile(join(checkout, 'examples', example, name), 'utf8');
    const published = await post<Published>('/documents', { markdown: await file('document.md') });
    const { id } = await post('/runs', {
      document: published.document,
      input: { ...JSON.parse(await file('input.json')), ...input },
      practice: practice ?? JSON.parse(await file('practice.json')),
    });
    return { ...published, id };
  };
  const until = async <T>(look: () => Promise<T | undefined>): Promise<T> => {
    for (;;) {
      const seen = await look();
      if (seen !== undefined) return seen;
      await wait(100);
    }
  };
  const gateOf = ({ id }: { id: string }) =>
    until(async () => {
      const run = await call<{ status: string; waiting: { gate: string }[] }>('GET', `/runs/${id}`);
      const [first] = run.waiting;
      if (run.status === 'waiting' && first)
        return call<{ id: string; subject: string }>('GET', `/gates/${first.gate}`);
      if (run.status !== 'running') throw new Error(`The run of a practice script is ${run.status}, expected waiting`);
      return undefined;
    });

  const several = <T>(make: () => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: spares }, make));
  const claims = await several(() => start('expense-approval'));
  const failing = await several(() => start('expense-approval', { practice: { steps: {} } }));
  const cancelled = await start('expense-approval');
  await post(`/runs/${cancelled.id}/cancel`);
  const talks = await several(() => start('quotation', { input: { seller: me } }));
  const gates = await Promise.all([...claims, ...talks].map(gateOf));

  const people = ['an', 'mai', 'minh'];
  const proposals = await Promise.all(
    talks.map(async ({ id: run }) => {
      const { id } = await post(`/runs/${run}/proposal`);
      const path = `/proposals/${id}`;
      await post(`${path}/share`, { person: people[0], mode: 'reviewer', transcript: true });
      const { sections } = await call<{ sections: Section[] }>('GET', path);
      const offer = sections.find(({ name }) => name === 'What we offer');
      const suggestions = [
        { kind: 'replace', section: offer?.name, base: offer?.digest, content: 'Less.' },
        { kind: 'comment', text: 'Is it enough?' },
      ].map(async (body) => (await post(`${path}/suggestions`, body)).id);
      const session = await post(`${path}/sessions`);
      // In the words of the practice model.
      await post(`/sessions/${session.id}/messages`, { text: 'share with minh' });
      const confirmation = await until(async () => {
        const { asks } = await call<{ asks: { id: string }[] }>('GET', `/sessions/${session.id}`);
        return asks[0]?.id;
      });
      return { id, sections, suggestions: await Promise.all(suggestions), session: session.id, confirmation };
    }),
  );
  const notified = await call<{ items: { id: string }[] }>('GET', '/notifications');
  const webhook = await post('/admin/webhooks', { url: 'http://127.0.0.1:9/told' });
  const key = await post('/admin/keys', { service: 'billing', scopes: ['runs:read'] });
  const published = [...claims.slice(0, 1), ...talks.slice(0, 1)];
  return {
    documents: published.map(({ document }) => document),
    graphs: published.map(({ graphHash }) => graphHash),
    runs: [...claims, ...failing, cancelled, ...talks].map(({ id }) => id),
    steps: ['read_the_receipt', 'talk_it_over', 'pay'],
    gates: gates.map(({ id }) => id),
    subjects: gates.map(({ subject }) => subject),
    proposals: proposals.map(({ id }) => id),
    sections: (proposals[0]?.sections ?? []).map(({ name }) => name),
    digests: [...new Set(proposals.flatMap(({ sections }) => sections.flatMap(({ digest }) => digest ?? [])))],
    versions: ['"0"', '"1"', '"2"'],
    // Whoever hands a proposal over, or closes it, has less to do with it from then on.
    modes: ['reviewer'],
    states: ['open'],
    suggestions: proposals.flatMap(({ suggestions }) => suggestions),
    sessions: proposals.map(({ session }) => session),
    confirmations: proposals.map(({ confirmation }) => confirmation),
    people,
    notifications: notified.items.map(({ id }) => id),
    webhooks: [webhook.id],
    keys: [key.id],
  };
}

interface Published {
  document: string;
  graphHash: string;
}
interface Section {
  name: string;
  digest?: string | null;
}

/** The text of `schemathesis.toml`. Lists without a value, and what takes from them, are left out. */
export function configurationOf(known: Known): string {
  const lists = Object.entries(known).filter(([, values]) => values.length > 0);
  const has = new Set(lists.map(([name]) => name));
  return [
    ...lists.map(([name, values]) => `[dictionaries.${name}]\nvalues = ${JSON.stringify(values)}\n`),
    ...bindings.flatMap(({ path, parameters }) => {
      const bound = Object.entries(parameters).filter(([, list]) => has.has(list));
      if (bound.length === 0) return [];
      const lines = bound.map(([name, list]) => `"${name}" = { dictionary = "${list}", probability = ${probability} }`);
      return [
        `[[operations]]\ninclude-path-regex = ${JSON.stringify(path)}\n[operations.parameters]\n${lines.join('\n')}\n`,
      ];
    }),
  ].join('\n');
}
