import { z } from 'zod';
import { pageOf, pageQuery } from '../../pages.ts';

export const findPeopleQuery = z.object({
  ...pageQuery,
  limit: z.coerce.number().int().min(1).max(50).default(20),
  q: z.string().max(200).default('').describe('A part of the name or of the e-mail address, whatever the case'),
});

export const person = z.object({
  id: z.string(),
  displayName: z.string(),
  roles: z.array(z.string()).describe('Those of their groups included'),
});
export const peoplePage = pageOf(person);
