import { expect, test } from 'vitest';
import { inOrderOf, markdownOf } from './export-markdown.ts';

test('texts stand as written, records become lists, lists of flat records tables', () => {
  const text = markdownOf({
    title: 'Plan\nfor An',
    sections: [
      { name: 'Welcome', content: '\n**Hello**\n' },
      { name: 'Who', content: { name: 'An *', ready: true, at: { city: 'Hanoi', floors: [1, 2] }, none: {} } },
      { name: 'Tags', content: ['a', 'b|c'] },
      { name: 'Nested', content: [{ a: { b: 1 } }] },
      { name: 'Days', content: [{ day: 1, what: 'a|b\nc' }, { day: 2 }] },
      { name: 'Nobody', content: [] },
      { name: 'Later' },
    ],
    state: { phase: 'draft' },
  });
  expect(text).toBe(`# Plan for An

## Welcome

**Hello**

## Who

- **name**: An \\*
- **ready**: yes
- **at**:
  - **city**: Hanoi
  - **floors**:
    - 1
    - 2
- **none**:

## Tags

- a
- b|c

## Nested

-
  - **a**:
    - **b**: 1

## Days

| day | what |
| --- | --- |
| 1 | a\\|b c |
| 2 |  |

## Nobody

*Empty.*

## Later

*Not written yet.*

## State

- **phase**: draft
`);
});

test('fields come in the order of their type, through lists, maps and names', () => {
  const text = { kind: 'text' } as const;
  const record = {
    kind: 'record',
    fields: [
      { name: 'what', type: text },
      { name: 'day', type: text },
    ],
  } as const;
  const types = [{ name: 'Task', type: { ...record, fields: [...record.fields] } }];
  const value = { x: [{ day: '1', extra: 'e', what: 'w' }] };
  const ordered = inOrderOf({ kind: 'map', of: { kind: 'list', of: { kind: 'named', name: 'Task' } } }, types, value);
  expect(JSON.stringify(ordered)).toBe('{"x":[{"what":"w","day":"1","extra":"e"}]}');
});
