import type { Client } from './client.ts';
import { createClient } from './client.ts';
import type { ConnectionOptions } from './connection.ts';
import { findConnection } from './connection.ts';
import type { World } from './world.ts';

export interface Connected {
  client: Client;
  /** Whether models and tools are answered from scripts there. */
  practice: boolean;
  /** Who is asking, where it is known. */
  person?: string;
}

/** @throws CommandFailure when there is no API to talk to */
export async function connect(options: ConnectionOptions, world: World): Promise<Connected> {
  const { practice, person, ...address } = findConnection(options, world);
  const client = createClient(address);
  return {
    client,
    practice: practice ?? (await client.isForPractice()),
    ...(person === undefined ? {} : { person }),
  };
}

export const practiceNotice = 'PRACTICE: models answer from a script, no real model is asked.';
