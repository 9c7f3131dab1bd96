import { defineConfig } from 'vitest/config';

// Every date and every sorted string in a test reads the same on every machine, however the runner was started.
process.env.TZ = 'UTC';
process.env.LANG = 'en_US.UTF-8';

const MEASURED_ROOMS = ['compiler', 'workflows', 'activities', 'api'];
const THRESHOLD = { lines: 80, statements: 80, functions: 80, branches: 80 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: ['**/*.integration.test.ts', '**/node_modules/**', '.waymark/**', 'bench/**'],
          pool: 'threads',
          setupFiles: ['tests/property-seed.ts'],
          // Against a hang, not a measure: on a busy machine everything takes longer.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 8,
          sequence: { groupOrder: 0 },
          restoreMocks: true,
        },
      },
      {
        // One file at a time: each owns a Temporal server, a database and processes that it kills.
        test: {
          name: 'integration',
          include: ['**/*.integration.test.ts'],
          exclude: ['**/node_modules/**', '.waymark/**', 'bench/**'],
          pool: 'forks',
          fileParallelism: false,
          globalSetup: ['dev/test-setup.ts'],
          setupFiles: ['tests/property-seed.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
          restoreMocks: true,
        },
      },
    ],
    reporters: process.env.CI ? ['default', ['junit', { outputFile: 'junit.xml' }]] : ['default'],
    coverage: {
      provider: 'v8',
      include: MEASURED_ROOMS.map((room) => `${room}/**/*.ts`),
      exclude: ['**/*.test.ts', '**/testing/**', '**/fixtures/**', 'prisma/generated/**', '.waymark/**'],
      reporter: ['text-summary', 'json-summary', 'lcov'],
      thresholds: Object.fromEntries(MEASURED_ROOMS.map((room) => [`${room}/**`, THRESHOLD])),
    },
  },
});
