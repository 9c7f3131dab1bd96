/** The fast checks, shared by `npm run check` and `npm test`. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const checkout = dirname(dirname(fileURLToPath(import.meta.url)));

export interface Check {
  /** Named in the progress and in the closing list, e.g. `types`. */
  readonly name: string;
  /** A JavaScript or TypeScript file that Node runs. */
  readonly script: string;
  readonly args: readonly string[];
}

export interface Outcome {
  readonly passed: readonly string[];
  readonly failed: readonly string[];
}

/** The environment every check and test runs in: dates and sorting read the same on every machine. */
export const steadyEnvironment: NodeJS.ProcessEnv = { ...process.env, TZ: 'UTC', LANG: 'en_US.UTF-8' };

/** The file behind a command of an installed package, so that Node can run it on every system without a shell. */
export function commandOf(packageName: string, command: string): string {
  const manifestPath = join(checkout, 'node_modules', packageName, 'package.json');
  const manifest = createRequire(import.meta.url)(manifestPath) as { bin: string | Record<string, string> };
  const bin = typeof manifest.bin === 'string' ? manifest.bin : manifest.bin[command];
  if (bin === undefined) throw new Error(`package ${packageName} has no command ${command}`);
  return join(dirname(manifestPath), bin);
}

/** Every fast check, in the order in which a break in one explains a break in the next. */
export function fastChecks(): readonly Check[] {
  return [
    { name: 'prisma client', script: join(checkout, 'scripts', 'generate-client.mjs'), args: ['--if-stale'] },
    { name: 'types', script: commandOf('typescript', 'tsc'), args: ['--noEmit'] },
    {
      name: 'lint',
      script: commandOf('@biomejs/biome', 'biome'),
      args: ['check', '--error-on-warnings', '--diagnostic-level=warn', '.'],
    },
    { name: 'boundaries', script: join(checkout, 'scripts', 'boundaries.ts'), args: [] },
  ];
}

/** Runs each check to its end, whatever the others did, and tells after each how it went. Its own output passes through. */
export function runChecks(checks: readonly Check[], tell: (line: string) => void): Outcome {
  const passed: string[] = [];
  const failed: string[] = [];
  for (const { name, script, args } of checks) {
    const started = performance.now();
    const run = spawnSync(process.execPath, [script, ...args], {
      cwd: checkout,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: steadyEnvironment,
    });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const ok = run.status === 0;
    (ok ? passed : failed).push(name);
    tell(`${ok ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
  }
  return { passed, failed };
}
