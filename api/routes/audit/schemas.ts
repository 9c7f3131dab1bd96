import { z } from 'zod';
import { auditLogs } from '../../../prisma/audit-chains.ts';
import { json } from '../../json-value.ts';
import { pageOf, pageQuery } from '../../pages.ts';

const name = z.string().min(1).max(200);
const moment = z.iso
  .datetime()
  // The database's calendar has no year 0.
  .refine((text) => !text.startsWith('0000'), 'Expected a moment of the year 1 or later')
  .transform((text) => new Date(text));

export const listAuditQuery = z.object({
  ...pageQuery,
  person: name.optional().describe('Id of who did it'),
  thing: name
    .optional()
    .describe('Id of a run or a proposal; `admin` for people, groups and keys, `audit` for the audit'),
  log: z.enum(auditLogs).optional(),
  kind: name.optional().describe('What was done, such as proposal.shared'),
  from: moment.optional().describe('From this moment on'),
  to: moment.optional().describe('Up to this moment, and not at it'),
});

export const auditEntry = z.object({
  at: z.iso.datetime(),
  log: z.enum(auditLogs),
  thing: z.string().describe('Of which run or proposal; `admin`, `audit`'),
  seq: z.int().describe('Its number in the log of the thing'),
  kind: z.string().describe('What was done'),
  person: z.string().optional().describe('Who did it; absent of what nobody did, such as a step of a run'),
  about: z.string().optional().describe('The step, section, session or gate, or whom or what an admin changed'),
  detail: json.optional().describe('Ids, digests and numbers; never content'),
  hash: z.string(),
});
export const auditPage = pageOf(auditEntry);
