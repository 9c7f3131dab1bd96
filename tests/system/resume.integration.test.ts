/** Going on with a run from its history: what was done is kept, what is done again is as the plan said. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Answer, RunView } from './api-client.ts';
import { claim, order } from './documents.ts';
import type { System } from './stack-fixture.ts';
import { startSystem } from './stack-fixture.ts';

/** A step writes a section, a gate shows it, and another step works on it. */
const bid = `# Bid

## Types
### Work
| Field | Type   |
|-------|--------|
| days  | number |

## Proposal
| Section  | Type |
|----------|------|
| The work | Work |

## Steps
### Estimate
- set:
  - days: \`3\`
- gives: Work
- section: The work

### Sign
- approve: manager
- show: [Estimate](#estimate)

### Price
- set:
  - euros: \`estimate.days * 100\`

## Result
| Name  | Type   | Value          |
|-------|--------|----------------|
| price | number | \`price.euros\` |
`;

const orderWithoutPaying = order.replace(/## Types[\s\S]*?(?=## Steps)/, '').replace(
  /### Pay\n[\s\S]*$/,
  `### Note
- set:
  - amount: \`input.amount\`

## Result
| Name   | Type   | Value         |
|--------|--------|---------------|
| amount | number | \`note.amount\` |
`,
);

let system: System;
beforeAll(async () => {
  system = await startSystem();
  await system.as('Mai Tran').publish(claim);
});
afterAll(() => system?.close());

type Plan = {
  digest: string;
  from: string[];
  graphChanged: boolean;
  inputChanged: boolean;
  kept: { step: string }[];
  reruns: { step: string; because: string; certain: boolean }[];
  approvals: { kept: { step: string }[]; lapsed: { step: string; reason: string; certain: boolean }[] };
  edits: { kept: { step: string }[]; dropped: { step: string; reason: string }[] };
  overwrites: { step: string; place: string; certain: boolean }[];
  effects: { kept: { step: string; status: string }[]; toAcknowledge: { effect: string; step: string }[] };
};

const an = () => system.as('An Nguyen');

/** The receipt's text is the claimant's name, by which model and bank are scripted. */
async function startClaim(claimant: string, amount: number): Promise<string> {
  system.models.script(claimant, { says: { merchant: 'Railways', amount } });
  return an().start('claim', { receipt: claimant, claimed: amount, claimant });
}

async function decide(run: string, action: string): Promise<void> {
  const { id, subject } = await system.openGateOf(run);
  const { status } = await system.as('Mai Tran').decide(id, { action, subject, comment: 'As it is' });
  expect(status).toBe(201);
}

async function planOf(run: string, choice: object = {}): Promise<Plan> {
  const { status, body } = await an().call('POST', `/runs/${run}/resume-plan`, choice);
  expect([status, body]).toEqual([200, expect.anything()]);
  return body as unknown as Plan;
}

const apply = (run: string, order: object): Promise<Answer> => an().call('POST', `/runs/${run}/resume`, order);

/** Applies the plan; gives the run that goes on. */
async function resume(run: string, choice: object = {}): Promise<{ run: string; plan: Plan }> {
  const plan = await planOf(run, choice);
  const { status, body } = await apply(run, { ...choice, digest: plan.digest });
  expect([status, body]).toEqual([201, expect.objectContaining({ resumes: run })]);
  return { run: String(body.id), plan };
}

const asked = (claimant: string) => system.models.asked(claimant).length;
const steps = (list: readonly { step: string }[]) => list.map(({ step }) => step);
const failureOf = ({ steps: all }: RunView) => all.find(({ failure }) => failure)?.failure?.class;

