import { expect, test } from 'vitest';
import { gateView } from './gate-view.ts';

const output = { action: 'approve', comment: 'x'.repeat(300), by: 'mai', form: { centre: 12, lines: [1], note: null } };

test('the view holds what conditions read and nothing else: a comment that none reads stays out of history', () => {
  expect(gateView([], output)).toBeNull();
  expect(JSON.parse(gateView(['action', 'by'], output) ?? '')).toEqual({ values: { action: 'approve', by: 'mai' } });
});

test('text of more than 256 bytes, lists and records are opaque', () => {
  expect(JSON.parse(gateView(['comment', 'form', 'form.lines', 'form.centre', 'form.note'], output) ?? '')).toEqual({
    values: { 'form.centre': 12, 'form.note': null },
    opaque: ['comment', 'form', 'form.lines'],
  });
  const comment = 'ä'.repeat(128);
  expect(JSON.parse(gateView(['comment'], { comment }) ?? '')).toEqual({ values: { comment } });
  expect(JSON.parse(gateView(['comment'], { comment: `${comment}a` }) ?? '')).toEqual({ opaque: ['comment'] });
});

test('a path that leads nowhere, through nothing or to what only looks like a field, is absent', () => {
  expect(gateView(['form.x', 'form.note.y', 'constructor', 'action.length'], output)).toBeNull();
});
