/** Names under which a connection keeps its prepared statements. */

/** Each connection keeps every statement it was given a name for until it closes: some kilobytes each. */
const MOST_STATEMENTS = 500;

/**
 * Gives each text a name, the same at every call, and so has Postgres parse and plan it once on each connection: a fifth to a
 * quarter of a short transaction's time, as policies are planned with every statement. Texts past `most`, and what is not a query, get
 * the empty name, which keeps nothing: lists of varying length make ever new texts.
 */
export function createStatementNames(most = MOST_STATEMENTS): (query: { sql: string }) => string {
  const names = new Map<string, string>();
  return ({ sql }) => {
    const known = names.get(sql);
    if (known !== undefined) return known;
    if (names.size >= most || !/^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b/i.test(sql)) return '';
    const name = `waymark_${names.size}`;
    names.set(sql, name);
    return name;
  };
}
