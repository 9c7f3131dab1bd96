import { z } from 'zod';
import type { Json } from '../compiler/types.ts';

/**
 * Any JSON value. What was parsed from JSON needs no second look; and the schema that `z.json()` gives of itself refers to
 * parts that a description of the API does not hold.
 */
export const json = z.custom<Json>((value) => value !== undefined, 'Expected a JSON value');
