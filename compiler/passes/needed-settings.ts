/** What a kind needs besides the setting that says it. */
import type { Report } from '../diagnostics.ts';
import type { StepKind } from './draft.ts';
import type { Block } from './read-sections.ts';
import type { Body } from './read-settings.ts';

interface Needed {
  /** One of them must be there. */
  names: readonly string[];
  example: string;
}

const needed: Partial<Record<StepKind, readonly Needed[]>> = {
  person: [{ names: ['gives'], example: 'the type of the form, such as gives: Address' }],
  session: [
    { names: ['agent'], example: 'the agent that talks, such as agent: [Clerk](#clerk)' },
    { names: ['section', 'state'], example: 'section: or state:, which the conversation fills' },
  ],
};

/** What is there and could not be read was reported where it stands. */
export function reportMissingSettings(
  kind: StepKind,
  { heading }: Block,
  { settings, late = [] }: Body,
  report: Report,
): void {
  for (const { names, example } of needed[kind] ?? []) {
    if ([...settings.map((one) => one.name), ...late].some((name) => names.includes(name))) continue;
    const message = `Unexpected ${kind} step ${heading.text} without ${names.join(' or ')}, expected ${example}`;
    report.error('missing-setting', heading.span, message);
  }
  const key = settings.find((one) => one.name === 'key');
  if (!key || settings.some((one) => one.name === 'for each')) return;
  // On any other kind it has no place at all.
  if (kind !== 'agent' && kind !== 'tool') return;
  const message = `Unexpected key on a step without for each, expected for each: with it`;
  report.error('setting-not-here', key.nameSpan, message);
}