test('a run that needs attention goes on where it stands: nothing is read, decided or paid twice', async () => {
  const claimant = 'resume-parked';
  system.tools.refusePaymentsTo(claimant);
  const first = await startClaim(claimant, 640);
  await decide(first, 'approve');
  await system.until(first, 'needs-attention');
  system.tools.acceptPaymentsTo(claimant);

  const { run, plan } = await resume(first);
  expect(steps(plan.kept)).toEqual(['read_the_receipt']);
  expect(plan.reruns).toEqual([expect.objectContaining({ step: 'pay', because: 'failed', certain: true })]);
  expect(steps(plan.approvals.kept)).toEqual(['manager_approves']);
  const ended = await system.until(run, 'completed');
  expect(ended.lineage).toEqual({ rootRun: first, runs: [first, run] });
  expect(await system.until(first, 'cancelled')).toMatchObject({ resumedBy: run });
  expect(asked(claimant)).toBe(1);
  expect(system.tools.paymentsTo(claimant)).toEqual([{ to: claimant, amount: 640 }]);
  // In the Web UI, too.
  const { raw } = await system.temporal.workflow.getHandle(ended.workflowId).describe();
  expect(Buffer.from(raw.executionConfig?.userMetadata?.details?.data ?? []).toString()).toContain(first);
  // Of the steps that were kept no activity is made: they are recalled together.
  const { events } = await system.temporal.workflow.getHandle(ended.workflowId).fetchHistory();
  const scheduled = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: of }) => of?.activityId ?? []);
  expect(scheduled).toEqual(['recall#1', 'manager_approves', 'pay']);
  expect((events ?? []).filter(({ timerStartedEventAttributes: timer }) => timer)).toEqual([]);
});

test('a run that was rejected asks again, and only that', async () => {
  const claimant = 'resume-rejected';
  const first = await startClaim(claimant, 640);
  await decide(first, 'reject');
  await system.until(first, 'rejected');
  const { run, plan } = await resume(first);
  expect(plan.from).toEqual(['manager_approves']);
  expect(plan.approvals.lapsed).toEqual([
    expect.objectContaining({ step: 'manager_approves', reason: 'it is asked again', certain: true }),
  ]);
  await decide(run, 'approve');
  await system.until(run, 'completed');
  expect(asked(claimant)).toBe(1);
  expect(system.tools.paymentsTo(claimant)).toHaveLength(1);
});

test('a completed run from a step: the same answer changes nothing after it, another is decided anew and parks the write', async () => {
  const claimant = 'resume-completed';
  const first = await startClaim(claimant, 640);
  await decide(first, 'approve');
  await system.until(first, 'completed');

  const same = await resume(first, { from: 'read_the_receipt' });
  expect(same.plan.approvals.lapsed).toEqual([expect.objectContaining({ step: 'manager_approves', certain: false })]);
  expect(steps(same.plan.effects.kept)).toEqual(['pay']);
  await system.until(same.run, 'completed');
  expect(asked(claimant)).toBe(2);
  expect(system.tools.requestsFor(claimant)).toBe(1);

  system.models.script(claimant, { says: { merchant: 'Railways', amount: 630 } });
  const other = await resume(same.run, { from: 'read_the_receipt' });
  await decide(other.run, 'approve');
  expect(failureOf(await system.until(other.run, 'needs-attention'))).toBe('effect-conflict');
  expect(system.tools.requestsFor(claimant)).toBe(1);
});

test('another version and another input: what they leave as it was is kept', async () => {
  const claimant = 'resume-edited';
  system.tools.refusePaymentsTo(claimant);
  const first = await startClaim(claimant, 640);
  await decide(first, 'approve');
  await system.until(first, 'needs-attention');
  system.tools.acceptPaymentsTo(claimant);
  const edited = claim.replace('You read receipts.', 'You read receipts with care.');
  const published = await system.as('Mai Tran').call('POST', '/documents', { markdown: edited });
  const graph = String(published.body.graphHash);
  const plan = await planOf(first, { graph });
  expect([plan.graphChanged, plan.inputChanged]).toEqual([true, false]);
  expect(plan.reruns[0]).toMatchObject({ step: 'read_the_receipt', because: 'changed', certain: true });

  const paysAnother = { receipt: claimant, claimed: 640, claimant: `${claimant}-2` };
  const { run, plan: of } = await resume(first, { input: paysAnother });
  expect([of.graphChanged, of.inputChanged]).toEqual([false, true]);
  // What is to be paid is another thing than what was approved.
  await decide(run, 'approve');
  const parked = await system.until(run, 'needs-attention');
  expect(failureOf(parked)).toBe('effect-conflict');
  await system.as('Mai Tran').publish(claim);
});

