/** What differs between two versions of a file, as `diff -u` shows it. */
import { createTwoFilesPatch } from 'diff';

export function unifiedDiff(before: string, after: string, name: string): string {
  const options = { headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true } };
  return createTwoFilesPatch(name, name, before, after, 'as it is', 'as drafted', options).trimEnd();
}
