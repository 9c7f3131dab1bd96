/** What activities are given by the composition root. Nothing in this room reads the environment or holds a singleton. */
import type { DefinitionCache } from '../compiler/proposal-definition.ts';
import type { Store } from '../prisma/open.ts';
import type { CredentialKey } from '../prisma/sealing.ts';
import type { Breakers } from './breakers.ts';
import type { Configuration } from './configuration.ts';
import type { GraphCache } from './graph-cache.ts';
import type { StepLog } from './step-log.ts';

/** Where models are asked: any server that speaks the OpenAI API. */
export interface ModelEndpoint {
  baseUrl: string;
  apiKey: string;
  /** The practice server of activities/practice, which answers from a run's script. */
  practice: boolean;
}

export interface Dependencies {
  store: Store;
  configuration: Configuration;
  /** Values that `${NAME}` in the configuration's addresses and headers stands for. */
  values: Readonly<Record<string, string>>;
  breakers: Breakers;
  model: ModelEndpoint;
  /** Address of the practice server, where one runs: it answers practice tools. */
  practiceUrl?: string;
  /** Where people reach the API, without a slash at its end: boards link to it. */
  apiUrl?: string;
  log: StepLog;
  graphs: GraphCache;
  /** Of proposals. */
  definitions: DefinitionCache;
  /** Opens people's own credentials. Without one, tools that act as a person cannot be called. */
  credentialKey?: CredentialKey;
  clock: () => Date;
}
