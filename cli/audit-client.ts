/** The audit routes of the API: the list, and the export as it comes. */
import type { ApiCalls, CallOptions } from './api-calls.ts';
import { createApiCalls } from './api-calls.ts';
import type { AuditEntry } from './api-shapes.ts';
import { auditPageSchema } from './api-shapes.ts';
import { linesOf } from './lines.ts';

export interface AuditClient {
  /** The newest entries, newest first, by the API's filters. At most 100. */
  newest(filter: Readonly<Record<string, string>>): Promise<AuditEntry[]>;
  /**
   * Without their line ends. The last one says that it is: what ends before it was cut off.
   * @throws ApiProblem when the API refuses, ApiUnreachable when it cannot be asked or the connection breaks
   */
  exportLines(signal: AbortSignal): AsyncGenerator<string>;
}

export function createAuditClient(options: CallOptions): AuditClient {
  const { apiUrl, call, problemOf, unreachable } = createApiCalls(options);
  return {
    newest: async (filter) => (await call(auditPageSchema, 'GET', `/audit?${new URLSearchParams(filter)}`)).items,
    exportLines: (signal) => exportLines({ apiUrl, problemOf, unreachable }, options.token, signal),
  };
}

async function* exportLines(
  { apiUrl, problemOf, unreachable }: Pick<ApiCalls, 'apiUrl' | 'problemOf' | 'unreachable'>,
  token: string,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const whatever = (error: unknown): never => {
    signal.throwIfAborted();
    throw unreachable(error);
  };
  const response = await fetch(`${apiUrl}/audit/export`, {
    headers: { authorization: `Bearer ${token}`, accept: 'application/x-ndjson, application/problem+json' },
    redirect: 'error',
    signal,
  }).catch(whatever);
  if (!response.ok || response.body === null) {
    throw problemOf({ status: response.status, text: await response.text() });
  }
  const lines = linesOf(response.body);
  for (;;) {
    const next = await lines.next().catch(whatever);
    if (next.done) return;
    yield next.value;
  }
}
