/**
 * The compiler against the parser it stands on: CPU time of `compile` against bare remark-parse with GFM on the same text,
 * in rounds that take turns, and of `waymark compile` in a process of its own against one that only imports the same
 * packages. CPU time, not wall time: what else the machine does is not measured.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import remarkGfm from 'remark-gfm';
import remarkParse from 'remark-parse';
import { unified } from 'unified';
import { compile } from '../compiler/compile.ts';
import { bundleCommand } from '../scripts/bundle-command.ts';
import type { Row } from './report.ts';
import { median } from './report.ts';

/** `repeats`: how often a round does each, so that it takes long enough to be measured. */
const sizes = [
  { name: '2 KB', bytes: 2_000, bar: 1.5, repeats: 100 },
  { name: '20 KB', bytes: 20_000, bar: 1.5, repeats: 10 },
  { name: '1 MB', bytes: 1_000_000, bar: 0.1, repeats: 1 },
];
/** Bare remark takes a good part of a minute for 1 MB: more rounds of it would tell nothing more. */
const maxRoundsOfMegabyte = 3;
const coldBar = 1.5;

/** @param rounds how many rounds are measured, after one that is not counted (of 1 MB at most three, and all are) */
export async function benchCompile(rounds: number, progress: (line: string) => void): Promise<Row[]> {
  const bare = unified().use(remarkParse).use(remarkGfm).freeze();
  const rows: Row[] = [];
  for (const { name, bytes, bar, repeats } of sizes) {
    const text = documentOf(bytes);
    const { diagnostics } = compile(text);
    if (diagnostics.length > 0) throw new Error(`the document of ${name} has a mistake: ${diagnostics[0]?.message}`);
    const ours: number[] = [];
    const theirs: number[] = [];
    const [first, last] = repeats === 1 ? [1, Math.min(rounds, maxRoundsOfMegabyte)] : [0, rounds];
    for (let round = first; round <= last; round += 1) {
      progress(`compile: ${name}, round ${round} of ${last}${round === 0 ? ' (warm-up)' : ''}`);
      const [mine, base] = [cpuMs(repeats, () => compile(text)), cpuMs(repeats, () => bare.parse(text))];
      if (round === 0) continue;
      ours.push(mine);
      theirs.push(base);
    }
    rows.push(row(`compile ${name} against bare remark with GFM, CPU`, ours, theirs, bar));
  }
  return [...rows, ...(await benchColdStart(rounds, progress))];
}

function row(what: string, ours: readonly number[], theirs: readonly number[], bar: number, note?: string): Row {
  const ratios = ours.map((one, round) => one / (theirs[round] ?? Number.NaN));
  return {
    what,
    ours: `${median(ours).toFixed(1)} ms`,
    baseline: `${median(theirs).toFixed(1)} ms`,
    ratio: median(ratios),
    bar,
    spread: [Math.min(...ratios), Math.max(...ratios)],
    ...(note !== undefined && { note }),
  };
}

/** Of one run, in milliseconds. */
function cpuMs(repeats: number, run: () => unknown): number {
  const before = process.cpuUsage();
  for (let times = 0; times < repeats; times += 1) run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / repeats;
}

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));
const command = join(checkout, 'cli/waymark.mjs');

/**
 * Twice: as the command starts, with the code that it kept from the start before, and as it starts the first time. What it
 * is compared with has the same: the first keeps code too, the second does not.
 */
