/** The HTTP requests behind a declared tool: to the tool itself, or to the practice server that answers for it. */
import type { Json } from '../../compiler/types.ts';
import type { Claim } from '../claim.ts';
import { withValues } from '../configuration.ts';
import type { Dependencies } from '../dependencies.ts';
import type { ToolDeclaration } from './declarations.ts';
import type { Request } from './http.ts';
import { allowed, headersOf, RequestProblem, requestOf } from './http.ts';

/** What the practice server is told of whoever asks. */
type PracticeClaim = Pick<Claim, 'runId' | 'node' | 'attempt' | 'practicePass'>;

/** `key` names the effect, of a write. @throws RequestProblem */
export function toolRequest(
  deps: Dependencies,
  claim: PracticeClaim,
  tool: ToolDeclaration,
  args: Json,
  key?: string,
): Request {
  if (args === null || typeof args !== 'object' || Array.isArray(args)) {
    throw new RequestProblem('Unexpected arguments, expected a record');
  }
  if (tool.source.kind === 'practice') {
    return {
      method: 'POST',
      url: practiceAddress(deps, `tools/${encodeURIComponent(tool.name)}`),
      headers: {
        'content-type': 'application/json',
        ...practiceHeaders(claim),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      body: JSON.stringify(args),
    };
  }
  const request = requestOf(tool.source.tool.http, args, deps.values, deps.configuration.allowedHosts);
  if (key !== undefined && tool.idempotency) request.headers[tool.idempotency.header.toLowerCase()] = key;
  return request;
}

/** Asks what became of the effect `key`. @throws RequestProblem */
export function lookupRequest(deps: Dependencies, claim: PracticeClaim, tool: ToolDeclaration, key: string): Request {
  if (tool.source.kind === 'practice') {
    const path = `tools/${encodeURIComponent(tool.name)}/outcomes/${encodeURIComponent(key)}`;
    return { method: 'GET', url: practiceAddress(deps, path), headers: practiceHeaders(claim) };
  }
  const lookup = tool.source.tool.lookup;
  if (!lookup) throw new RequestProblem('Unexpected question for an outcome, expected a tool that declares a lookup');
  const address = withValues(lookup.http.url, deps.values).replaceAll('{key}', encodeURIComponent(key));
  return {
    method: lookup.http.method,
    url: allowed(address, deps.configuration.allowedHosts),
    headers: headersOf(lookup.http.headers, deps.values),
  };
}

function practiceAddress(deps: Dependencies, path: string): URL {
  if (deps.practiceUrl === undefined) {
    throw new RequestProblem(
      'Unexpected practice tool, expected a practice server or the tool in the configuration',
      true,
    );
  }
  return new URL(path, deps.practiceUrl.endsWith('/') ? deps.practiceUrl : `${deps.practiceUrl}/`);
}

/** Tells the practice server which answer of which script is wanted. `delegate`: the agent that was handed the work. */
export function practiceHeaders(claim: PracticeClaim, delegate?: string): Record<string, string> {
  return {
    'x-waymark-run': claim.runId,
    'x-waymark-step': claim.node.id,
    'x-waymark-pass': String(claim.practicePass ?? 1),
    'x-waymark-attempt': String(claim.attempt),
    ...(delegate === undefined ? {} : { 'x-waymark-delegate': delegate }),
  };
}
