/** The examples on one development stack, as a reader of them starts it: practice answers, gates decided over HTTP. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createAdminClient } from '../cli/admin-client.ts';
import { createApiCalls } from '../cli/api-calls.ts';
import type { Gate, Published, Run } from '../cli/api-shapes.ts';
import type { Client } from '../cli/client.ts';
import { createClient } from '../cli/client.ts';
import { readDocument, readJsonBeside } from '../cli/document-files.ts';
import { publishDocument } from '../cli/publish-document.ts';
import { surroundingsOf } from '../cli/surroundings.ts';
import { compile } from '../compiler/compile.ts';
import type { Graph } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import type { ApiClient } from '../tests/system/api-client.ts';
import { apiClient } from '../tests/system/api-client.ts';
import type { DevelopmentStack } from '../tests/system/development-stack.ts';
import { end, startDevelopment } from '../tests/system/development-stack.ts';

const world = { cwd: import.meta.dirname, terminal: { readAll: () => Promise.reject(new Error('no stdin')) } };
let folder: string;
let stack: DevelopmentStack;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'waymark-examples-'));
  stack = await startDevelopment(['--data', folder]);
});
afterAll(async () => {
  if (stack) await end(stack.process, 'SIGINT');
  rmSync(folder, { recursive: true, force: true });
});

function as(person: string): Client {
  const token = stack.facts.users.find(({ name }) => name === person)?.token;
  if (token === undefined) throw new Error(`no person ${person}`);
  return createClient({ apiUrl: stack.facts.apiUrl, token });
}

async function publish(path: string): Promise<Published & { graph: Graph; input: Json; practice: Json }> {
  const document = await readDocument(path, world);
  const [input, practice] = await Promise.all(
    ['input.json', 'practice.json'].map((name) => readJsonBeside(document, name)),
  );
  if (!input || !practice) throw new Error(`${path} has no input.json or no practice.json beside it`);
  const published = await publishDocument(as('An Nguyen'), document);
  const { graph } = compile(document.markdown, { surroundings: await surroundingsOf(document, {}, world) });
  if (!graph) throw new Error(`${path} has mistakes`);
  return { graph, ...published, input: input.value, practice: practice.value };
}

/** The id of a run that An started. */
async function start(path: string): Promise<string> {
  const { graphHash, input, practice } = await publish(path);
  return (await as('An Nguyen').startRun({ graphHash, input, practice })).id;
}

/** What of the API the command line has no command for. */
function apiOf(person: string): ApiClient {
  const token = stack.facts.users.find(({ name }) => name === person)?.token ?? '';
  return apiClient(stack.facts.apiUrl, token);
}

/** As the admin of the tenant gives them. */
async function giveRoles(person: string, roles: string[]): Promise<void> {
  const { users, apiUrl } = stack.facts;
  const email = users.find(({ name }) => name === person)?.email;
  const token = users.find(({ roles: own }) => own.includes('admin'))?.token ?? '';
  const admin = createAdminClient(createApiCalls({ apiUrl, token }));
  const user = (await admin.users()).find((one) => one.email === email);
  if (!user) throw new Error(`no person ${person}`);
  await admin.changeUser(user.id, { roles });
}

function until(run: string, isSo: (view: Run) => boolean): Promise<Run> {
  return vi.waitFor(
    async () => {
      const view = await as('An Nguyen').getRun(run);
      // Where it stands instead is what a person needs to know of a failed wait.
      const failures = view.steps.flatMap(({ id, failure }) => (failure ? [{ id, failure }] : []));
      expect(isSo(view), `run ${run} is ${view.status} ${JSON.stringify(failures)}`).toBe(true);
      return view;
    },
    { timeout: 60_000, interval: 100 },
  );
}

/** The gate that the run waits at; never one of those `before`. */
async function gateOf(run: string, before: readonly Gate[] = []): Promise<Gate> {
  const isNew = ({ gate }: { gate: string }) => before.every(({ id }) => id !== gate);
  const { waiting } = await until(run, (view) => view.waiting.some(isNew));
  return as('An Nguyen').gate(waiting.find(isNew)?.gate ?? '');
}

const decide = (person: string, gate: Gate, action: string, comment = '') =>
  as(person).decide(gate.id, { action, subject: gate.subject, comment });

const shownBy = (gate: Gate) => Object.fromEntries(gate.shown.map(({ name, value }) => [name, value]));

