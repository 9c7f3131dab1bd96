/**
 * Every property is tried with the same values on every machine and at every run: what makes a test fail is the change in hand.
 * Other values each time are for who looks for more: `npm run fuzz` and `npm run test:faults`.
 */
import fc from 'fast-check';

const looksForMore =
  process.env.WAYMARK_ALL_ROUNDS !== undefined ||
  (import.meta as ImportMeta & { env: { MODE: string } }).env.MODE === 'fuzz';

if (!looksForMore) fc.configureGlobal({ seed: 20_261_122 });
