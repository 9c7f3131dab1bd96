import { describe, expect, it } from 'vitest';
import { textTable } from './text-table.ts';

describe('textTable', () => {
  it('aligns columns by what a terminal shows, not by code units', () => {
    const table = textTable(
      [{ title: 'step' }, { title: 'tokens', align: 'right' }, { title: 'note' }],
      [
        ['Đọc hoá đơn', '1200', 'ok'],
        ['領収書', '7', ''],
        ['e\u0301t\u0301', '15', 'x'],
      ],
    );
    expect(table).toBe(
      [
        'step         tokens  note',
        '-----------  ------  ----',
        'Đọc hoá đơn    1200  ok',
        '領収書            7',
        'e\u0301t\u0301               15  x',
      ].join('\n'),
    );
  });

  it('keeps a cell that holds line ends or terminal sequences within its row', () => {
    expect(textTable([{ title: 'a' }], [['x\n\u001b[31my\r\nz']])).toBe('a\n-----\nx y z');
  });

  it('shows the titles alone when there are no rows', () => {
    expect(textTable([{ title: 'gate' }, { title: 'run' }], [])).toBe('gate  run\n----  ---');
    expect(textTable([{ title: 'gate' }, { title: '' }], [])).toBe('gate\n----');
  });
});
