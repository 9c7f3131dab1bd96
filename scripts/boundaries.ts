/**
 * Holds the arrows between the rooms. Run by itself it prints every import that breaks a rule and exits 1 if there is one.
 */
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { IConfiguration, ICruiseResult } from 'dependency-cruiser';
import { cruise } from 'dependency-cruiser';

export interface BoundaryViolation {
  readonly rule: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

export interface BoundaryReport {
  /** TypeScript files of ours that were read: 0 means the check looked at nothing. */
  readonly filesRead: number;
  readonly violations: readonly BoundaryViolation[];
}

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));

/** Reads every import under `folder`, laid out like this checkout, against `.dependency-cruiser.cjs`. */
export async function readBoundaries(folder: string): Promise<BoundaryReport> {
  const config = createRequire(import.meta.url)('../.dependency-cruiser.cjs') as IConfiguration;
  const { options = {}, ...ruleSet } = config;
  const { output } = await cruise(['.'], { ...options, baseDir: folder, validate: true, ruleSet });
  if (typeof output === 'string') throw new Error('dependency-cruiser gave text, expected its result object');
  return { filesRead: countOwnFiles(output), violations: output.summary.violations.map(toViolation) };

  function toViolation(found: ICruiseResult['summary']['violations'][number]): BoundaryViolation {
    return {
      rule: found.rule.name,
      from: found.from,
      to: found.cycle === undefined ? found.to : found.cycle.map((step) => step.name).join(' -> '),
      reason: config.forbidden?.find((rule) => rule.name === found.rule.name)?.comment ?? '',
    };
  }
}

function countOwnFiles(result: ICruiseResult): number {
  return result.modules.filter((file) => file.source.endsWith('.ts') && !file.source.includes('node_modules')).length;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { filesRead, violations } = await readBoundaries(checkout);
  for (const { rule, from, to, reason } of violations) {
    console.error(`${from}: error[${rule}]: imports ${to}. ${reason}`);
  }
  if (filesRead === 0) console.error(`no TypeScript file found under ${checkout}`);
  process.exitCode = violations.length > 0 || filesRead === 0 ? 1 : 0;
}
