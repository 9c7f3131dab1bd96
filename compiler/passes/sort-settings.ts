/** Which of the settings under a heading its place reads. */
import type { Report } from '../diagnostics.ts';
import type { Setting } from './read-settings.ts';
import { settingNames } from './setting-names.ts';

/** For a place that reads no settings: a list that looks like settings is one mistake, and `expected` says where they go. */
export function refuseSettings(settings: readonly Setting[], place: string, expected: string, report: Report): void {
  const found = settings.find((one) => settingNames.has(one.name)) ?? settings[0];
  if (!found) return;
  const code = settingNames.has(found.name) ? 'setting-not-here' : 'unknown-setting';
  report.error(code, found.nameSpan, `Unexpected setting ${found.name} under ${place}, expected ${expected}`);
}

/** Reports names that the place does not read and settings said twice; gives the others by name. */
export function sortSettings(
  settings: readonly Setting[],
  known: readonly string[],
  place: string,
  report: Report,
): Map<string, Setting> {
  const sorted = new Map<string, Setting>();
  for (const setting of settings) {
    const { name, nameSpan } = setting;
    const before = sorted.get(name);
    if (!settingNames.has(name)) {
      const message = `Unexpected setting ${name} on ${place}, expected one of ${known.join(', ')}`;
      report.error('unknown-setting', nameSpan, message, { nearest: { word: name, candidates: settingNames } });
    } else if (before) {
      const related = [{ span: before.nameSpan, message: 'the first is here' }];
      report.error('repeated-setting', nameSpan, `Unexpected second ${name}, expected it once`, { related });
    } else if (known.includes(name)) {
      if (setting.value.length > 0 || setting.items.length > 0) sorted.set(name, setting);
      else report.error('missing-value', nameSpan, `Unexpected ${name} without a value, expected one after the colon`);
    } else {
      const message = `Unexpected setting ${name} on ${place}, expected one of ${known.join(', ')}`;
      report.error('setting-not-here', nameSpan, message);
    }
  }
  return sorted;
}
