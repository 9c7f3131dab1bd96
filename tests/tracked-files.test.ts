import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const checkout = fileURLToPath(new URL('..', import.meta.url));

/** What belongs to one machine or one package mirror, in pieces, so that this file does not find itself. */
const foreign = new RegExp(
  [
    ['registry', 'npmjs'].join('\\.'),
    ['files', 'pythonhosted'].join('\\.'),
    ['pypi', 'org'].join('\\.'),
    ['deb', 'debian', 'org'].join('\\.'),
    ['', '(work/(main|shared)|home/[a-z]+|Users/[A-Za-z]+|root)', ''].join('/'),
  ].join('|'),
);

function foreignLines(text: string): string[] {
  return text.split('\n').flatMap((line, index) => (foreign.test(line) ? [`${index + 1}: ${line.trim()}`] : []));
}

test('a line that names a mirror or a folder of one machine is found', () => {
  const planted = [
    'fine',
    `see https://${'registry'}.npmjs.org/x`,
    `cd /${'work'}/main/api`,
    `/${'home'}/ann/x`,
    '/workflows/main',
  ];
  expect(foreignLines(planted.join('\n')).map((line) => line.split(':')[0])).toEqual(['2', '3', '4']);
});

test('no tracked file names a package mirror or a folder of one machine', () => {
  const listed = execFileSync('git', ['ls-files', '-z'], { cwd: checkout, encoding: 'utf8' }).split('\0');
  const tracked = listed.filter((path) => path !== '' && existsSync(join(checkout, path)));
  expect(tracked).toContain('package.json');
  const found = tracked.flatMap((path) =>
    foreignLines(readFileSync(join(checkout, path), 'utf8')).map((line) => `${path}:${line}`),
  );
  expect(found).toEqual([]);
});