test('a claim is read, approved by a manager, paid at the bank and answered', async () => {
  const run = await start('expense-approval');
  await decide('Mai Tran', await gateOf(run), 'approve', 'As the policy allows.');
  expect((await until(run, ({ status }) => status === 'completed')).result).toEqual({
    receipt: { merchant: 'Vietnam Railways', amount: 640, category: 'travel' },
    paid: { reference: 'PAY-000001', amount: 640 },
    letter: expect.stringMatching(/^Good news: /),
  });
});

test('an incident is explained from three readings that are joined, and published when a manager has agreed', async () => {
  const run = await start('incident-review');
  const gate = await gateOf(run);
  expect(shownBy(gate)).toMatchObject({
    what_is_known: {
      errors: { count: 4127, first: '09:42:07 TimeoutError: no connection to payments-db within 2000 ms' },
      changes: [{ what: 'checkout 4.18.0: new receipts' }, { what: 'checkout 4.18.1: connection pool from 50 to 5' }],
      affected: { customers: 312 },
    },
  });
  await decide('Mai Tran', gate, 'approve');
  expect((await until(run, ({ status }) => status === 'completed')).result).toEqual({
    explanation: {
      cause: 'Release 4.18.1 left the checkout too few connections to its database, so payments waited and failed.',
      remedy: "The release was taken back; a check of the pool's size is added to the pipeline.",
      certain: true,
    },
    customers: 312,
    changes: 2,
  });
});

test('invoices are made for each customer and approved together, and one whose mail is refused is left out', async () => {
  const run = await start('monthly-invoices');
  const gate = await gateOf(run);
  expect(shownBy(gate)).toMatchObject({ sum_up: { invoices: 3, total: 3492.5 } });
  await decide('Finn Olsen', gate, 'approve');
  const { result } = await until(run, ({ status }) => status === 'completed');
  expect(result).toEqual({ invoices: 3, total: 3492.5, sent: 2 });
});

test('criteria are written until the reviewer finds them clear, sent back by a manager once, and filed', async () => {
  const run = await start('acceptance-criteria');
  const first = await gateOf(run);
  expect(shownBy(first)).toEqual({
    tieu_chi: {
      dat_khi: [
        'Nhập đúng số điện thoại và đúng mã thì vào được trang của tôi.',
        'Mã sai ba lần thì phải đợi năm phút.',
      ],
      khong_bao_gom: ['Đăng nhập bằng mạng xã hội'],
    },
    nhan_xet: { ro: true, thieu: [] },
    // What will be written stands beside what was asked to be shown, as far as it is known before the decision.
    '3. Ghi vào sổ việc': {
      issue: 'APP-418',
      criteria: [
        'Nhập đúng số điện thoại và đúng mã thì vào được trang của tôi.',
        'Mã sai ba lần thì phải đợi năm phút.',
      ],
    },
  });
  await decide('Mai Tran', first, 'trả lại', 'Thiếu trường hợp hết phiên đăng nhập.');
  await decide('Minh Pham', await gateOf(run, [first]), 'duyệt');
  expect((await until(run, ({ status }) => status === 'completed')).result).toEqual({
    tieu_chi: {
      dat_khi: [
        'Nhập đúng số điện thoại và đúng mã thì vào được trang của tôi.',
        'Mã sai ba lần thì phải đợi năm phút.',
        'Sau ba mươi phút không dùng thì phải đăng nhập lại.',
      ],
      khong_bao_gom: ['Đăng nhập bằng mạng xã hội'],
    },
    nguoi_duyet: expect.any(String),
  });
});

