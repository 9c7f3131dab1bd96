/** Writes that take others back, as the ledger of effects knows them. */

/** Of the slot of such a write; after it comes the effectKey of the one that it takes back. */
export const undoSlotPrefix = 'undo ';

export const undoSlot = (effect: string): string => `${undoSlotPrefix}${effect}`;

/** Rows of those that did. */
export const takenBack = { slot: { startsWith: undoSlotPrefix }, status: 'succeeded' } as const;
