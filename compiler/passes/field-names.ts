/** Names of fields, inputs and values: expressions read them after a dot. */
import type { Report } from '../diagnostics.ts';
import type { Span } from '../source-text.ts';
import { foldName } from '../source-text.ts';
import type { Phrase } from './phrases.ts';
import { phrasesSpan, phrasesText } from './phrases.ts';
import { isReservedField } from './reserved-words.ts';

/** Undefined for a name that is fine. */
export function fieldNameMistake(name: string): { code: 'reserved-name' | 'bad-name'; message: string } | undefined {
  if (isReservedField(name)) {
    const message = `Unexpected name ${name}, which has a meaning of its own, expected another`;
    return { code: 'reserved-name', message };
  }
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return undefined;
  const message = `Unexpected name ${name}, expected letters a to z, digits and _, as expressions read it`;
  return { code: 'bad-name', message };
}

/** Reports and returns undefined for names that expressions cannot read and for those that are taken. */
export function readFieldName(
  cell: { phrases: readonly Phrase[]; span: Span },
  taken: Map<string, Span>,
  report: Report,
): string | undefined {
  const [only] = cell.phrases;
  const name = cell.phrases.length === 1 && only?.kind === 'code' ? only.code : phrasesText(cell.phrases);
  const span = phrasesSpan(cell.phrases, cell.span);
  const mistake = fieldNameMistake(name);
  if (mistake) {
    report.error(mistake.code, span, mistake.message);
    return undefined;
  }
  const before = taken.get(foldName(name));
  if (before) {
    const related = [{ span: before, message: `${name} is taken here` }];
    report.error('taken-name', span, `Unexpected second ${name}, expected another name`, { related });
    return undefined;
  }
  taken.set(foldName(name), span);
  return name;
}