test('a supplier is looked at by legal and by finance side by side, entered, and ordered from by another document', async () => {
  await giveRoles('Minh Pham', ['manager', 'legal']);
  const run = await start('new-supplier');
  const { waiting } = await until(run, (view) => view.waiting.length === 2);
  const gates = await Promise.all(waiting.map(({ gate }) => as('An Nguyen').gate(gate)));
  const [legal, finance] = ['legal_agrees', 'finance_agrees'].map((step) => gates.find((one) => one.step === step));
  if (!legal || !finance) throw new Error(`the run waits at ${gates.map(({ step }) => step).join(' and ')}`);
  expect(shownBy(finance)).toMatchObject({ read_the_offer: { price: 4920, days: 21 }, limit: 5000 });
  await decide('Mai Tran', finance, 'approve');
  await as('Minh Pham').decide(legal.id, {
    action: 'approve',
    subject: legal.subject,
    comment: '',
    form: { note: 'Payment within 30 days.' },
  });
  await decide('Finn Olsen', finance, 'approve');
  const order = await vi.waitFor(
    async () => {
      const found = (await as('An Nguyen').gates()).find(({ run: { document } }) => document === 'order');
      expect(found).toBeDefined();
      return found as Gate;
    },
    { timeout: 60_000, interval: 100 },
  );
  expect(order.mayDecide).toBe(true);
  await decide('An Nguyen', order, 'approve');
  expect((await until(run, ({ status }) => status === 'completed')).result).toEqual({
    offer: { item: '12 desks, oak, height adjustable', price: 4920, days: 21 },
    note: 'Payment within 30 days.',
    ordered: true,
  });
});

test('an order runs by itself too, and waits for the person whom it names', async () => {
  const run = await start('new-supplier/order');
  await decide('An Nguyen', await gateOf(run), 'approve');
  expect((await until(run, ({ status }) => status === 'completed')).result).toEqual({ number: 'ORD-2026-118' });
});

test('a plan for who starts is drafted into its proposal, finished by several people there, and agreed to as they left it', async () => {
  const run = await start('onboarding');
  // Nobody waits for the agent: IT is asked at once.
  const equipment = await gateOf(run);
  expect([equipment.step, equipment.title]).toEqual(['get_the_equipment_ready', 'Get the equipment ready']);
  await as('Olga Petrova').decide(equipment.id, {
    action: 'done',
    subject: equipment.subject,
    comment: '',
    form: { laptop: 'L-2207', access: true },
  });
  const talk = await gateOf(run, [equipment]);
  expect(talk.step).toBe('finish_the_plan');
  const buddy = apiOf('An Nguyen');
  const proposal = `/proposals/${(await buddy.call('POST', `/runs/${run}/proposal`)).body.id}`;
  const write = async (section: string, content: Json) => {
    const { body } = await buddy.call('GET', proposal);
    const { version } = body.sections.find(({ name }: { name: string }) => name === section);
    const match = { 'if-match': `"${version}"` };
    return buddy.call('PUT', `${proposal}/sections/${encodeURIComponent(section)}`, { content }, undefined, match);
  };
  const week = [
    { what: 'Breakfast with the team', day: 1 },
    { what: 'Listen to calls beside An', day: 2 },
    { what: 'Answer the first mail', day: 3 },
  ];
  expect((await write('First week', week)).status).toBe(200);
  expect((await write('Welcome', 'Welcome, Lien!')).status).toBe(200);
  expect((await write('Equipment', { laptop: 'None', access: false })).status).toBe(403);
  await decide('An Nguyen', talk, 'done');
  const gate = await gateOf(run, [equipment, talk]);
  const invitation = { to: 'Lien Hoang', text: 'Welcome, Lien!', tasks: 3 };
  expect(shownBy(gate)).toEqual({
    draft_the_first_week: week,
    finish_the_plan: 'Welcome, Lien!',
    readiness: { load: { tasks: 3, last: 3 }, full: false },
    Invite: invitation,
  });
  await decide('Mai Tran', gate, 'approve');
  const { result } = await until(run, ({ status }) => status === 'completed');
  expect(result).toEqual({ welcome: 'Welcome, Lien!', week, full: false });
});

test('a quotation is drafted into its proposal, talked over, agreed to as it stands there, and sent', async () => {
  await giveRoles('Mai Tran', ['manager', 'sales-director']);
  const run = await start('quotation');
  const talk = await gateOf(run);
  expect([talk.step, talk.actions.map(({ name }) => name)]).toEqual(['talk_it_over', ['done']]);
  await decide('An Nguyen', talk, 'done');
  const gate = await gateOf(run, [talk]);
  const offer = expect.stringMatching(/^Dear Marit, you get a calendar .* 15,612\.80 euros with value added tax\.$/);
  expect(shownBy(gate)).toEqual({
    draft_the_offer: offer,
    price: { effort: { days: 16, rate: 820 }, net: 13120, gross: 15612.8 },
    Send: { to: 'an', text: offer },
  });
  await decide('Mai Tran', gate, 'approve');
  expect((await until(run, ({ status }) => status === 'completed')).result).toEqual({ offer, gross: 15612.8 });
});
