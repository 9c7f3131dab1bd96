/** What a running development stack tells about itself: printed by `npm run dev -- --json` and kept in `<data>/stack.json`. */
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

export const stackFactsSchema = z.object({
  apiUrl: z.url(),
  openApiUrl: z.url(),
  webUiUrl: z.url().optional(),
  /** `host:port` */
  temporalAddress: z.string(),
  /** As the owner of the tables: for migrations and for looking, not for the running processes. */
  databaseUrl: z.string(),
  /** Models are answered from scripts; no real model is asked. */
  practice: z.boolean(),
  dataDir: z.string(),
  /** Of the process that holds the stack. */
  pid: z.int(),
  users: z.array(
    z.object({
      name: z.string(),
      email: z.string(),
      roles: z.array(z.string()),
      tenant: z.string(),
      token: z.string(),
    }),
  ),
});
export type StackFacts = z.infer<typeof stackFactsSchema>;

/** Readable by this user only: it holds tokens. */
export async function writeStackFacts(dataDir: string, facts: StackFacts): Promise<void> {
  const file = join(dataDir, 'stack.json');
  await writeFile(`${file}.new`, `${JSON.stringify(facts, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
