import type { z } from 'zod';
import type { ProblemSlug } from './errors.ts';
import { problemMediaType, problemSchema, problemTypes } from './errors.ts';

/**
 * The responses of a route: its successes, each problem it names by status, and for every other status the problem
 * schema too, since a status without a schema would be sent unchecked.
 */
export function responses<Success extends Record<number, z.ZodType>>(
  success: Success,
  problems: ProblemSlug[] = [],
): Success & Record<'4xx' | '5xx', ProblemResponse> {
  const named = new Map<number, ProblemSlug[]>();
  for (const slug of [...problems, 'unauthenticated', 'internal', 'unavailable'] as ProblemSlug[]) {
    const { status } = problemTypes[slug];
    named.set(status, [...(named.get(status) ?? []), slug]);
  }
  const statuses = Object.fromEntries([...named].map(([status, slugs]) => [status, problemResponse(slugs.join(', '))]));
  return { ...statuses, '4xx': problemResponse('A problem'), '5xx': problemResponse('A problem'), ...success };
}

interface ProblemResponse {
  description: string;
  content: Record<typeof problemMediaType, { schema: typeof problemSchema }>;
}

const problemResponse = (description: string): ProblemResponse => ({
  description,
  content: { [problemMediaType]: { schema: problemSchema } },
});
