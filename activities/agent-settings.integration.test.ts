import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Json } from '../compiler/types.ts';
import type { ScriptedModel } from './testing/agent-fixture.ts';
import {
  agentDependencies,
  attemptRead,
  goodReceipt,
  modelCalls,
  startReceiptRun,
  startScriptedModel,
} from './testing/agent-fixture.ts';
import type { Fixture } from './testing/run-fixture.ts';
import { openFixture, retry, stepOf } from './testing/run-fixture.ts';

let fixture: Fixture;
let model: ScriptedModel;
beforeAll(async () => {
  fixture = await openFixture();
  model = await startScriptedModel();
});
afterAll(async () => {
  await model.server.close();
  await fixture.close();
});

const good: Json = { content: goodReceipt };
const bodyOf = (run: string) =>
  model.server.requests().find((request) => request.run === run)?.body as { [field: string]: Json };

test('a step that says think asks the model to reason, as the configuration says for that model', async () => {
  const usual = agentDependencies(fixture, model);
  const said = agentDependencies(fixture, model, {
    configuration: {
      models: { small: { model: 'tiny-1', thinking: { chat_template_kwargs: { enable_thinking: true } } } },
    },
  });
  const plain = await startReceiptRun(fixture, model, [good]);
  const thinking = await startReceiptRun(fixture, model, [good], { node: { think: true } });
  const otherwise = await startReceiptRun(fixture, model, [good], { node: { think: true } });
  for (const run of [plain, thinking]) expect(await attemptRead(usual, run)).toMatchObject({ status: 'committed' });
  expect(await attemptRead(said, otherwise)).toMatchObject({ status: 'committed' });
  expect(bodyOf(plain)).not.toHaveProperty('reasoning_effort');
  expect(bodyOf(thinking)).toMatchObject({ reasoning_effort: 'medium' });
  expect(bodyOf(otherwise)).toMatchObject({ chat_template_kwargs: { enable_thinking: true } });
  expect(bodyOf(otherwise)).not.toHaveProperty('reasoning_effort');
});

test('a step’s own breaker opens after its own number of failures, and waiting for it is no try', async () => {
  const deps = agentDependencies(fixture, model);
  const down: Json = { attempts: [{ status: 503 }, { status: 503 }, good] };
  const run = await startReceiptRun(fixture, model, [down], {
    node: { breaker: { failures: 2, forMs: 400 }, retry: retry(3, 10) },
  });
  for (let failed = 0; failed < 2; failed += 1) {
    expect(await attemptRead(deps, run)).toMatchObject({ type: 'waymark.transient', nonRetryable: false });
  }
  expect(await attemptRead(deps, run)).toMatchObject({ type: 'waymark.breaker-open', nonRetryable: false });
  expect(modelCalls(model, run)).toHaveLength(2);
  expect(await stepOf(fixture, run, 'read')).toMatchObject({ charged: 2 });
  await new Promise((resolve) => setTimeout(resolve, 450));
  expect(await attemptRead(deps, run)).toMatchObject({ status: 'committed' });
});
