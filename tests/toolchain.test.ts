import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const checkout = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(checkout, path), 'utf8');

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly optionalDependencies: Record<string, string>;
  readonly allowScripts: Record<string, boolean>;
}
interface Lockfile {
  readonly packages: Record<
    string,
    {
      readonly hasInstallScript?: boolean;
      readonly resolved?: string;
      readonly optionalDependencies?: Record<string, string>;
    }
  >;
}
const manifest = JSON.parse(read('package.json')) as Manifest;
const lockfile = JSON.parse(read('package-lock.json')) as Lockfile;
const nodeVersion = manifest.dependencies.node ?? '';

describe('Node', () => {
  test('.nvmrc names the version that the project brings along', () => {
    expect(nodeVersion).toMatch(/^\d+\.\d+\.\d+$/);
    expect(read('.nvmrc').trim()).toBe(nodeVersion.split('.').slice(0, 2).join('.'));
  });

  test('the tests run on that version', () => {
    expect(process.versions.node).toBe(nodeVersion);
  });

  test('the image is built on that version', () => {
    const versions = [...read('Dockerfile').matchAll(/^FROM node:(\d+\.\d+\.\d+)-/gm)].map(([, version]) => version);
    expect(versions).toEqual([nodeVersion, nodeVersion]);
  });

  test('tests read the clock in UTC and sort by one locale', () => {
    expect({ TZ: process.env.TZ, LANG: process.env.LANG }).toEqual({ TZ: 'UTC', LANG: 'en_US.UTF-8' });
    expect(new Date(2026, 6, 1).getTimezoneOffset()).toBe(0);
  });
});

describe('packages', () => {
  test('every direct dependency is pinned to an exact version', () => {
    const wanted = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
    const loose = Object.entries(wanted).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version));
    expect(loose).toEqual([]);
  });

  test('it is decided for every package with an install script whether the script may run', () => {
    const withScript = Object.entries(lockfile.packages)
      .filter(([, { hasInstallScript }]) => hasInstallScript)
      .map(([path]) => path.replace(/^.*node_modules\//, ''));
    expect(Object.keys(manifest.allowScripts).sort()).toEqual([...new Set(withScript)].sort());
  });

  test('the lockfile has the packages of every platform, without which `npm ci` refuses it', () => {
    const isLocked = (from: string, name: string): boolean => {
      if (`${from === '' ? '' : `${from}/`}node_modules/${name}` in lockfile.packages) return true;
      return from !== '' && isLocked(from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))), name);
    };
    const missing = Object.entries(lockfile.packages).flatMap(([path, { optionalDependencies }]) =>
      Object.keys(optionalDependencies ?? {})
        .filter((name) => !isLocked(path, name))
        .map((name) => `${path} -> ${name}`),
    );
    expect(missing).toEqual([]);
  });

  test('the lockfile names no host', () => {
    expect(Object.values(lockfile.packages).filter(({ resolved }) => resolved !== undefined)).toEqual([]);
  });
});
