/**
 * Every code of a diagnostic, with a sentence that says what it is about. Codes are stable: they may be added and
 * retired, never reused. `docs/diagnostics.md` has an entry for each, held to this table by a test.
 */
export const diagnosticCodes = {
  // The text as a whole
  'too-large': 'The document is larger than 2 MB.',
  'section-too-large': 'The text under one heading is larger than 200 KB.',
  'too-deep': 'Lists, quotes or links are nested more than 32 levels deep.',
  'front-matter': 'Front matter is not read; settings go under the title.',
  html: 'HTML is not read by everybody the same way; comments are the only HTML allowed.',
  'invisible-character': 'The text holds a character that a reader cannot see.',

  // Headings and sections
  'empty-heading': 'A heading that names something has no text.',
  'missing-title': 'A document begins with a title, a heading with one #.',
  'second-title': 'A document has one title.',
  'missing-section': 'A document needs a Steps section with at least one step.',
  'second-section': 'A section appears once.',
  'near-section': "A heading nearly has a section's name.",
  'unexpected-heading': 'A heading stands where nothing is read by headings.',
  'step-in-step': 'A heading inside a step holds a kind, but the step is no container.',
  'step-in-notes': 'A heading with ## holds a kind: it is notes, and nobody runs it as a step.',
  'empty-container': 'A step that holds other steps has none.',

  // Settings
  'mixed-list': 'In the list under a heading some items are settings and some are not.',
  'late-setting': 'A list item looks like a setting but stands after prose, where settings are not read.',
  'unknown-setting': 'No setting has this name.',
  'repeated-setting': 'A setting is given twice.',
  'setting-not-here': 'A setting exists but not in this place.',
  'missing-setting': 'A setting that is needed here is missing.',
  'missing-kind': 'A step has exactly one setting that says its kind.',
  'two-kinds': 'A step has two settings that each say its kind.',
  'unknown-dialect': 'The document asks for another version of the dialect.',

  // Values
  'missing-value': 'A setting has no value.',
  'invalid-value': 'A value is not what its setting takes.',
  'ambiguous-number': 'A number can be read in two ways.',
  'out-of-range': 'A number or duration is too small or too large.',
  'repeated-value': 'A list names the same thing twice.',

  // Names and links
  'needs-id': 'A heading gives no usable id.',
  'bad-name': 'A name cannot be used in expressions.',
  'reserved-name': 'A name has a meaning of its own.',
  'taken-name': 'Two things have the same name.',
  'unknown-link': 'A link leads nowhere.',
  'wrong-link': 'A link leads to another kind of thing than its setting needs.',
  'unknown-type': 'No type has this name.',

  // Tables, types and rules
  'missing-table': 'A section needs a table, or another form that its fields can be written in.',
  'fields-without-type': 'Fields stand under the section Types, and not under the heading of a type.',
  'two-forms': 'Fields are written in two forms, such as a table and a list.',
  'second-table': 'A section has one table.',
  'unknown-column': 'A table has a column that its section does not read.',
  'missing-column': 'A table lacks a column that its section needs.',
  'missing-cell': 'A cell that is needed is empty.',
  'extra-cell': 'A row of a table has a cell too many, or one that a | cuts in two.',
  'invalid-type': 'A type cannot be read.',
  'json-syntax': 'A JSON Schema is not JSON.',
  'invalid-schema': 'A JSON Schema says what no type can say.',
  'type-cycle': 'A record contains itself, so no value could ever fit it.',
  'unknown-rule': 'No rule reads like this.',
  'rule-not-here': 'A rule does not fit the type of its field.',
  'bad-pattern': 'A pattern is not linear-time (RE2) syntax.',
  'bad-default': 'A default does not fit the type of its field.',
  'empty-range': 'Two rules leave no value that meets both.',
  'computed-order': 'A computed field reads a computed field that is filled after it.',

  // Order
  'needs-after': 'Nothing leads to a step.',
  'nothing-follows': 'Nothing follows a step that is not the last.',
  'follows-end': 'A step follows one that says that it ends its branch.',
  'after-choose': 'A step says that it comes after a choose that does not lead to it.',
  'missing-otherwise': 'A choose has an `otherwise` branch, as its last.',
  'choose-when': 'A choose cannot have a condition of its own.',
  'unbounded-link': 'A link leads back without saying how often at most.',
  'needless-bound': 'A link to a later step says how often at most.',
  'missing-then': 'A branch that leads back does not say where it leads when it is used up.',
  'other-container': 'A link leads to a step of another container.',
  'wrong-loop': 'A link leads back to a step that its own step does not follow.',
  'overlapping-loops': 'The bodies of two links back overlap, and neither lies in the other.',
  'waiting-loops': 'Each of two links back waits for the other to end.',
  cycle: 'Steps wait for each other in a circle.',
  unreachable: 'No run can reach a step.',
  'idle-gate': 'Nothing waits for a gate, and other steps go on beside it.',
  'parallel-writers': 'Steps that may run at the same time write the same section or the same part of the state.',

  // Expressions and what they read
  'expression-syntax': 'An expression cannot be read.',
  'unknown-function': 'No function of the expression language has this name.',
  'wrong-arguments': 'A function is called with arguments that it does not take.',
  'not-allowed': 'A part of CEL that the document language leaves out.',
  'unknown-name': 'An expression reads a name that does not exist here.',
  'unknown-field': 'An expression reads a field that the type does not have.',
  'type-mismatch': 'A value has another type than its place needs.',
  'not-yes-no': 'A condition is neither yes nor no.',
  'not-before': 'A step is read that has not run by then.',
  'may-not-have-run': 'A step is read that some runs pass by.',
  'inside-container': 'A step in a container is read from outside it, and not through it.',
  'no-output': 'A step is read that gives nothing.',
  'shared-field': 'Two steps that a merge joins give a field of the same name.',
  'needs-name': 'A value needs a name to be known by.',
  'tool-not-allowed': 'A step lists a tool that its agent does not have.',

  // Gates, proposals, delegation and budgets
  'clashing-settings': 'Two settings do not go together.',
  'gate-never-goes-on': 'All actions of a gate end.',
  'no-proposal': 'A step writes or shares a proposal, and the document has none.',
  'unknown-place': 'The proposal has no section and no state of this name.',
  'computed-place': 'A step writes what code computes.',
  'delegation-circle': 'Agents hand work to each other in a circle.',
  'budget-above': 'A budget is larger than the one that it is part of.',
  'budget-sum': 'The budgets of the steps that every run takes are together larger than the budget of the document.',

  // Other documents, and what the configuration declares
  'unknown-document': 'A link leads to a document that is not there.',
  'broken-document': 'A link leads to a document that has mistakes itself.',
  'document-circle': 'Documents link to each other in a circle.',
  'unknown-tool': 'No tool of this name is declared.',
  'unknown-argument': 'A call has no argument of this name.',
  'missing-argument': 'A call lacks an argument that it needs.',
  'undo-reads': 'What takes a write back is a tool that only reads.',
  'undo-of-several': 'One tool would take the writes of several back.',
  'once-in-loop': 'A tool that may be called once at most is called in a loop.',
  'unknown-role': 'No role of this name is declared.',
  'unknown-model': 'No model of this name is declared.',
  'untrusted-write': 'Untrusted text flows into a write, and nobody stands between.',
} as const satisfies Record<string, string>;

export type DiagnosticCode = keyof typeof diagnosticCodes;
