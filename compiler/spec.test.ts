import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import GithubSlugger from 'github-slugger';
import { describe, expect, test } from 'vitest';
import { compile } from './compile.ts';
import { macros } from './expressions/ast.ts';
import { functions } from './expressions/functions.ts';
import { settingNames } from './passes/setting-names.ts';
import { simpleKinds } from './types.ts';

const page = readFileSync(join(import.meta.dirname, 'spec.md'), 'utf8');
const fences = [...page.matchAll(/^```markdown(?: wrong ([a-z-]+))?\n([\s\S]*?)^```$/gm)];

describe("the authors' reference", () => {
  const prose = page.replace(/^```[\s\S]*?^```$/gm, '');

  test('names every setting', () => {
    const isNamed = (name: string) => new RegExp(`(?:\`|\`\` )${name}[\`:]`).test(prose);
    expect([...settingNames].filter((name) => !isNamed(name))).toEqual([]);
  });

  test('names every type and every function of expressions', () => {
    const words = [...simpleKinds, ...Object.keys(functions), ...macros];
    expect(words.filter((word) => !new RegExp(`(?<![\\w/])${word}(?![\\w/])`).test(prose))).toEqual([]);
  });

  test('links to its own headings, and to files that are there', () => {
    const slugger = new GithubSlugger();
    const anchors = [...prose.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => `#${slugger.slug(title)}`);
    const links = [...prose.replace(/`[^`]*`/g, '').matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target);
    const lost = links.filter((target) =>
      target.startsWith('#')
        ? !anchors.includes(target)
        : !target.startsWith('https:') && !existsSync(join(import.meta.dirname, target)),
    );
    expect([links.length > 10, lost]).toEqual([true, []]);
  });
});

describe("the examples of the authors' reference", () => {
  test('are all found', () => {
    expect(fences).toHaveLength(page.split('\n```markdown').length - 1);
    expect(fences.length).toBeGreaterThanOrEqual(10);
  });

  for (const [index, [, code, markdown = '']] of fences.entries()) {
    const line = page.slice(0, fences[index]?.index).split('\n').length;
    test(`the one in line ${line} ${code ? `fails with ${code} alone` : 'compiles'}`, () => {
      const { graph, diagnostics } = compile(markdown);
      expect(diagnostics.map((one) => one.code)).toEqual(code ? [code] : []);
      expect(graph === undefined).toBe(code !== undefined);
    });
  }
});
