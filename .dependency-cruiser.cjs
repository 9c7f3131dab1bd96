/**
 * The arrows between the rooms, as a rule each. A room imports only what its rule names; whatever is not named is an
 * error. Tests, benchmarks and scripts may look into every room. `from`/`to` paths are regular expressions on paths
 * relative to the checkout.
 */

const ROOMS =
  '^(compiler|models|workflows|activities|api|prisma|dev|cli|console|examples|bench|scripts|tests)/|^worker\\.ts$';
const TESTS = '\\.test\\.ts$|(^|/)(fixtures|testing)/';

/**
 * The rule of one room: of our own files it may import only itself and what `may` names.
 * @param {string} room the folder
 * @param {string} reason what a person reads when the rule is broken
 * @param {string[]} may regular expressions of the paths it may import besides its own
 */
const room = (room, reason, may = []) => ({
  name: `${room}-arrows`,
  comment: reason,
  severity: 'error',
  from: { path: `^${room}/`, pathNot: TESTS },
  to: { path: ROOMS, pathNot: [`^${room}/`, ...may] },
});

module.exports = {
  forbidden: [
    room('compiler', 'The compiler is pure: it imports nothing of ours.'),
    room('prisma', 'The store imports nothing of ours but types of the compiler.', ['^compiler/']),
    room('models', 'Asking a model over HTTP knows of ours only what the compiler asks it for.', ['^compiler/']),
    room(
      'activities',
      'Activities import the store, the compiler and models; they know neither workflows nor the API.',
      ['^prisma/', '^compiler/', '^models/'],
    ),
    room(
      'workflows',
      'Workflows import the expression evaluator, the skeleton, and types of compiler and activities.',
      ['^compiler/', '^activities/contract\\.ts$'],
    ),
    room('api', 'The API imports the store, the compiler, models, and of workflows only types and message names.', [
      '^prisma/',
      '^compiler/',
      '^models/',
      '^workflows/messages\\.ts$',
    ]),
    room(
      'cli',
      'The command line speaks HTTP to the API; of ours it imports the compiler, models to draft, and the hashes of the audit.',
      ['^compiler/', '^models/', '^prisma/(audit-chains|hash-chain)\\.ts$'],
    ),
    room('console', 'The console speaks HTTP to the API; it imports nothing of ours.'),
    room('dev', 'The development stack holds every room together; its demo is a client like any other.', [
      '^(compiler|models|workflows|activities|api|prisma|cli|examples)/',
      '^worker\\.ts$',
    ]),
    {
      name: 'worker-arrows',
      comment: 'The worker names the workflows by path, for the bundler; it never loads them.',
      severity: 'error',
      from: { path: '^worker\\.ts$' },
      to: { path: ROOMS, pathNot: ['^(activities|prisma|compiler)/', '^workflows/messages\\.ts$'] },
    },
    {
      name: 'prisma-only-types-of-compiler',
      comment: 'The store may use the compiler for types only.',
      severity: 'error',
      from: { path: '^prisma/', pathNot: TESTS },
      to: { path: '^compiler/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'workflows-only-types-of-the-rest',
      comment: 'In the sandbox run only the expressions and the skeleton of the compiler; all else is `import type`.',
      severity: 'error',
      from: { path: '^workflows/', pathNot: TESTS },
      to: {
        path: '^(compiler/|activities/contract\\.ts$)',
        pathNot: ['^compiler/expressions/', '^compiler/skeleton(-code)?\\.ts$'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'sandbox-has-no-node',
      comment: 'Workflows, expressions and the skeleton run in the sandbox, where Node modules are missing.',
      severity: 'error',
      from: { path: '^(workflows|compiler/expressions)/|^compiler/skeleton(-code)?\\.ts$', pathNot: TESTS },
      to: { dependencyTypes: ['core'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'compiler-does-no-io',
      comment: 'The compiler hashes, and touches nothing else of the machine.',
      severity: 'error',
      from: { path: '^compiler/', pathNot: [TESTS, '^compiler/new-ajv\\.ts$'] },
      to: { dependencyTypes: ['core'], dependencyTypesNot: ['type-only'], pathNot: '^(node:)?crypto$' },
    },
    {
      name: 'ajv-is-loaded-when-needed',
      comment: 'Of Node, the file that makes validators may ask only for `module`, to load ajv with the first of them.',
      severity: 'error',
      from: { path: '^compiler/new-ajv\\.ts$' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?module$' },
    },
    {
      name: 'products-do-not-import-tests',
      comment: 'What is shipped does not load what only tests and scripts need.',
      severity: 'error',
      from: {
        path: '^(compiler|models|workflows|activities|api|prisma|cli|console|dev)/|^worker\\.ts$',
        pathNot: TESTS,
      },
      to: { path: '\\.test\\.ts$|(^|/)testing/|^(tests|bench|scripts)/', pathNot: 'node_modules/' },
    },
    {
      name: 'products-do-not-import-dev-dependencies',
      comment: 'A room that production runs imports only `dependencies`, which `npm ci --omit=dev` keeps.',
      severity: 'error',
      from: { path: '^(compiler|models|workflows|activities|api|prisma|cli|console)/|^worker\\.ts$', pathNot: TESTS },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'peers-stay-in-bench',
      comment: 'What Waymark is measured against is there for the benchmarks alone.',
      severity: 'error',
      from: { pathNot: '^bench/|node_modules/' },
      to: { path: 'node_modules/(@dbos-inc|@langchain)/' },
    },
    {
      name: 'only-listed-packages',
      comment: 'Import a package only if package.json lists it.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'everything-resolves',
      comment: 'The import leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-circles',
      comment:
        'Files that import each other can be neither read nor tested one at a time. Circles of types alone are allowed.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules|^prisma/generated/' },
    exclude: { path: '^(coverage|\\.waymark)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.json'],
    },
  },
};
