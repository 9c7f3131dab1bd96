import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ServerSentEvent } from './server-sent-events.ts';
import { readServerSentEvents } from './server-sent-events.ts';

async function all(events: AsyncIterable<ServerSentEvent>): Promise<ServerSentEvent[]> {
  const found: ServerSentEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

async function read(bytes: Uint8Array, cuts: number[] = []): Promise<ServerSentEvent[]> {
  async function* chunks() {
    let start = 0;
    for (const cut of [...cuts.map((one) => one % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
      yield bytes.subarray(start, cut);
      start = cut;
    }
  }
  return all(readServerSentEvents(chunks()));
}

const bytes = (text: string) => new TextEncoder().encode(text);

describe('readServerSentEvents', () => {
  it('reads ids, kinds and data, and passes over comments and unknown fields', async () => {
    const stream =
      ': hello\nid: 1\nevent: step.started\ndata: {"a":1}\n\nretry: 10\nnonsense\ndata:two\ndata: lines\n\n';
    expect(await read(bytes(stream))).toEqual([
      { id: '1', event: 'step.started', data: '{"a":1}' },
      { id: '1', event: 'message', data: 'two\nlines' },
    ]);
  });

  it('gives no event for a block without data, and keeps its id for later ones', async () => {
    expect(await read(bytes('id: 7\n\ndata: x\n\n'))).toEqual([{ id: '7', event: 'message', data: 'x' }]);
  });

  it('drops an event whose closing blank line never came', async () => {
    expect(await read(bytes('data: a\n\ndata: b\n'))).toEqual([{ id: '', event: 'message', data: 'a' }]);
  });

  it('takes off one space after the colon, no more', async () => {
    expect(await read(bytes('data:  a\n\n'))).toEqual([{ id: '', event: 'message', data: ' a' }]);
  });

  it('reads the same events however line ends are written and wherever the chunks are cut', async () => {
    const events = fc.array(
      fc.record({
        id: fc.stringMatching(/^[a-z0-9é]{1,5}$/),
        event: fc.stringMatching(/^[a-z.]{1,8}$/),
        data: fc.stringMatching(/^[^\r\n\0]{0,20}$/),
      }),
      { maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(
        events,
        fc.constantFrom('\n', '\r', '\r\n'),
        fc.array(fc.nat(), { maxLength: 8 }),
        async (sent, end, cuts) => {
          const text = sent
            .map(({ id, event, data }) => [`id: ${id}`, `event: ${event}`, `data: ${data}`, '', ''].join(end))
            .join('');
          expect(await read(bytes(`\ufeff${text}`), cuts)).toEqual(sent);
        },
      ),
    );
  });

  it('refuses an event without end instead of holding ever more of it', async () => {
    async function* endless() {
      for (;;) yield bytes(`data: ${'x'.repeat(1024 * 1024)}\n`);
    }
    await expect(all(readServerSentEvents(endless()))).rejects.toThrow('too large');
  });
});
