/** Steps that fill the proposal of their run, on the whole system: what people make of it is what the run goes on with. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Json } from '../../compiler/types.ts';
import type { System } from './stack-fixture.ts';
import { startSystem } from './stack-fixture.ts';

const offer = `# Offer

## Inputs
| Name | Type   |
|------|--------|
| days | number |

## Types
### Work
| Field | Type   |
|-------|--------|
| days  | number |

### Price
| Field | Type   | Rule                             |
|-------|--------|----------------------------------|
| work  | Work   | optional                         |
| net   | number | computed \`this.work.days * 100\` |

### Terms
| Field | Type | Rule              |
|-------|------|-------------------|
| words | text | length at least 2 |

## Proposal
- state: Price

| Section  | Type  |
|----------|-------|
| The work | Work  |
| Terms    | Terms |

## Steps
### Estimate
- set:
  - days: \`input.days\`
- gives: Work
- section: The work

### Agree on terms
- person: manager
- gives: Terms
- section: Terms

### Add up
- set:
  - days: \`estimate.days\`
- gives: Work
- state: work

### Is it large?
- choose:
  - \`proposal.state.net > 500 && agree_on_terms.words == 'usual'\`: [Large](#large)
  - otherwise: [Small](#small)

### Large
- set:
  - size: \`'large'\`
- then: end

### Small
- set:
  - size: \`'small'\`

## Result
| Name  | Type   | Value                                       |
|-------|--------|---------------------------------------------|
| days  | number | \`estimate.days\`                           |
| net   | number | \`proposal.state.net\`                      |
| terms | text   | \`proposal.sections.Terms.words\`           |
`;

const talk = `# Talk

## Agents
### Assistant
- model: small

You ask one question at a time.

## Proposal
| Section | Type   |
|---------|--------|
| Days    | number |

## Steps
### Talk it over
- session: assignee
- agent: [Assistant](#assistant)
- section: Days
- check: \`output <= 5\`

### Say so
- set:
  - twice: \`talk_it_over * 2\`

## Result
| Name  | Type   | Value          |
|-------|--------|----------------|
| twice | number | \`say_so.twice\` |
`;

const sign = `# Sign

## Types
### Work
| Field | Type   |
|-------|--------|
| days  | number |

## Proposal
| Section  | Type |
|----------|------|
| The work | Work |
| Notes    | text |

## Steps
### Estimate
- set:
  - days: \`3\`
- gives: Work
- section: The work

### Sign
- approve: manager
- show: [Estimate](#estimate)

## Result
| Name | Type   | Value             |
|------|--------|-------------------|
| days | number | \`estimate.days\` |
`;

let system: System;
beforeAll(async () => {
  system = await startSystem();
  await system.as('Mai Tran').publish(offer);
  await system.as('Mai Tran').publish(talk);
  await system.as('Mai Tran').publish(sign);
});
afterAll(() => system?.close());

test('a section that people changed, and what one of them filled in, decide where the run goes and what it comes to', async () => {
  const an = system.as('An Nguyen');
  const run = await an.start('offer', { days: 3 });
  const gate = await system.openGateOf(run);
  const opened = await an.call('POST', `/runs/${run}/proposal`);
  expect(opened.status).toBe(200);
  const path = `/proposals/${opened.body.id}`;
  const { body: before } = await an.call('GET', path);
  const work = before.sections.find(({ name }: { name: string }) => name === 'The work');
  expect(work).toMatchObject({ content: { days: 3 }, provenance: { source: 'step', of: 'estimate' } });

  const suggested = await an.call('POST', `${path}/suggestions`, {
    kind: 'replace',
    section: 'The work',
    base: work.digest,
    content: { days: 9 },
  });
  expect(suggested.status).toBe(201);
  expect((await an.call('POST', `${path}/suggestions/${suggested.body.id}/accept`, {})).status).toBe(200);

  const fill = (words: string) =>
    system.as('Mai Tran').call('POST', `/gates/${gate.id}/decisions`, {
      action: 'done',
      subject: gate.subject,
      comment: '',
      form: { words },
    });
  expect((await fill('u')).status).toBe(422);
  expect((await fill('usual')).status).toBe(201);
  const ended = await system.until(run, 'completed');
  expect(ended.result).toEqual({ days: 9, net: 900, terms: 'usual' });
  const states = ended.steps.flatMap(({ id, state }) => (['large', 'small'].includes(id) ? [[id, state]] : []));
  expect(states).toEqual([
    ['large', 'committed'],
    ['small', 'skipped'],
  ]);
  const { body: after } = await an.call('GET', path);
  const terms = after.sections.find(({ name }: { name: string }) => name === 'Terms');
  expect(terms).toMatchObject({ content: { words: 'usual' }, provenance: { source: 'person' } });
});

test('a session is done when its assignee says so, and only once its section is filled as its checks say', async () => {
  const an = system.as('An Nguyen');
  const run = await an.start('talk', {});
  const { id, subject, title } = await system.openGateOf(run);
  expect(title).toBe('Talk it over');
  const done = async (by = an) =>
    (await by.call('POST', `/gates/${id}/decisions`, { action: 'done', subject, comment: '' })).status;
  const { body: proposal } = await an.call('POST', `/runs/${run}/proposal`);
  const fill = async (content: number, base: string | null): Promise<string> => {
    const path = `/proposals/${proposal.id}`;
    const { body: suggestion } = await an.call('POST', `${path}/suggestions`, {
      kind: 'replace',
      section: 'Days',
      base,
      content,
    });
    await an.call('POST', `${path}/suggestions/${suggestion.id}/accept`, {});
    return (await an.call('GET', path)).body.sections[0].digest;
  };
  expect(await done()).toBe(422);
  const six = await fill(6, null);
  expect(await done()).toBe(422);
  await fill(4, six);
  expect(await done(system.as('Minh Pham'))).toBe(403);
  expect(await done()).toBe(201);
  expect((await system.until(run, 'completed')).result).toEqual({ twice: 8 });
});

test('a session goes with the proposal: who it is handed over to is asked, and alone says that it is done', async () => {
  const [an, minh] = [system.as('An Nguyen'), system.as('Minh Pham')];
  const run = await an.start('talk', {});
  const first = await system.openGateOf(run);
  const { body: proposal } = await an.call('POST', `/runs/${run}/proposal`);
  const path = `/proposals/${proposal.id}`;
  const { body: people } = await an.call('GET', '/people?q=Minh');
  const handoff = { person: people.items[0].id, mode: 'handoff' };
  expect((await an.call('POST', `${path}/share`, handoff)).status).toBe(201);
  const second = await vi.waitFor(
    async () => {
      const gate = await system.openGateOf(run);
      expect(gate.id).not.toBe(first.id);
      return gate;
    },
    { timeout: 60_000, interval: 50 },
  );
  const { body: made } = await minh.call('POST', `${path}/suggestions`, {
    kind: 'replace',
    section: 'Days',
    base: null,
    content: 2,
  });
  expect((await minh.call('POST', `${path}/suggestions/${made.id}/accept`, {})).status).toBe(200);
  const done = ({ id, subject }: { id: string; subject: string }, by = minh) =>
    by.call('POST', `/gates/${id}/decisions`, { action: 'done', subject, comment: '' });
  expect((await done(first, an)).body.type).toBe('urn:waymark:problem:not-open');
  expect((await done(second, an)).body.type).toBe('urn:waymark:problem:not-an-approver');
  expect((await done(second)).status).toBe(201);
  expect((await system.until(run, 'completed')).result).toEqual({ twice: 4 });
});

test('a gate that shows what people have changed since is not decided: it lapses, and asks about what stands there now', async () => {
  const an = system.as('An Nguyen');
  const run = await an.start('sign', {});
  const first = await system.openGateOf(run);
  const { body: proposal } = await an.call('POST', `/runs/${run}/proposal`);
  const path = `/proposals/${proposal.id}`;
  const change = async (section: string, content: Json): Promise<void> => {
    const { body } = await an.call('GET', path);
    const { digest: base = null } = body.sections.find(({ name }: { name: string }) => name === section);
    const { body: made } = await an.call('POST', `${path}/suggestions`, { kind: 'replace', section, base, content });
    await an.call('POST', `${path}/suggestions/${made.id}/accept`, {});
  };
  const approve = ({ id, subject }: { id: string; subject: string }) =>
    system.as('Mai Tran').call('POST', `/gates/${id}/decisions`, { action: 'approve', subject, comment: '' });
  await change('The work', { days: 30 });
  const refused = await approve(first);
  expect([refused.status, refused.body.type]).toEqual([409, 'urn:waymark:problem:stale-subject']);
  const second = await vi.waitFor(
    async () => {
      const gate = await system.openGateOf(run);
      expect(gate.id).not.toBe(first.id);
      return gate;
    },
    { timeout: 30_000, interval: 100 },
  );
  expect(second.shown.map(({ value }) => value)).toEqual([{ days: 30 }]);
  // What it does not show is nothing to it.
  await change('Notes', 'Well done');
  expect((await approve(second)).status).toBe(201);
  expect((await system.until(run, 'completed')).result).toEqual({ days: 30 });
});
