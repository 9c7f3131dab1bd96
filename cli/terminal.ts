/** Where a command prints. All text is made plain first, so that what other people wrote cannot steer the terminal. */
import { createInterface } from 'node:readline';
import { text as readText } from 'node:stream/consumers';
import { styleText } from 'node:util';
import { plainJson, plainText } from './plain-text.ts';

export type Style = 'plain' | 'strong' | 'quiet' | 'good' | 'bad';

const formats = { strong: 'bold', quiet: 'dim', good: 'green', bad: 'red' } as const;

export interface Terminal {
  /** Text and a line end on stdout; coloured only where stdout is a terminal that takes colours. */
  print(text: string, style?: Style): void;
  /** Text and a line end on stderr. */
  complain(text: string, style?: Style): void;
  /** JSON on stdout, never coloured; it parses back to exactly the value. */
  printJson(value: unknown): void;
  /** All of stdin. */
  readAll(): Promise<string>;
  /** Whether a person is there to be asked: stdin and stdout are a terminal. */
  isInteractive: boolean;
  /** Puts a question on stdout and waits for a line of stdin; empty at its end. */
  ask(question: string): Promise<string>;
}

interface Streams {
  stdin: NodeJS.ReadableStream;
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
}

export function openTerminal({ stdin, stdout, stderr }: Streams): Terminal {
  const write = (stream: NodeJS.WritableStream, text: string, style: Style) => {
    const plain = plainText(text);
    // styleText knows NO_COLOR, FORCE_COLOR and whether the stream is a terminal.
    stream.write(`${style === 'plain' ? plain : styleText(formats[style], plain, { stream })}\n`);
  };
  return {
    print: (text, style = 'plain') => write(stdout, text, style),
    complain: (text, style = 'plain') => write(stderr, text, style),
    printJson: (value) => void stdout.write(`${plainJson(value)}\n`),
    readAll: () => readText(stdin),
    isInteractive: [stdin, stdout].every((stream) => 'isTTY' in stream && stream.isTTY === true),
    ask: (question) => {
      stdout.write(plainText(question));
      return firstLine(stdin);
    },
  };
}

/** The terminal itself edits the line, so that Ctrl-C stays a signal. */
async function firstLine(stdin: NodeJS.ReadableStream): Promise<string> {
  const lines = createInterface({ input: stdin, terminal: false });
  for await (const line of lines) return line.trim();
  return '';
}