test('a value that an operator gave a step holds in the resume, and from that step it is dropped, as the plan says', async () => {
  const claimant = 'resume-operator';
  system.tools.refusePaymentsTo(claimant);
  system.models.script(claimant, { says: { merchant: 'Railways', amount: 640 } });
  const input = { receipt: claimant, claimed: 600, claimant };
  const first = await an().start('claim', input);
  expect(failureOf(await system.until(first, 'needs-attention'))).toBe('check-failed');
  const order = { inputs: { input: { ...input, claimed: 700 } } };
  expect((await an().call('POST', `/runs/${first}/steps/read_the_receipt/retry`, order)).status).toBe(202);
  await system.openGateOf(first);
  await decide(first, 'approve');
  await system.until(first, 'needs-attention');
  const answers = asked(claimant);
  system.tools.acceptPaymentsTo(claimant);

  const given = { step: 'read_the_receipt', path: '', name: 'input', by: 'an' };
  const { run, plan } = await resume(first);
  expect(plan.edits).toEqual({ kept: [given], dropped: [] });
  expect(steps(plan.kept)).toEqual(['read_the_receipt']);
  await system.until(run, 'completed');
  expect(asked(claimant)).toBe(answers);

  const again = await resume(run, { from: 'read_the_receipt' });
  const reason = 'the step is asked again, over what the document gives it';
  expect(again.plan.edits).toEqual({ kept: [], dropped: [{ ...given, reason, certain: true }] });
  expect(failureOf(await system.until(again.run, 'needs-attention'))).toBe('check-failed');
});

test('what people have changed in the proposal is what the resume works on, and its plan says what that undoes', async () => {
  await system.as('Mai Tran').publish(bid);
  const first = await an().start('bid', {});
  await decide(first, 'approve');
  expect((await system.until(first, 'completed')).result).toEqual({ price: 300 });
  const { body: proposal } = await an().call('POST', `/runs/${first}/proposal`);
  const path = `/proposals/${proposal.id}`;
  const base = (await an().call('GET', path)).body.sections[0].digest;
  const change = { kind: 'replace', section: 'The work', base, content: { days: 5 } };
  const { body: suggestion } = await an().call('POST', `${path}/suggestions`, change);
  expect((await an().call('POST', `${path}/suggestions/${suggestion.id}/accept`, {})).status).toBe(200);

  const over = await planOf(first, { from: 'estimate' });
  expect(over.overwrites).toEqual([{ step: 'estimate', place: 'The work', certain: true }]);
  const { run, plan } = await resume(first);
  expect(steps(plan.kept)).toEqual(['estimate']);
  expect(plan.overwrites).toEqual([]);
  expect(plan.reruns.map(({ step, because, certain }) => [step, because, certain])).toEqual([
    ['sign', 'proposal', true],
    ['price', 'proposal', true],
  ]);
  expect(plan.approvals.lapsed).toEqual([
    expect.objectContaining({
      step: 'sign',
      reason: 'the proposal holds something else by now of what it shows',
      certain: true,
    }),
  ]);
  await decide(run, 'approve');
  expect((await system.until(run, 'completed')).result).toEqual({ price: 500 });
  expect((await an().call('GET', path)).body.sections[0].content).toEqual({ days: 5 });
});

test('of many who resume at once one does, and a plan that is another by now is refused', async () => {
  const claimant = 'resume-raced';
  const first = await startClaim(claimant, 640);
  const early = await planOf(first);
  await decide(first, 'reject');
  await system.until(first, 'rejected');
  expect((await apply(first, { digest: early.digest })).body.type).toBe('urn:waymark:problem:plan-changed');
  const { digest } = await planOf(first);
  const answers = await Promise.all(Array.from({ length: 10 }, () => apply(first, { digest })));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, ...new Array<number>(9).fill(409)]);
  const { lineage } = await an().run(first);
  expect(lineage.runs).toHaveLength(2);
});

test('a run whose workflow was terminated goes on', async () => {
  const claimant = 'resume-terminated';
  const first = await startClaim(claimant, 640);
  const { id, subject } = await system.openGateOf(first);
  await system.temporal.workflow.getHandle((await an().run(first)).workflowId).terminate('by hand');
  const { run } = await resume(first);
  // The same gate, over the same subject: it may be decided whoever asks by now.
  expect((await system.as('Mai Tran').decide(id, { action: 'approve', subject })).status).toBe(201);
  await system.until(run, 'completed');
  expect(asked(claimant)).toBe(1);
  expect(system.tools.paymentsTo(claimant)).toHaveLength(1);
});

