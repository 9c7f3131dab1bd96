/** What a graph, a receipt and their schemas share, apart from the schemas: the compiler makes both and loads no schema. */
export const graphSchemaVersion = 1;
export const receiptSchemaVersion = 2;

/** Ids name steps in expressions and rows: lower case, digits and underscores, never starting with a digit. */
export const idPattern = /^[a-z_][a-z0-9_]*$/;
