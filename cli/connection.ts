/**
 * Which API a command talks to, and as whom: what the options say, else what the environment says, else the development
 * stack that runs here. A token of the stack is sent to no other address.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { CommandFailure, WrongUsage } from './failures.ts';
import type { World } from './world.ts';

export interface ConnectionOptions {
  api?: string;
  token?: string;
  /** Name, email or role of a person of the development stack. */
  as?: string;
  /** Folder of the development stack. */
  data?: string;
}

export interface Connection {
  apiUrl: string;
  token: string;
  /** Of a development stack; of another API only the API itself knows. */
  practice?: boolean;
  /** Who the token is of, where it is known. */
  person?: string;
}

/** What is read of `stack.json`. */
const stackSchema = z.object({
  apiUrl: z.url(),
  practice: z.boolean(),
  pid: z.int().positive(),
  users: z
    .array(
      z.object({
        name: z.string(),
        email: z.string(),
        roles: z.array(z.string()),
        tenant: z.string(),
        token: z.string(),
      }),
    )
    .min(1),
});
type Stack = z.infer<typeof stackSchema>;

/** @throws WrongUsage for options that contradict each other, CommandFailure when there is nothing to talk to. */
export function findConnection(options: ConnectionOptions, { env, cwd }: Pick<World, 'env' | 'cwd'>): Connection {
  if (options.as !== undefined && options.token !== undefined) {
    throw new WrongUsage('Unexpected --as together with --token, expected one of them: a token says whose it is.');
  }
  const namesStack = options.as !== undefined || options.data !== undefined;
  // An option that names the stack goes before the environment, as every option does.
  const apiUrl = options.api ?? (namesStack ? undefined : env.WAYMARK_API_URL || undefined);
  const token = options.token ?? (namesStack ? undefined : env.WAYMARK_TOKEN || undefined);
  if (apiUrl !== undefined && !isHttp(apiUrl)) {
    throw new WrongUsage(`Unexpected address ${apiUrl}, expected one that starts with http:// or https://.`);
  }
  if (apiUrl !== undefined && token !== undefined) return { apiUrl, token };

  const data = options.data ?? (env.WAYMARK_DATA || undefined);
  const file = stackFile(data, cwd);
  const stack = file === undefined ? undefined : readStack(file);
  if (stack === undefined || file === undefined) {
    const missing =
      apiUrl === undefined && token === undefined ? 'address and token' : apiUrl === undefined ? 'address' : 'token';
    throw new CommandFailure(
      `No development stack runs ${data === undefined ? `in ${cwd} or above it` : `on ${data}`}, and no ${missing} was given. Start one with \`npm run dev\`, or give --api and --token, or WAYMARK_API_URL and WAYMARK_TOKEN.`,
    );
  }
  if (apiUrl !== undefined && originOf(apiUrl) !== originOf(stack.apiUrl)) {
    throw new CommandFailure(
      `No token was given for ${apiUrl}. Give --token or WAYMARK_TOKEN; the tokens in ${file} are for ${stack.apiUrl} only.`,
    );
  }
  if (!lives(stack.pid)) {
    throw new CommandFailure(
      `The development stack of ${file} does not run any more (its process ${stack.pid} has ended). Start it with \`npm run dev\`.`,
    );
  }
  const at = { apiUrl: apiUrl ?? stack.apiUrl, practice: stack.practice };
  if (token !== undefined) return { ...at, token };
  const user = personOf(stack, options.as, file);
  return { ...at, token: user.token, person: user.name };
}

/** The first whose email, name, first word of the name, or role it is: in this order, whatever the case. */
function personOf(stack: Stack, as: string | undefined, file: string): Stack['users'][number] {
  const [first] = stack.users;
  if (as === undefined && first) return first;
  const wanted = as?.toLowerCase();
  const ways: ((user: Stack['users'][number]) => string[])[] = [
    ({ email }) => [email],
    ({ name }) => [name],
    ({ name }) => [name.split(' ')[0] ?? ''],
    ({ roles }) => roles,
  ];
  for (const way of ways) {
    const found = stack.users.find((user) => way(user).some((one) => one.toLowerCase() === wanted));
    if (found) return found;
  }
  const known = stack.users.map(({ name, email, roles }) => `  ${name}, ${email}, ${roles.join(' and ')}`);
  throw new CommandFailure(
    [`Unexpected person ${as}, expected a name, email or role of the people in ${file}:`, ...known].join('\n'),
  );
}

/** `stack.json` of the folder, or of the nearest `.waymark` that has one, from the working directory upwards. */
function stackFile(data: string | undefined, cwd: string): string | undefined {
  if (data !== undefined) return join(resolve(cwd, data), 'stack.json');
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const file = join(folder, '.waymark', 'stack.json');
    if (textOf(file) !== undefined) return file;
    if (dirname(folder) === folder) return undefined;
  }
}

function readStack(file: string): Stack | undefined {
  const text = textOf(file);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = stackSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CommandFailure(
    `${file} does not describe a development stack: ${issue?.path.join('.') || 'the whole'}: ${issue?.message}. Start the stack again with \`npm run dev\`.`,
  );
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw new CommandFailure(`${file} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

const isHttp = (address: string): boolean => /^https?:\/\//i.test(address) && URL.canParse(address);
const originOf = (address: string): string => new URL(address).origin;