test('a run that was cancelled at its gate asks again, over what was read before', async () => {
  const claimant = 'resume-cancelled';
  const first = await startClaim(claimant, 640);
  await system.openGateOf(first);
  expect((await an().call('POST', `/runs/${first}/cancel`, {})).status).toBe(202);
  await system.until(first, 'cancelled');

  const { run, plan } = await resume(first);
  expect(steps(plan.kept)).toEqual(['read_the_receipt']);
  await decide(run, 'approve');
  const ended = await system.until(run, 'completed');
  expect(ended.lineage).toEqual({ rootRun: first, runs: [first, run] });
  expect((await an().run(first)).status).toBe('cancelled');
  expect(asked(claimant)).toBe(1);
  expect(system.tools.paymentsTo(claimant)).toEqual([{ to: claimant, amount: 640 }]);
});

test('a run that was aborted goes on with what was read and decided in it', async () => {
  const claimant = 'resume-aborted';
  system.tools.refusePaymentsTo(claimant);
  const first = await startClaim(claimant, 640);
  await decide(first, 'approve');
  await system.until(first, 'needs-attention');
  expect((await an().call('POST', `/runs/${first}/abort`, {})).status).toBe(202);
  await system.until(first, 'failed');
  system.tools.acceptPaymentsTo(claimant);

  const { run, plan } = await resume(first);
  expect(steps(plan.kept)).toEqual(['read_the_receipt']);
  expect(steps(plan.approvals.kept)).toEqual(['manager_approves']);
  await system.until(run, 'completed');
  expect((await an().run(first)).status).toBe('failed');
  expect(asked(claimant)).toBe(1);
  expect(system.tools.paymentsTo(claimant)).toEqual([{ to: claimant, amount: 640 }]);
});

test('on another version only what it changes is done again, and a decision stands where the answer comes out the same', async () => {
  const claimant = 'resume-version';
  system.tools.refusePaymentsTo(claimant);
  const first = await startClaim(claimant, 640);
  await decide(first, 'approve');
  await system.until(first, 'needs-attention');
  system.tools.acceptPaymentsTo(claimant);
  const edited = claim.replace('You read receipts.', 'You read receipts twice.');
  const graph = String((await system.as('Mai Tran').call('POST', '/documents', { markdown: edited })).body.graphHash);

  const { run, plan } = await resume(first, { graph });
  expect([plan.graphChanged, plan.inputChanged]).toEqual([true, false]);
  expect(plan.reruns[0]).toMatchObject({ step: 'read_the_receipt', because: 'changed', certain: true });
  const ended = await system.until(run, 'completed');
  expect(ended.graphHash).toBe(graph);
  expect((await an().run(first)).graphHash).not.toBe(graph);
  expect(asked(claimant)).toBe(2);
  expect(system.tools.paymentsTo(claimant)).toEqual([{ to: claimant, amount: 640 }]);
  await system.as('Mai Tran').publish(claim);
});

test('on a version without the step that paid, the payment is acknowledged and stays', async () => {
  const supplier = 'resume-acknowledged';
  await system.as('Mai Tran').publish(order);
  const first = await an().start('order', { amount: 640, supplier });
  await decide(first, 'approve');
  await system.until(first, 'completed');
  const published = await system.as('Mai Tran').call('POST', '/documents', { markdown: orderWithoutPaying });
  expect([published.status, published.body]).toEqual([201, expect.anything()]);
  const graph = String(published.body.graphHash);

  const plan = await planOf(first, { graph });
  expect(steps(plan.effects.kept)).toEqual([]);
  expect(plan.effects.toAcknowledge).toEqual([expect.objectContaining({ step: 'pay', tool: 'payments.transfer' })]);
  const silent = await apply(first, { graph, digest: plan.digest });
  expect(silent.body.type).toBe('urn:waymark:problem:effects-not-acknowledged');
  const acknowledge = plan.effects.toAcknowledge.map(({ effect }) => effect);
  const { status, body } = await apply(first, { graph, digest: plan.digest, acknowledge });
  expect([status, body]).toEqual([201, expect.objectContaining({ resumes: first })]);
  const run = String(body.id);
  // Nothing is guarded any more: what was approved is another thing than what is asked now.
  await decide(run, 'approve');
  expect((await system.until(run, 'completed')).result).toEqual({ amount: 640 });
  expect(system.tools.requestsFor(supplier)).toBe(1);
});