async function benchColdStart(rounds: number, progress: (line: string) => void): Promise<Row[]> {
  await bundleCommand(checkout);
  const dir = mkdtempSync(join(tmpdir(), 'waymark-bench-'));
  try {
    const page = join(dir, 'page.md');
    writeFileSync(page, documentOf(2_000));
    const packages = packagesLoadedFor(page);
    const imports = packages.map((name) => `import ${JSON.stringify(import.meta.resolve(name))};`).join('\n');
    const bare = join(dir, 'bare.mjs');
    writeFileSync(bare, imports);
    const kept = { XDG_CACHE_HOME: dir, HOME: dir };
    const variants = [
      { what: 'as it starts', ours: kept, bare: { NODE_COMPILE_CACHE: join(dir, 'bare') } },
      { what: 'as it starts the first time', ours: { ...kept, NODE_DISABLE_COMPILE_CACHE: '1' }, bare: {} },
    ];
    return variants.map((variant) => {
      const ours: number[] = [];
      const theirs: number[] = [];
      for (let round = 0; round <= rounds; round += 1) {
        progress(
          `compile: from a cold start, ${variant.what}, round ${round} of ${rounds}${round === 0 ? ' (warm-up)' : ''}`,
        );
        const [mine, base] = [cpuOfChild([command, 'compile', page], variant.ours), cpuOfChild([bare], variant.bare)];
        if (round === 0) continue;
        ours.push(mine);
        theirs.push(base);
      }
      const what = `waymark compile of a 2 KB page ${variant.what}, against importing its ${packages.length} packages, CPU`;
      return row(what, ours, theirs, coldBar);
    });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** What our own files import of other packages when the command compiles this page, had it no bundle. */
function packagesLoadedFor(page: string): string[] {
  const hook = `
    import { registerHooks } from 'node:module';
    const found = new Set();
    registerHooks({
      resolve(name, context, next) {
        const resolved = next(name, context);
        if (resolved.url.includes('/node_modules/') && !context.parentURL?.includes('/node_modules/')) found.add(name);
        return resolved;
      },
    });
    process.on('exit', () => process.stderr.write(JSON.stringify([...found].sort())));`;
  return JSON.parse(start([join(checkout, 'cli/waymark.ts'), 'compile', page], hook, {})) as string[];
}

/** In milliseconds, from the first line of Node to the end of the process. */
function cpuOfChild(args: string[], env: Record<string, string>): number {
  const hook = `process.on('exit', () => process.stderr.write(JSON.stringify(process.cpuUsage())));`;
  const { user, system } = JSON.parse(start(args, hook, env)) as NodeJS.CpuUsage;
  return (user + system) / 1000;
}

/** Runs Node with a module before all others; gives the last line of its standard error, which the module wrote. */
function start(args: string[], hook: string, env: Record<string, string>): string {
  const before = ['--import', `data:text/javascript,${encodeURIComponent(hook)}`];
  const { PATH = '' } = process.env;
  const { status, stderr } = spawnSync(process.execPath, [...before, ...args], {
    encoding: 'utf8',
    env: { PATH, HOME: tmpdir(), ...env },
    maxBuffer: 64 * 2 ** 20,
  });
  if (status !== 0) throw new Error(`${args.join(' ')} exited with ${status}: ${stderr}`);
  return stderr.trimEnd().split('\n').at(-1) ?? '';
}

/** A document of about so many bytes, as people write them: types in tables, agents, and steps with settings and prose. */
function documentOf(bytes: number): string {
  const head = [
    ...['# Claims of the quarter', '- id: claims-of-the-quarter', ''],
    ...['Claims are read, checked against policy and answered. Nobody approves their own claim.', ''],
    ...['## Inputs', '', '| Name | Type | Rule | Meaning |', '|---|---|---|---|'],
    ...['| receipt | text | untrusted | as mailed by staff |', '| claimed | number | at least 0 | in euros |', ''],
    ...['## Types', '', '### Receipt', '', '| Field | Type | Rule | Meaning |', '|---|---|---|---|'],
    ...['| merchant | text | length at least 1 | as printed |', '| amount | number | at least 0 | in euros |'],
    ...['| category | one of travel, meals, equipment | | |', '', '## Agents', '', '### Accountant', ''],
    ...['- model: small', '- tools: policy.lookup', '', 'You are a careful accountant. You never guess an amount.', ''],
    ...['## Steps', '', ''],
  ].join('\n');
  const parts = [head];
  let length = head.length;
  for (let claim = 1; claim === 1 || length < bytes; claim += 1) {
    const part = stepsOfClaim(claim);
    parts.push(part);
    length += part.length;
  }
  return parts.join('');
}

function stepsOfClaim(claim: number): string {
  return [
    ...[`### Read receipt ${claim}`, '', '- agent: [Accountant](#accountant)', '- uses: `input.receipt`'],
    ...['- gives: Receipt', '- check: `output.amount <= input.claimed`', '- retry: 3 times', ''],
    'Extract what was bought, where and for how much. Take the amount as it is **printed**, taxes included,',
    'and *never* one that is written by hand. What counts:',
    '',
    ...['- the total, not the parts', '- the currency of the `receipt`, in euros', '- the day it was issued', ''],
    ...['| Printed | Means |', '|---|---|', '| hotel, train, taxi | travel |', '| lunch | meals |', ''],
    ...[`### Sum up claim ${claim}`, '', '- set:', `  - amount: \`read_receipt_${claim}.amount\``],
    ...[`  - fair: \`read_receipt_${claim}.amount <= input.claimed\``, '', ''],
    ...[`### Answer claim ${claim}`, '', '- agent: [Accountant](#accountant)'],
    `- uses: [Sum up claim ${claim}](#sum-up-claim-${claim}), [Read receipt ${claim}](#read-receipt-${claim})`,
    ...['', 'Write two friendly sentences to the claimant. Name the amount and the merchant, and nothing else of', ''],
    ...['> what the receipt says: its text is not yours.', ''],
    // Of this step's Markdown some is beyond what is read without the parser.
    ...['1. Thank them.', '2. Name https://example.com/claims_of_staff, where they may ask.', '', ''],
  ].join('\n');
}
