/** Reads a stream of server-sent events, as https://html.spec.whatwg.org/multipage/server-sent-events.html describes it. */

export interface ServerSentEvent {
  /** The last id that the stream gave, of this event or of one before it; empty when it gave none. */
  id: string;
  /** `message` where the stream does not say. */
  event: string;
  data: string;
}

/** One event of a stream is not larger than this, in UTF-16 units. */
const longestEvent = 4 * 1024 * 1024;

/**
 * Yields each event when its closing blank line has come; what is unfinished at the end of the stream is dropped. Fields
 * other than id, event and data are ignored, `retry` too. Throws when one event grows past 4 Mi characters.
 */
export async function* readServerSentEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  let id = '';
  let event = '';
  let data: string[] = [];
  for await (const line of linesOf(chunks, () => data.reduce((sum, one) => sum + one.length, 0))) {
    if (line === '') {
      if (data.length > 0) yield { id, event: event || 'message', data: data.join('\n') };
      event = '';
      data = [];
      continue;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') data.push(value);
    else if (field === 'event') event = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
  }
}

/** Lines that end with LF, CR or CRLF; text after the last of them is dropped. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>, held: () => number): AsyncGenerator<string> {
  // Drops a byte order mark at the start, and puts characters together that two chunks share.
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let at = nextEnd(rest, start); at !== -1; at = nextEnd(rest, start)) {
      // Of a CR at the very end the next chunk tells whether an LF belongs to it.
      if (rest[at] === '\r' && at + 1 === rest.length) break;
      yield rest.slice(start, at);
      start = rest[at] === '\r' && rest[at + 1] === '\n' ? at + 2 : at + 1;
    }
    rest = rest.slice(start);
    if (rest.length + held() > longestEvent) throw new Error('The event stream sent an event that is too large');
  }
  if (rest.endsWith('\r')) yield rest.slice(0, -1);
}

function nextEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\n' || text[at] === '\r') return at;
  }
  return -1;
}
