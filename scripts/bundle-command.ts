/**
 * Puts the `waymark` command and the packages it uses into few files, which start in half the time of its sources. Run by
 * `npm install`; `cli/waymark.mjs` runs the bundle as long as nothing it was made of has changed.
 */
import { existsSync, statSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));

/** Servers and what the commands that need a server talk through: loaded as they are. */
const packagesLeftOut = /^(@temporalio\/|openai$)/;

/** `dist/made-of.json` says of what the bundle was made, as `[file, size, mtimeMs]`: written last, so that it stands for a whole one. */
export async function bundleCommand(root: string): Promise<void> {
  const { rolldown } = await import('rolldown');
  const dist = join(root, 'dist');
  await rm(dist, { recursive: true, force: true });
  let modules: string[] = [];
  const bundler = await rolldown({
    cwd: root,
    input: { waymark: 'cli/waymark.ts' },
    platform: 'node',
    external: packagesLeftOut,
    plugins: [
      {
        name: 'made-of',
        // All that was read: what has left nothing in the output has had its say in it.
        generateBundle() {
          modules = [...this.getModuleIds()];
        },
      },
    ],
  });
  await bundler.write({ dir: dist, format: 'esm', chunkFileNames: '[name].js' });
  await bundler.close();
  const own = modules.filter((id) => id.startsWith(root + sep) && !id.includes('node_modules'));
  const lock = join(root, 'package-lock.json');
  const madeOf = [...own, ...(existsSync(lock) ? [lock] : [])].map((file) => {
    const { size, mtimeMs } = statSync(file);
    return [relative(root, file).replaceAll(sep, '/'), size, mtimeMs];
  });
  await writeFile(join(dist, 'made-of.json'), JSON.stringify(madeOf));
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  // An install without development dependencies has no bundler, and an image has no sources yet: the command starts from them.
  const isPossible =
    existsSync(join(checkout, 'node_modules/rolldown')) && existsSync(join(checkout, 'cli/waymark.ts'));
  if (isPossible) await bundleCommand(checkout);
}
