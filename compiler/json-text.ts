/** JSON text to its value and where each part of it stands, so that mistakes in it can be told at their place. */
import { pointerTo } from './json-pointer.ts';
import type { Span } from './source-text.ts';
import type { Json } from './types.ts';

export interface JsonText {
  value: Json;
  /** By JSON pointer (RFC 6901), offsets into the text. The place of a member begins at its name. */
  places: ReadonlyMap<string, Span>;
}

export interface JsonMistake {
  span: Span;
  message: string;
}

const maxNesting = 100;

/**
 * As JSON.parse, which says no place of what it refuses. Refuses besides: a name given twice in an object, numbers too
 * large to hold, half characters, and more than 100 levels.
 */
export function readJsonText(text: string): JsonText | { mistake: JsonMistake } {
  const reader = new Reader(text);
  try {
    return { value: reader.whole(), places: reader.places };
  } catch (error) {
    if (error instanceof Unreadable) return { mistake: error.mistake };
    throw error;
  }
}

class Unreadable extends Error {
  readonly mistake: JsonMistake;

  constructor(mistake: JsonMistake) {
    super(mistake.message);
    this.mistake = mistake;
  }
}

const space = /[ \t\n\r]*/y;
const string = /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])/y;
const word = /(?:true|false|null)(?!\w)/y;

class Reader {
  readonly places = new Map<string, Span>();
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  whole(): Json {
    this.skipSpace();
    const value = this.value('', this.at, 0);
    if (this.at < this.text.length) this.refuse('nothing after the value');
    return value;
  }

  private value(pointer: string, start: number, depth: number): Json {
    if (depth > maxNesting) this.refuse(`at most ${maxNesting} levels`);
    const next = this.text[this.at];
    const value =
      next === '{' ? this.object(pointer, depth) : next === '[' ? this.array(pointer, depth) : this.scalar();
    this.places.set(pointer, { start, end: this.at });
    this.skipSpace();
    return value;
  }

  private object(pointer: string, depth: number): Json {
    const members = new Map<string, Json>();
    this.items('}', 'a name in double quotes', () => {
      const start = this.at;
      const key = this.string('a name in double quotes');
      if (members.has(key)) this.refuse(`each name once, and ${key} is given above`, start);
      this.skipSpace();
      if (!this.take(':')) this.refuse('a colon');
      this.skipSpace();
      members.set(key, this.value(pointerTo(pointer, key), start, depth + 1));
    });
    return Object.fromEntries(members);
  }

  private array(pointer: string, depth: number): Json {
    const values: Json[] = [];
    this.items(']', 'a value', () => {
      values.push(this.value(pointerTo(pointer, values.length), this.at, depth + 1));
    });
    return values;
  }

  private items(end: string, item: string, read: () => void): void {
    this.at += 1;
    this.skipSpace();
    if (this.take(end)) return;
    for (;;) {
      read();
      if (this.take(end)) return;
      if (!this.take(',')) this.refuse(`a comma or ${end}`);
      this.skipSpace();
      if (this.text[this.at] === end) this.refuse(item);
    }
  }

  private scalar(): Json {
    const start = this.at;
    if (this.text[start] === '"') return this.string('text');
    const written = this.match(word) ?? this.match(number);
    if (written === undefined) this.refuse('a value');
    const value = JSON.parse(written) as Json;
    if (typeof value === 'number' && !Number.isFinite(value)) this.refuse('a number that can be held', start);
    return value;
  }

  private string(expected: string): string {
    const start = this.at;
    const written = this.match(string);
    if (written === undefined) {
      this.refuse(this.text[start] === '"' ? 'text that ends with " on its line, without odd escapes' : expected);
    }
    const value = JSON.parse(written) as string;
    if (!value.isWellFormed()) this.refuse('whole characters', start);
    return value;
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    this.at += found?.length ?? 0;
    return found;
  }

  private take(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    this.skipSpace();
    return true;
  }

  private skipSpace(): void {
    this.match(space);
  }

  private refuse(expected: string, start = this.at): never {
    const found = /[^\s,:{}[\]"]+|\S/y;
    found.lastIndex = start;
    const what = found.exec(this.text)?.[0];
    const shown = what && what.length > 30 ? `${what.slice(0, 30).toWellFormed()}...` : what;
    throw new Unreadable({
      span: { start, end: start + (what?.length ?? 0) },
      message: `Unexpected ${shown ?? 'end'} in JSON, expected ${expected}`,
    });
  }
}
