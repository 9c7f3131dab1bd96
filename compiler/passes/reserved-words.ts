/** Words that cannot be names, because they have a meaning of their own. */

/** Names of Object.prototype: they would be found in every record. */
const prototypeNames: ReadonlySet<string> = new Set([
  ...Object.getOwnPropertyNames(Object.prototype).map((name) => name.toLowerCase()),
  'prototype',
]);

/** What CEL's grammar reserves. Its types and functions (`double`, `size`) are no such words: they are read only before `(`. */
const celWords =
  `true false null in as break const continue else for function if import let loop package namespace return
  var void while`.split(/\s+/);

const dialectWords = 'has input output this feedback previous proposal start end otherwise'.split(' ');

const stepWords: ReadonlySet<string> = new Set([...celWords, ...dialectWords]);
const fieldWords: ReadonlySet<string> = new Set(celWords);

export function isPrototypeName(name: string): boolean {
  return prototypeNames.has(name.toLowerCase());
}

/** May not be the id of a step or an agent: expressions could not tell it from the word. */
export function isReservedId(id: string): boolean {
  return stepWords.has(id) || isPrototypeName(id);
}

/** May not be the name of a field: CEL does not read it after a dot. */
export function isReservedField(name: string): boolean {
  return fieldWords.has(name) || isPrototypeName(name);
}
