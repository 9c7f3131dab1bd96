import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  ConfigurationProblem,
  configurationJsonSchema,
  millisecondsOf,
  missingValues,
  parseConfiguration,
  readConfiguration,
  withValues,
} from './configuration.ts';

const place = (name: string) => `$\{${name}}`;

const tool = {
  effect: 'write',
  description: 'Pays',
  http: { method: 'POST', url: `${place('BANK')}/transfers`, headers: { authorization: `Bearer ${place('TOKEN')}` } },
  input: { type: 'object' },
  output: {},
  idempotency: { keptFor: '24 hours' },
};

const parse = (value: unknown) => parseConfiguration(JSON.stringify(value), 'waymark.config.json');

test('what is not said has its default', () => {
  expect(parse({ tools: { pay: tool } })).toEqual({
    models: {},
    allowedHosts: [],
    tools: { pay: { as: 'service', ...tool, idempotency: { header: 'Idempotency-Key', keptFor: '24 hours' } } },
  });
});

test('every mistake of a file is named with the file and its place', () => {
  const wrong = {
    allowedHost: [],
    tools: {
      pay: { ...tool, idempotency: { keptFor: 'a day' }, http: { ...tool.http, url: 'bank/transfers' } },
      look: { ...tool, effect: 'read' },
    },
  };
  expect(() => parse(wrong)).toThrow(
    [
      'waymark.config.json is not a valid configuration:',
      '  tools.pay.http.url: Unexpected address, expected http://, https:// or ${NAME} at its start',
      '  tools.pay.idempotency.keptFor: Unexpected duration, expected words such as `24 hours`',
      '  tools.look.idempotency: Unexpected idempotency of a read, expected it on writes only',
      '  (whole file): Unrecognized key: "allowedHost"',
    ].join('\n'),
  );
});

test('a file that is not there or not JSON is named', async () => {
  await expect(readConfiguration('/nowhere/waymark.config.json')).rejects.toThrow(
    /^\/nowhere\/waymark\.config\.json is not a valid configuration:\n {2}it cannot be read: /,
  );
  expect(() => parseConfiguration('{', 'x.json')).toThrow(ConfigurationProblem);
});

test('values of the surroundings are put in their places, and those without a value are found', () => {
  expect(withValues(`${place('BANK')}/a/${place('NONE')}`, { BANK: 'http://bank' })).toBe(
    `http://bank/a/${place('NONE')}`,
  );
  expect(missingValues(parse({ tools: { pay: tool } }), { BANK: 'http://bank' })).toEqual(['TOKEN']);
});

test.each([
  ['3 seconds', 3000],
  ['1 minute', 60_000],
  ['24 hours', 86_400_000],
  ['2 days', 172_800_000],
])('%s is %d milliseconds', (words, milliseconds) => {
  expect(millisecondsOf(words)).toBe(milliseconds);
});

test('the published schema is the one that is enforced', () => {
  const published: unknown = JSON.parse(readFileSync(new URL('./configuration.schema.json', import.meta.url), 'utf8'));
  expect(published).toEqual(configurationJsonSchema());
});
