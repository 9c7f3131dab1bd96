import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Handoff } from './handoff.ts';
import { HandoffProblem, handoffJsonSchema, readHandoff, writeHandoff } from './handoff.ts';

const facts = {
  run: 'run-1',
  step: 'pay',
  attempt: 2,
  agent: null,
  idempotencyKey: 'a'.repeat(64),
  inputDigests: { input: 'digest-of-input' },
  outputDigest: 'digest-of-output',
  qualityScore: 0.5,
  usage: { tokensIn: 1, tokensOut: 2, costUsd: 0.01, latencyMs: 30 },
};
const output = { b: 1, a: 'é' };

test('a handoff names its output by digest, bytes and checksum, and reads back', () => {
  const stored = writeHandoff(facts, output);
  expect(readHandoff('pay', stored, 'digest-of-output', { a: 'é', b: 1 })).toEqual({
    schemaVersion: 1,
    run: 'run-1',
    step: 'pay',
    attempt: 2,
    agent: null,
    idempotencyKey: 'a'.repeat(64),
    inputDigests: { input: 'digest-of-input' },
    output: { digest: 'digest-of-output', bytes: Buffer.byteLength('{"a":"é","b":1}') },
    checksum: 'aa58fba8483623bed37c1b02edfccbdd9a53123837c20bfa4cb4049993a2872e',
    qualityScore: 0.5,
    usage: { tokensIn: 1, tokensOut: 2, costUsd: 0.01, latencyMs: 30 },
  });
});

test.each<[string, Partial<typeof facts>]>([
  ['a quality above 1', { qualityScore: 1.1 }],
  ['an attempt before the first', { attempt: 0 }],
  ['a key that is no hash', { idempotencyKey: 'pay' }],
  ['a negative cost', { usage: { tokensIn: 0, tokensOut: 0, costUsd: -1, latencyMs: 0 } }],
])('%s is refused when written', (_name, wrong) => {
  expect(() => writeHandoff({ ...facts, ...wrong }, output)).toThrow(HandoffProblem);
});

test('what is read must be a handoff of that step over exactly those bytes', () => {
  const stored = writeHandoff(facts, output);
  const read = (step: string, text: string | null, digest: string, value: typeof output) => () =>
    readHandoff(step, text, digest, value);
  expect(read('pay', stored, 'digest-of-output', { ...output, b: 2 })).toThrow(/Unexpected checksum/);
  expect(read('pay', stored, 'another-digest', output)).toThrow(
    'Unexpected output digest-of-output, expected another-digest',
  );
  expect(read('read', stored, 'digest-of-output', output)).toThrow('Unexpected step pay, expected read');
  expect(read('pay', null, 'digest-of-output', output)).toThrow('Unexpected absence');
  expect(read('pay', 'not json', 'digest-of-output', output)).toThrow(HandoffProblem);
  const newer: Handoff = { ...(JSON.parse(stored) as Handoff), schemaVersion: 2 as 1 };
  expect(read('pay', JSON.stringify(newer), 'digest-of-output', output)).toThrow(/schemaVersion/);
});

test('the published schema is the one that is enforced', () => {
  const published: unknown = JSON.parse(readFileSync(new URL('./handoff.schema.json', import.meta.url), 'utf8'));
  expect(published).toEqual(handoffJsonSchema());
});
