/** Values that an operator gave a step in place of those that it reads: the column `edited` of its row. */
import { z } from 'zod';

/** By the name that the step reads. */
export const editedValuesSchema = z.record(
  z.string(),
  z.strictObject({
    /** The order that gave it. */
    order: z.string(),
    /** Digest of the value it stands in place of; absent where there was none. */
    over: z.string().optional(),
    given: z.string(),
  }),
);
export type EditedValues = z.infer<typeof editedValuesSchema>;

/** Of a row's column; empty where nothing was edited. */
export function editedValuesOf({ edited }: { edited: string | null }): EditedValues {
  return edited === null ? {} : editedValuesSchema.parse(JSON.parse(edited));
}

/** As it is stored: null where nothing was edited. */
export function editedText(edited: EditedValues): string | null {
  return Object.keys(edited).length === 0 ? null : JSON.stringify(editedValuesSchema.parse(edited));
}
